//! Reading a replica back.

use super::{Repository, Scope};
use crate::{DATABASE, Error, Progress, ReplicaId, Result, Verified, contents::Contents, lock::Lock, meter::Meter};
use rustic_core::DataId;
use std::{
    collections::HashSet,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A piece to be read: its pack and place there, its name, and the number of a file that it is in.
type Piece = (u32, u32, DataId, u32);

pub(super) fn verify(
    repository: &Repository,
    replica: &ReplicaId,
    scope: &Scope,
    database: &mut dyn Write,
    progress: &Progress,
) -> Result<Verified> {
    let _lock = Lock::to_read(&repository.folder)?;
    let session = repository.session(true, &Arc::new(Meter::new(progress, None)));
    let contents = Contents::open(&session, replica)?;
    let stream = contents.database()?;
    let skip = match scope {
        Scope::Full => HashSet::new(),
        Scope::Since(earlier) => pieces_of(&contents.other(earlier)?)?,
    };
    let mut files: Vec<PathBuf> = Vec::new();
    let mut pieces: Vec<Piece> = Vec::new();
    contents.walk(|path, node| {
        let number = u32::try_from(files.len()).unwrap_or(u32::MAX);
        for id in node.content.iter().flatten().filter(|id| path != Path::new(DATABASE) && !skip.contains(id)) {
            let (pack, place) = contents.place(id, path)?;
            pieces.push((pack, place, *id, number));
        }
        files.push(path.to_owned());
        Ok(())
    })?;
    // In the order in which they lie on the disk, each of them once.
    pieces.sort_unstable();
    pieces.dedup_by_key(|(_, _, id, _)| *id);
    let mut verified = Verified {
        pieces: u64::try_from(stream.content.iter().flatten().count() + pieces.len()).unwrap_or(u64::MAX),
        ..Verified::default()
    };
    verified.database_bytes =
        contents.copy(&stream, Path::new(DATABASE), |piece| database.write_all(piece).map_err(Error::Refused))?;
    database.flush().map_err(Error::Refused)?;
    verified.bytes = verified.database_bytes;
    for (_, _, id, number) in pieces {
        let path =
            usize::try_from(number).ok().and_then(|number| files.get(number)).map_or(Path::new(""), PathBuf::as_path);
        let bytes = u64::try_from(contents.piece(&id, path)?.len()).unwrap_or(u64::MAX);
        verified.bytes = verified.bytes.saturating_add(bytes);
        contents.meter().read(bytes);
        contents.meter().check()?;
    }
    contents.meter().report_end();
    Ok(verified)
}

fn pieces_of(contents: &Contents<'_>) -> Result<HashSet<DataId>> {
    let mut pieces = HashSet::new();
    contents.walk(|_, node| {
        pieces.extend(node.content.iter().flatten());
        Ok(())
    })?;
    Ok(pieces)
}
