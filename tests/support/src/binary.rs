//! Where the server under test is found.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The file name of the server's binary.
const NAME: &str = "hearth-homeserver";

/// The homeserver binary to test: `HEARTH_BIN`, else the release and then the debug build in the target folder.
///
/// The server's workspace has a target folder of its own unless `CARGO_TARGET_DIR` joins both, so the one at the top
/// of the project is looked at too.
///
/// # Errors
///
/// A sentence that says what was looked for and what to do.
pub fn homeserver_binary() -> Result<PathBuf, String> {
    if let Some(named) = env::var_os("HEARTH_BIN").map(PathBuf::from) {
        return if named.is_file() {
            Ok(named)
        } else {
            Err(format!("HEARTH_BIN names {}, which is no file", named.display()))
        };
    }
    let mut looked_at = Vec::new();
    for folder in target_folders() {
        for profile in ["release", "debug"] {
            let candidate = folder.join(profile).join(NAME);
            if candidate.is_file() {
                return Ok(candidate);
            }
            looked_at.push(candidate.display().to_string());
        }
    }
    Err(format!(
        "the tests need the built homeserver and found none: run `cargo build --release -p {NAME}` at the top of the \
         project, or set HEARTH_BIN to a binary (looked at {})",
        looked_at.join(", ")
    ))
}

fn target_folders() -> Vec<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    named.into_iter().chain([project.join("target")]).collect()
}
