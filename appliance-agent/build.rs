//! Puts the built page (`web-setup/dist`) into the agent: every file plain and, where it helps, gzipped, with a tag of
//! its content.

// Code that runs while building ends with words for whoever builds.
#![allow(clippy::panic, clippy::expect_used)]

use sha2::{Digest as _, Sha256};
use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

fn main() {
    // Relative: a build folder that several checkouts share must look at the page of the one that is built.
    let page = Path::new("../web-setup/dist");
    println!("cargo::rerun-if-changed=../web-setup/dist");
    assert!(
        page.join("index.html").exists(),
        "The page is not built: web-setup/dist/index.html is missing. `./hearth build` builds it, and then the agent."
    );
    let root = fs::canonicalize(page).expect("it is there");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut files = Vec::new();
    gather(&root, &mut files);
    files.sort();
    let mut code = String::from("pub(super) static FILES: &[File] = &[\n");
    for (number, file) in files.iter().enumerate() {
        let bytes = fs::read(file).unwrap_or_else(|error| panic!("{} can't be read: {error}", file.display()));
        let name = file.strip_prefix(&root).expect("below the root").to_str().expect("names of the build are ASCII");
        let tag: String = Sha256::digest(&bytes).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        let gzipped = gzip(&bytes);
        let small = if gzipped.len() + 64 < bytes.len() {
            let path = out.join(format!("{number}.gz"));
            fs::write(&path, &gzipped).unwrap_or_else(|error| panic!("{} can't be written: {error}", path.display()));
            format!("Some(include_bytes!({path:?}))")
        } else {
            "None".into()
        };
        writeln!(
            code,
            "    File {{ path: {:?}, tag: \"\\\"{tag}\\\"\", plain: include_bytes!({file:?}), gzipped: {small} }},",
            format!("/{name}")
        )
        .expect("a string takes all");
    }
    code.push_str("];\n");
    fs::write(out.join("page.rs"), code).expect("OUT_DIR can be written");
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{} can't be read: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder's entry").path();
        if path.is_dir() { gather(&path, files) } else { files.push(path) }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes all")
}
