//! What is in a replica, read back piece by piece, every piece compared with its hash.

use crate::{
    DATABASE, Error, MANIFEST, Meter, Replica, ReplicaId, Result, cipher, disk::Disk, session::Session, snapshot,
    source::is_plain_name,
};
use ::bytes::Bytes;
use rustic_core::{
    DataId, FileType, Id, IndexedFullStatus, ReadBackend as _, TreeId,
    repofile::{BlobType, Node, NodeType, SnapshotFile, SnapshotId, Tree},
};
use std::{
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::Arc,
};

/// A manifest larger than this is none.
const MOST_MANIFEST: u64 = 1 << 20;

/// One replica, open.
pub(crate) struct Contents<'a> {
    session: &'a Session,
    index: Arc<rustic_core::Repository<IndexedFullStatus>>,
    pub(crate) replica: Replica,
    top: TreeId,
}

impl<'a> Contents<'a> {
    pub(crate) fn open(session: &'a Session, id: &ReplicaId) -> Result<Self> {
        let snapshot = load(session, id)?;
        let index = session.run("its index can't be read", rustic_core::Repository::to_indexed)?;
        Self::of(session, Arc::new(index), &snapshot, id)
    }

    /// Another replica of the same repository.
    pub(crate) fn other(&self, id: &ReplicaId) -> Result<Self> {
        let snapshot = load(self.session, id)?;
        Self::of(self.session, Arc::clone(&self.index), &snapshot, id)
    }

    fn of(
        session: &'a Session,
        index: Arc<rustic_core::Repository<IndexedFullStatus>>,
        snapshot: &SnapshotFile,
        id: &ReplicaId,
    ) -> Result<Self> {
        let id = parse(id)?;
        Ok(Self { session, index, replica: snapshot::replica(snapshot, &id)?, top: snapshot.tree })
    }

    fn disk(&self) -> &Disk {
        &self.session.disk
    }

    /// A piece of a file.
    pub(crate) fn piece(&self, id: &DataId, of: &Path) -> Result<Bytes> {
        self.read(BlobType::Data, id, of)
    }

    fn folder(&self, id: &TreeId, of: &Path) -> Result<Tree> {
        let text = self.read(BlobType::Tree, id, of)?;
        serde_json::from_slice(&text).map_err(|_| Error::Damaged(format!("the folder {} is not understood", shown(of))))
    }

    fn read(&self, kind: BlobType, id: &Id, of: &Path) -> Result<Bytes> {
        let words = || format!("a piece of {} can't be read as it was written", shown(of));
        let data = self.session.call(&words(), || self.index.cat_blob(kind, id.to_hex().as_str()))?;
        // The cipher has found the piece to be one of ours; the hash finds it to be this one.
        if cipher::hash(&data) == Some(*id) { Ok(data) } else { Err(self.disk().explain(&words())) }
    }

    /// Where a piece lies: a number that is the same for the pieces of one pack, and the place in it.
    pub(crate) fn place(&self, id: &DataId, of: &Path) -> Result<(u32, u32)> {
        let words = || format!("a piece of {} is missing", shown(of));
        let entry = self.session.call(&words(), || self.index.get_index_entry(id))?;
        Ok((entry.pack.as_u32(), entry.location.offset))
    }

    /// Calls `each` for everything in the replica, in order, a folder before what is in it, with its path and what it is. Paths stay below
    /// the replica's top.
    pub(crate) fn walk(&self, mut each: impl FnMut(&Path, &Node) -> Result<()>) -> Result<()> {
        let mut waiting = vec![(PathBuf::new(), self.folder(&self.top, Path::new(""))?.nodes.into_iter())];
        while let Some((folder, nodes)) = waiting.last_mut() {
            let Some(node) = nodes.next() else {
                waiting.pop();
                continue;
            };
            let path = folder.join(plain_name(&node)?);
            match (&node.node_type, &node.subtree) {
                (NodeType::Dir, Some(subtree)) => {
                    each(&path, &node)?;
                    let nodes = self.folder(subtree, &path)?.nodes.into_iter();
                    waiting.push((path, nodes));
                }
                (NodeType::File, None) if node.content.is_some() => each(&path, &node)?,
                (NodeType::Dir | NodeType::File, _) => {
                    return Err(Error::Damaged(format!("the entry for {} is not whole", shown(&path))));
                }
                _ => return Err(Error::Unusable(format!("{} is neither a file nor a folder", shown(&path)))),
            }
        }
        Ok(())
    }

