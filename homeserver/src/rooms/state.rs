//! Room state: the trie of `hearth_state` on the store's table of nodes.

use super::{Pdu, RoomError, Rooms};
use hearth_state::{Error as TrieError, NodeId, ReadNodes, State, TypeFilter, WriteNodes};
use hearth_store::{Change, EventNo, Read, RoomNo, Snapshot, StoreError, StreamPos, dump::DumpError, tables};
use ruma::{UserId, events::StateEventType};
use serde::Deserialize;
use std::sync::Arc;

/// Root of a version of a room's state, as the store keeps it.
pub type Root = [u8; 16];

/// The state before a room's first event.
pub const EMPTY: Root = *NodeId::EMPTY.as_bytes();

/// An entry: ((type, state key), event).
pub type Entry = ((String, String), EventNo);

/// A changed entry: key, event before, event after.
pub type Difference = ((String, String), Option<EventNo>, Option<EventNo>);

struct Nodes<'r, R>(&'r R);

impl<R: Read> ReadNodes for Nodes<'_, R> {
    type Error = StoreError;
    fn node(&self, id: NodeId) -> Result<Option<impl AsRef<[u8]>>, StoreError> {
        self.0.get(tables::STATE_NODES, *id.as_bytes())
    }
}

struct ChangeNodes<'c, 't>(&'c mut Change<'t>);

impl ReadNodes for ChangeNodes<'_, '_> {
    type Error = StoreError;
    fn node(&self, id: NodeId) -> Result<Option<impl AsRef<[u8]>>, StoreError> {
        self.0.get(tables::STATE_NODES, *id.as_bytes())
    }
}

impl WriteNodes for ChangeNodes<'_, '_> {
    fn put(&mut self, id: NodeId, bytes: &[u8]) -> Result<(), StoreError> {
        self.0.put(tables::STATE_NODES, *id.as_bytes(), &bytes.to_vec())
    }
}

impl From<TrieError<StoreError>> for RoomError {
    fn from(error: TrieError<StoreError>) -> Self {
        match error {
            TrieError::Store(error) => Self::Store(error),
            other => Self::State(other.to_string()),
        }
    }
}

/// The event that holds (type, state key) in that version of the state.
///
/// # Errors
/// Those of the store and of a damaged trie.
pub fn get(read: &impl Read, root: Root, kind: &str, key: &str) -> Result<Option<EventNo>, RoomError> {
    Ok(State::at(&Nodes(read), NodeId::from_bytes(root)).get(kind, key)?.map(EventNo))
}

/// Calls `visit` with every entry.
///
/// # Errors
/// As [`get`], and those of `visit`.
pub fn for_each(
    read: &impl Read,
    root: Root,
    mut visit: impl FnMut(&str, &str, EventNo) -> Result<(), RoomError>,
) -> Result<(), RoomError> {
    for entry in State::at(&Nodes(read), NodeId::from_bytes(root)).iter() {
        let entry = entry?;
        visit(&entry.event_type, &entry.state_key, EventNo(entry.value))?;
    }
    Ok(())
}

/// All entries of one type: (state key, event).
///
/// # Errors
/// As [`get`].
pub fn of_type(read: &impl Read, root: Root, kind: &str) -> Result<Vec<(String, EventNo)>, RoomError> {
    State::at(&Nodes(read), NodeId::from_bytes(root))
        .iter_type(kind)
        .map(|entry| entry.map(|entry| (entry.state_key, EventNo(entry.value))).map_err(Into::into))
        .collect()
}

/// All entries but those of one type: ((type, state key), event). With `m.room.member` left out this
/// stays small however many members the room has.
///
/// # Errors
/// As [`get`].
pub fn except_type(read: &impl Read, root: Root, kind: &str) -> Result<Vec<Entry>, RoomError> {
    State::at(&Nodes(read), NodeId::from_bytes(root))
        .iter_except_type(kind)
        .map(|entry| {
            entry
                .map(|entry| ((entry.event_type.to_string(), entry.state_key), EventNo(entry.value)))
                .map_err(Into::into)
        })
        .collect()
}

/// What differs between two versions, at a cost that grows with the difference alone.
///
/// # Errors
/// As [`get`].
pub fn difference(read: &impl Read, from: Root, to: Root) -> Result<Vec<Difference>, RoomError> {
    difference_of(read, from, to, TypeFilter::All)
}

