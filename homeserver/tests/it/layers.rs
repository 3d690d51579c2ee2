//! The house's order: a layer imports only what stands before it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Low to high. Layers of one line do not know each other.
const LAYERS: &[&[&str]] = &[
    &["config", "clock"],
    &["settings"],
    &["mail"],
    &["accounts"],
    &["rooms"],
    &["e2ee", "media"],
    &["federation", "sync", "push", "appservice"],
    &["http"],
    &["client_api", "server_api", "admin_api"],
    &["server", "notify"],
    &["main"],
];

/// `sync` counts unread events by what `push` makes of them.
const NEIGHBOURS: &[(&str, &str)] = &[("sync", "push")];

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

/// The layers that a source file names after `crate::`, in `use` lists as well as in paths.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in text.split("crate::").skip(1) {
        if let Some(list) = part.strip_prefix('{') {
            // The first words of a list's items at its own depth.
            let (mut depth, mut item) = (1, String::new());
            for letter in list.chars() {
                match letter {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => found.push(std::mem::take(&mut item)),
                    _ if depth == 1 => item.push(letter),
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
            found.push(item);
        } else {
            found.push(part.to_owned());
        }
    }
    found
        .iter()
        .map(|item| {
            item.trim().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect::<String>()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

#[test]
fn a_layer_imports_only_what_stands_before_it() {
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
            let neighbour = NEIGHBOURS.contains(&(own.as_str(), import.as_str()));
            if known && import != own && rank(&import) >= rank(&own) && !neighbour {
                wrong.insert(path.display().to_string(), import);
            }
        }
    }
    assert!(wrong.is_empty(), "these files import what stands above them or beside them: {wrong:#?}");
}

#[test]
fn imports_are_found_in_every_form() {
    let text = "use crate::{accounts::{a, b}, rooms}; use crate::http::Error; fn f() { crate::sync::g() }";
    assert_eq!(imports(text), ["accounts", "rooms", "http", "sync"]);
}
