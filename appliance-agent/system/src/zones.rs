//! Names of time zones.

use std::path::Path;

/// Those that people live in, by the file of places that comes with the zones: `zone.tab`, whose third column is the name.
/// `UTC` is added; sorted.
pub(crate) fn parse_places(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut names: Vec<String> = lines.filter_map(|line| line.split('\t').nth(2)).map(str::to_owned).collect();
    names.push("UTC".to_owned());
    names.sort_unstable();
    names.dedup();
    names
}

/// The zone's name in the target of a link to it: what follows `zoneinfo/`.
pub(crate) fn of_link(target: &Path) -> Option<String> {
    let text = target.to_str()?;
    let (_, name) = text.split_once("zoneinfo/")?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let text =
            "# comment\nDE\t+5230+01322\tEurope/Berlin\tmost of Germany\nAD\t+4230+00131\tEurope/Andorra\n\nbroken\n";
        assert_eq!(parse_places(text), ["Europe/Andorra", "Europe/Berlin", "UTC"]);
    }

    #[test]
    fn links() {
        assert_eq!(of_link(Path::new("/usr/share/zoneinfo/Europe/Berlin")).as_deref(), Some("Europe/Berlin"));
        assert_eq!(of_link(Path::new("../usr/share/zoneinfo/UTC")).as_deref(), Some("UTC"));
        assert_eq!(of_link(Path::new("/usr/share/zoneinfo/")), None);
        assert_eq!(of_link(Path::new("/elsewhere")), None);
    }
}