/// [`difference`] in some types only.
///
/// # Errors
/// As [`get`].
pub fn difference_of(
    read: &impl Read,
    from: Root,
    to: Root,
    types: TypeFilter<'_>,
) -> Result<Vec<Difference>, RoomError> {
    let nodes = Nodes(read);
    State::at(&nodes, NodeId::from_bytes(from))
        .diff_types(NodeId::from_bytes(to), types)
        .map(|difference| {
            let difference = difference?;
            Ok((
                (difference.event_type.to_string(), difference.state_key),
                difference.old.map(EventNo),
                difference.new.map(EventNo),
            ))
        })
        .collect()
}

/// Sets or removes entries and yields the new root. Its nodes are part of the change.
///
/// # Errors
/// As [`get`].
pub fn apply<'a>(
    change: &mut Change<'_>,
    root: Root,
    entries: impl IntoIterator<Item = (&'a str, &'a str, Option<EventNo>)>,
) -> Result<Root, RoomError> {
    let entries = entries.into_iter().map(|(kind, key, event)| (kind, key, event.map(|event| event.0)));
    let root = hearth_state::apply(&mut ChangeNodes(change), NodeId::from_bytes(root), entries)?;
    Ok(*root.as_bytes())
}

/// Root of the room's current state as it was at a position of the stream.
///
/// # Errors
/// Those of the store.
pub fn at_position(read: &impl Read, room: RoomNo, position: StreamPos) -> Result<Root, RoomError> {
    let newest = read.range(tables::ROOM_STATES, (room, StreamPos(0))..=(room, position))?.next_back().transpose()?;
    Ok(newest.map_or(EMPTY, |(_, root)| root))
}

/// Names the nodes of every version of every room's state to `visit`, in the order in which the rooms came to
/// have them: what is new since an older snapshot comes at the end of its room, however large the table is.
///
/// Nothing is remembered of what was named: each version is compared with the one before it. A node is named
/// again where a state has come back to what it was.
///
/// # Errors
/// Those of the store, of a damaged trie, and of `visit`.
pub fn nodes_in_order(read: &Snapshot, visit: &mut dyn FnMut(Root) -> Result<(), DumpError>) -> Result<(), DumpError> {
    let nodes = Nodes(read);
    let mut name_added = |old: Root, new: Root| {
        for id in hearth_state::added(&nodes, NodeId::from_bytes(old), NodeId::from_bytes(new)) {
            visit(*id.map_err(|error| DumpError::State(error.to_string()))?.as_bytes())?;
        }
        Ok::<_, DumpError>(())
    };
    let mut newest = (RoomNo(0), EMPTY);
    for row in read.prefix(tables::ROOM_STATES, ())? {
        let ((room, _), root) = row?;
        let before = if room == newest.0 { newest.1 } else { EMPTY };
        name_added(before, root)?;
        newest = (room, root);
    }
    // Where the room had forked, an event stands on a state that was never the room's own.
    for row in read.prefix(tables::EVENTS, ())? {
        let (number, event) = row?;
        let Some(root) = event.state_before else { continue };
        let own = at_position(read, event.room, StreamPos(number.0.saturating_sub(1)))
            .map_err(|error| DumpError::State(error.to_string()))?;
        if root != own {
            name_added(own, root)?;
        }
    }
    Ok(())
}

impl Rooms {
    /// The state event of (type, state key) in that version of the state, parsed.
    ///
    /// # Errors
    /// Those of the store, of a damaged trie or event.
    pub fn state_event(
        &self,
        read: &impl Read,
        root: Root,
        kind: &StateEventType,
        key: &str,
    ) -> Result<Option<Arc<Pdu>>, RoomError> {
        get(read, root, &kind.to_string(), key)?.map(|number| self.pdu(read, number)).transpose()
    }

    /// The content of a state event in that version of the state, where it is there and well formed.
    ///
    /// # Errors
    /// As [`Rooms::state_event`].
    pub fn state_content<T: for<'de> Deserialize<'de>>(
        &self,
        read: &impl Read,
        root: Root,
        kind: &StateEventType,
        key: &str,
    ) -> Result<Option<T>, RoomError> {
        let event = self.state_event(read, root, kind, key)?;
        Ok(event.and_then(|event| serde_json::from_str(event.content.get()).ok()))
    }

    /// The user's membership in that version of the state; `leave` where there is none.
    ///
    /// # Errors
    /// As [`Rooms::state_event`].
    pub fn membership_at(
        &self,
        read: &impl Read,
        root: Root,
        user: &UserId,
    ) -> Result<hearth_store::records::Membership, RoomError> {
        #[derive(Deserialize)]
        struct Content {
            membership: hearth_store::records::Membership,
        }
        let content: Option<Content> = self.state_content(read, root, &StateEventType::RoomMember, user.as_str())?;
        Ok(content.map_or(hearth_store::records::Membership::Leave, |content| content.membership))
    }
}