    /// The file of that name at the top.
    fn top_file(&self, name: &str) -> Result<Node> {
        let top = self.folder(&self.top, Path::new(""))?;
        let found = top.nodes.into_iter().find(|node| node.name == name && node.is_file() && node.content.is_some());
        found.ok_or_else(|| Error::Unusable(format!("there is no {name} in it")))
    }

    /// The database's stream, as a file.
    pub(crate) fn database(&self) -> Result<Node> {
        self.top_file(DATABASE)
    }

    pub(crate) fn manifest(&self) -> Result<Vec<u8>> {
        let node = self.top_file(MANIFEST)?;
        if node.meta.size > MOST_MANIFEST {
            return Err(Error::Unusable("its manifest is too large".to_owned()));
        }
        let mut manifest = Vec::new();
        self.copy(&node, Path::new(MANIFEST), |piece| {
            manifest.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(manifest)
    }

    /// Hands a file's pieces to `to`, in order; gives its length, which has to be what the folder says.
    pub(crate) fn copy(&self, node: &Node, path: &Path, mut to: impl FnMut(&[u8]) -> Result<()>) -> Result<u64> {
        let mut length = 0_u64;
        for id in node.content.iter().flatten() {
            let piece = self.piece(id, path)?;
            to(&piece)?;
            let bytes = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            length = length.saturating_add(bytes);
            self.meter().read(bytes);
            self.meter().check()?;
        }
        if length == node.meta.size {
            Ok(length)
        } else {
            Err(Error::Damaged(format!("{} has not the length it should have", shown(path))))
        }
    }

    pub(crate) fn meter(&self) -> &Meter {
        self.disk().meter()
    }
}

/// The snapshot file of a replica.
fn load(session: &Session, id: &ReplicaId) -> Result<SnapshotFile> {
    let snapshot_id = parse(id)?;
    let there =
        session.disk.list(FileType::Snapshot).map_err(|_| session.disk.explain("its replicas can't be listed"))?;
    if !there.contains(&snapshot_id) {
        return Err(Error::UnknownReplica(id.clone()));
    }
    let words = format!("the replica {id} can't be read");
    let snapshot: SnapshotFile =
        session.run(&words, |repository| repository.get_file(&SnapshotId::from(snapshot_id)))?;
    if snapshot::is_ours(&snapshot) {
        Ok(snapshot)
    } else {
        Err(Error::Unusable("it was not made by Hearth".to_owned()))
    }
}

pub(crate) fn parse(id: &ReplicaId) -> Result<Id> {
    Id::from_str(&id.to_string()).map_err(|_| Error::UnknownReplica(id.clone()))
}

/// A name that stays in its folder. restic writes odd bytes as escapes, which could hide a slash.
fn plain_name(node: &Node) -> Result<PathBuf> {
    let name = node.name().into_owned();
    if name.to_str().is_none_or(is_plain_name) && !name.as_encoded_bytes().contains(&b'/') && !name.is_empty() {
        Ok(PathBuf::from(name))
    } else {
        Err(Error::Unusable("it has a name in it that leads elsewhere".to_owned()))
    }
}

fn shown(path: &Path) -> String {
    if path.as_os_str().is_empty() { "the replica's topmost folder".to_owned() } else { path.display().to_string() }
}
