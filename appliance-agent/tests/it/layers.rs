//! The house's order: a module imports only what stands before it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Low to high. Modules of one line know each other.
const LAYERS: &[&[&str]] = &[
    &["problem", "random", "readable", "attempts", "config", "sessions"],
    &["state", "jobs"],
    // What every part has at hand, and the parts themselves: `App` holds what they keep, and they work with it.
    &[
        "app",
        "homeserver",
        "http",
        "mail",
        "network",
        "checks",
        "certificates",
        "replicas",
        "ports",
        "setup",
        "health",
        "restore",
        "mdns",
        "welcome",
    ],
    &["api"],
    &["start"],
    &["main"],
];

/// `ports` serves the table of routes, the only thing that it knows of `api`.
const EXCEPTIONS: &[(&str, &str)] = &[("ports", "api")];

fn rank(layer: &str) -> usize {
    LAYERS
        .iter()
        .position(|line| line.contains(&layer))
        .unwrap_or_else(|| panic!("src/{layer} is of no layer: give it a place here"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that a source file names after `crate::`.
fn imports(text: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.trim().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
    };
    let mut found = Vec::new();
    for part in text.split("crate::").skip(1) {
        let Some(list) = part.strip_prefix('{') else {
            found.push(word(part));
            continue;
        };
        let (mut depth, mut start) = (1, 0);
        for (at, letter) in list.char_indices() {
            depth += i32::from(letter == '{') - i32::from(letter == '}');
            if (letter == ',' && depth == 1) || depth == 0 {
                found.push(word(&list[start..at]));
                start = at + 1;
            }
            if depth == 0 {
                break;
            }
        }
    }
    found.retain(|word| !word.is_empty());
    found
}

#[test]
fn a_module_imports_only_what_stands_before_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = BTreeMap::new();
    for file in files {
        let path = file.strip_prefix(&root).unwrap();
        let own = path.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        if own == "lib" {
            continue;
        }
        for import in imports(&fs::read_to_string(&file).unwrap()) {
            let known = LAYERS.iter().flat_map(|line| line.iter()).any(|layer| *layer == import);
            let allowed = EXCEPTIONS.contains(&(own.as_str(), import.as_str()));
            if known && rank(&import) > rank(&own) && !allowed {
                wrong.insert(path.display().to_string(), import);
            }
        }
    }
    assert!(wrong.is_empty(), "these files import what stands above them: {wrong:#?}");
}
