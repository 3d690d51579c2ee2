//! The configuration file: whatever stands in it, an error names file and line and says what to do.

use hearth_homeserver::config::ConfigFile;

/// Tries one input.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Err(error) = ConfigFile::parse(text, "hearth.toml") else { return };
    let (place, remedy) = error.0.strip_prefix("hearth.toml, line ").expect(&error.0).split_once(": ").expect(&error.0);
    let line: usize = place.parse().expect(&error.0);
    assert!((1..=text.matches('\n').count() + 1).contains(&line), "line {line} of {text:?}");
    assert!(remedy.contains("Correct the line"), "{}", error.0);
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "server_name = \"example.org\"\ndata = \"/data\"\nplain = true\nregistration = \"token\"\nrate_limits = false\n",
        "listen = \"[::]:8448\"\nbase_url = \"https://example.org\"\ncache_mib = 8\ndefault_room_version = \"12\"\n",
        "# nothing\n\n",
        "server_name = 7\n",
        "[table]\na = 1979-05-27T07:32:00Z\n",
        "a = '''\nx\n'''\nb = { c = [1, 2.5, inf, 0xff] }\n",
    ])
}
