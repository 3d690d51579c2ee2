//! A replica's topmost folder, written again with the right sizes.
//!
//! rustic_core saves a file with the size that it was announced with, and nobody knows the length of a stream beforehand;
//! restic restores by that size (what is said to be empty, as an empty file). So the topmost folder, where
//! `database.snapshot` and `manifest.json` are, is read back after their contents are stored, corrected, and stored as a
//! pack of its own, with an index of its own.

use crate::{Error, Result, cipher, session::Session};
use rustic_core::{FileType, TreeId, WriteBackend as _, repofile::Tree};
use serde_json::json;
use std::collections::BTreeMap;

/// zstd's level; 3 is what restic and rustic take.
const LEVEL: i32 = 3;
/// restic's mark of a compressed folder in a pack's header.
const COMPRESSED_TREE: u8 = 3;

/// Stores the folder `top` with the sizes that `sizes` has by name; all of them have to be in it.
pub(crate) fn with_sizes(session: &Session, top: TreeId, sizes: &BTreeMap<&str, u64>) -> Result<TreeId> {
    let mut tree: Tree = session.run("the replica's topmost folder can't be read back", |repository| {
        repository.to_indexed_ids()?.get_tree(&top)
    })?;
    let mut left: Vec<&str> = sizes.keys().copied().collect();
    for node in &mut tree.nodes {
        if let Some(size) = sizes.get(node.name.as_str()) {
            node.meta.size = *size;
            left.retain(|name| *name != node.name);
        }
    }
    if let Some(name) = left.first() {
        return Err(Error::Source { what: (*name).to_owned(), source: std::io::ErrorKind::NotFound.into() });
    }
    let unwritable = || Error::Damaged("the replica's topmost folder can't be written".to_owned());
    let (text, id) = tree.serialize().map_err(|_| unwritable())?;
    store(session, &text, id.to_hex().as_str())
        .ok_or_else(|| session.disk.explain("the replica's topmost folder can't be written"))?;
    Ok(id)
}

/// A pack with one piece in it, and the index that names it. `None` when the disk fails.
fn store(session: &Session, text: &[u8], id: &str) -> Option<()> {
    let cipher = session.cipher().ok()?;
    let piece = cipher.encrypt(&zstd::encode_all(text, LEVEL).ok()?)?;
    let (length, whole) = (u32::try_from(piece.len()).ok()?, u32::try_from(text.len()).ok()?);
    // Per piece: kind, length in the pack, length of the text, name; numbers with the lowest byte first.
    let mut header = vec![COMPRESSED_TREE];
    header.extend(length.to_le_bytes());
    header.extend(whole.to_le_bytes());
    header.extend(bytes_of(id)?);
    let header = cipher.encrypt(&header)?;
    let header_length = u32::try_from(header.len()).ok()?.to_le_bytes();
    let pack = [piece, header, header_length.to_vec()].concat();
    let name = cipher::hash(&pack)?;
    session.disk.write_bytes(FileType::Pack, &name, true, pack.into()).ok()?;
    let index = json!({"packs": [{"id": name.to_hex().as_str(), "blobs": [
        {"id": id, "type": "tree", "offset": 0, "length": length, "uncompressed_length": whole}
    ]}]});
    let index = cipher.encrypt(&serde_json::to_vec(&index).ok()?)?;
    session.disk.write_bytes(FileType::Index, &cipher::hash(&index)?, false, index.into()).ok()
}

fn bytes_of(hexadecimal: &str) -> Option<Vec<u8>> {
    hexadecimal
        .as_bytes()
        .chunks(2)
        .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())
        .collect()
}
