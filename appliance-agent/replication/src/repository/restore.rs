//! Restoring a replica: first what it would bring, then it.

mod place;

use super::{Destination, Repository};
use crate::{
    DATABASE, Error, Folder, MANIFEST, Preview, Progress, ReplicaId, Restored, Result, contents::Contents, lock::Lock,
    manifest, meter::Meter,
};
use place::Place;
use std::{
    collections::BTreeMap,
    path::{Component, Path},
    sync::Arc,
};

pub(super) fn preview(repository: &Repository, replica: &ReplicaId) -> Result<Preview> {
    let _lock = Lock::to_read(&repository.folder)?;
    let session = repository.session(false, &Arc::new(Meter::silent()));
    look(&Contents::open(&session, replica)?)
}

/// What is in it. Refuses what can't be restored.
fn look(contents: &Contents<'_>) -> Result<Preview> {
    let manifest = contents.manifest()?;
    manifest::check(&manifest)?;
    let database_bytes = contents.database()?.meta.size;
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    contents.walk(|path, node| {
        if path == Path::new(DATABASE) || path == Path::new(MANIFEST) {
            return Ok(());
        }
        let Some((name, _)) = split(path) else {
            return Err(Error::Unusable("it has a name in it that is not text".to_owned()));
        };
        let folder =
            folders.entry(name.to_owned()).or_insert_with(|| Folder { name: name.to_owned(), files: 0, bytes: 0 });
        if node.is_file() {
            folder.files += 1;
            folder.bytes = folder.bytes.saturating_add(node.meta.size);
        }
        Ok(())
    })?;
    Ok(Preview {
        replica: contents.replica.clone(),
        manifest,
        database_bytes,
        folders: folders.into_values().collect(),
    })
}

/// A path's first name, and what follows.
fn split(path: &Path) -> Option<(&str, &Path)> {
    let mut components = path.components();
    match components.next()? {
        Component::Normal(name) => Some((name.to_str()?, components.as_path())),
        _ => None,
    }
}

pub(super) fn restore(
    repository: &Repository,
    replica: &ReplicaId,
    to: &mut Destination<'_>,
    progress: &Progress,
) -> Result<Restored> {
    let _lock = Lock::to_read(&repository.folder)?;
    let preview = {
        let session = repository.session(false, &Arc::new(Meter::silent()));
        look(&Contents::open(&session, replica)?)?
    };
    let wanted: u64 =
        preview.folders.iter().filter(|folder| to.folders.contains_key(&folder.name)).map(|folder| folder.bytes).sum();
    let session =
        repository.session(false, &Arc::new(Meter::new(progress, Some(preview.database_bytes.saturating_add(wanted)))));
    let contents = Contents::open(&session, replica)?;
    let places = to
        .folders
        .iter()
        .map(|(name, path)| Ok((name.as_str(), Place::new(path)?)))
        .collect::<Result<BTreeMap<_, _>>>()?;

    let database = &mut *to.database;
    let mut restored = Restored {
        database_bytes: contents.copy(&contents.database()?, Path::new(DATABASE), |piece| {
            contents.meter().written(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            database.write_all(piece).map_err(Error::Refused)
        })?,
        ..Restored::default()
    };
    database.flush().map_err(Error::Refused)?;

    let mut folders = Vec::new();
    contents.walk(|path, node| {
        let Some((name, within)) = split(path) else { return Ok(()) };
        let Some(place) = places.get(name) else { return Ok(()) };
        if node.is_dir() {
            place.make_folder(within)?;
            folders.push((name.to_owned(), within.to_owned(), node.meta.clone()));
        } else {
            restored.file_bytes +=
                place.make_file(within, &node.meta, |write| contents.copy(node, path, write), contents.meter())?;
            restored.files += 1;
        }
        Ok(())
    })?;
    // Times and modes of folders last: what is made in them changes the one and may need the other. The inner before the outer.
    for (name, within, meta) in folders.iter().rev() {
        if let Some(place) = places.get(name.as_str()) {
            place.finish_folder(within, meta)?;
        }
    }
    places.values().try_for_each(Place::sync)?;
    contents.meter().report_end();
    Ok(restored)
}
