//! Nodes of the state trie, as a damaged store might hold them.
//!
//! The input is a list of nodes, each behind its length in two bytes. A node is found under its hash and under sixteen
//! times its number, so that nodes can name each other, and themselves. The first is the root.

use hearth_state::{
    MemoryNodes, NodeId, ReadNodes as _, State, WriteNodes as _, apply, insert, reachable, remove, verify,
};

/// Tries one input. None of what is done with the state may panic or fail to end.
pub fn run(data: &[u8]) {
    let mut nodes = MemoryNodes::new();
    let (mut rest, mut number) = (data, 0_u8);
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(behind.len());
        let (bytes, behind) = behind.split_at(length);
        rest = behind;
        number = number.wrapping_add(1);
        let Ok(()) = nodes.put(NodeId::of(bytes), bytes);
        let Ok(()) = nodes.put(NodeId::from_bytes([number; 16]), bytes);
    }
    let root = NodeId::from_bytes([1; 16]);
    let state = State::at(&nodes, root);
    let _ = (state.len(), state.len_of_type("m.room.member"));
    let _ = (state.get("m.room.name", ""), state.get("m.room.member", "@ann:hearth.example"));
    // What is listed is really there: each leaf stands in one place only.
    let stored = 1 + data.len();
    assert!(state.iter().count() <= stored);
    assert!(state.iter_type("m.room.member").count() <= stored);
    assert!(state.diff(NodeId::EMPTY).count() <= stored);
    // Each once, and once for each name of sixteen bytes that there is no node for.
    assert!(reachable(&nodes, [root, root]).count() <= nodes.len() + 2 + data.len() / 16);
    let mut scratch = nodes.clone();
    let _ = insert(&mut scratch, root, "m.room.member", "@ann:hearth.example", 1);
    let _ = remove(&mut scratch, root, "m.room.member", "@bob:hearth.example");
    // A root that has the hash that it is named by is sound as a whole, or not taken for sound.
    if let Ok(Some(bytes)) = nodes.node(root) {
        let named = NodeId::of(bytes.as_ref());
        if let Ok(summary) = verify(&nodes, named) {
            let state = State::at(&nodes, named);
            assert_eq!(state.len().ok(), Some(summary.entries));
            let entries: Vec<_> = state.iter().map(|entry| entry.expect("a sound state can be listed")).collect();
            assert_eq!(entries.len() as u64, summary.entries);
        }
    }
}

/// Inputs to begin with: whole tries.
pub fn seeds() -> Vec<Vec<u8>> {
    [1_u64, 20, 300].map(seed).to_vec()
}

fn seed(members: u64) -> Vec<u8> {
    let mut nodes = MemoryNodes::new();
    let entries = (0..members)
        .map(|number| ("m.room.member".to_owned(), format!("@user{number}:hearth.example"), Some(number)))
        .chain(["m.room.create", "m.room.name", "m.room.topic"].map(|kind| (kind.to_owned(), String::new(), Some(7))));
    let root = apply(&mut nodes, NodeId::EMPTY, entries).expect("a state in memory can be made");
    let mut all: Vec<_> = reachable(&nodes, [root]).map(|id| id.expect("a sound state can be walked")).collect();
    all.sort_by_key(|id| *id != root);
    let mut seed = Vec::new();
    for id in all {
        let Ok(Some(bytes)) = nodes.node(id) else { continue };
        let bytes = bytes.as_ref();
        seed.extend(u16::try_from(bytes.len()).expect("nodes are small").to_le_bytes());
        seed.extend(bytes);
    }
    seed
}
