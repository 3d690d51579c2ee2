//! The nodes that a state has and an older one has not, found by walking both side by side.

use crate::diff::{Diff, Task};
use crate::{Error, NodeId, ReadNodes};

/// The ids of nodes that `new` needs and `old` has not at the same place, parents before children.
///
/// Every node of `new` that is not among them stands in `old`; so, taken from one version of a state to the next, they
/// name all nodes of all versions, most of them once, and need no memory of what was named before. A node that stands
/// in two places may be named twice.
pub fn added<N: ReadNodes>(nodes: &N, old: NodeId, new: NodeId) -> Added<'_, N> {
    Added { walk: Diff::new(nodes, old, new, crate::TypeFilter::All) }
}

/// The ids of nodes, from [`added`]. After an error nothing more comes.
#[derive(Debug)]
pub struct Added<'n, N> {
    walk: Diff<'n, N>,
}

impl<N: ReadNodes> Iterator for Added<'_, N> {
    type Item = Result<NodeId, Error<N::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let task = self.walk.places.pop()?;
            let added = match &task {
                Task::Types(pair) => pair.added(),
                Task::Keys(_, pair) => pair.added(),
            };
            if let Err(error) = self.walk.step(task) {
                self.walk.places.clear();
                return Some(Err(error));
            }
            if let Some(id) = added {
                return Some(Ok(id));
            }
        }
    }
}
