//! `cargo bench -p hearth-state`: what an update, a lookup and a difference cost in rooms of three sizes, over nodes in memory.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::convert::Infallible;
use std::hint::black_box;
use std::time::{Duration, Instant};

use hearth_state::{MemoryNodes, NodeId, ReadNodes, State, WriteNodes, apply, insert};

/// Nodes in memory that count what is read and written.
#[derive(Default)]
struct Counting {
    nodes: MemoryNodes,
    reads: Cell<usize>,
    writes: usize,
    bytes_written: usize,
}

impl ReadNodes for Counting {
    type Error = Infallible;

    fn node(&self, id: NodeId) -> Result<Option<impl AsRef<[u8]>>, Infallible> {
        self.reads.set(self.reads.get() + 1);
        self.nodes.node(id)
    }
}

impl WriteNodes for Counting {
    fn put(&mut self, id: NodeId, bytes: &[u8]) -> Result<(), Infallible> {
        self.writes += 1;
        self.bytes_written += bytes.len();
        self.nodes.put(id, bytes)
    }
}

fn member(number: u64) -> String {
    format!("@person{number}:server{}.example.org", number % 97)
}

fn build(nodes: &mut impl WriteNodes<Error = Infallible>, members: u64) -> NodeId {
    let settings = ["create", "power_levels", "join_rules", "history_visibility", "name", "topic", "encryption"];
    let settings = settings.map(|setting| (format!("m.room.{setting}"), String::new(), Some(1)));
    let members = (0..members).map(|number| ("m.room.member".to_owned(), member(number), Some(1_000_000 + number)));
    apply(nodes, NodeId::EMPTY, settings.into_iter().chain(members)).unwrap()
}

/// The mean time of one of `times` calls.
fn mean(times: u64, mut call: impl FnMut(u64)) -> Duration {
    let start = Instant::now();
    (0..times).for_each(&mut call);
    start.elapsed() / times as u32
}

fn main() {
    const TIMES: u64 = 2_000;
    println!(
        "{:>8} {:>10} {:>8} {:>10} | {:>9} {:>6} {:>7} | {:>9} {:>6} | {:>9} {:>6} | {:>9} {:>9}",
        "members",
        "build",
        "nodes",
        "bytes",
        "update",
        "nodes",
        "bytes",
        "lookup",
        "reads",
        "diff",
        "reads",
        "list",
        "no member"
    );
    for members in [100, 10_000, 100_000] {
        let mut nodes = Counting::default();
        let start = Instant::now();
        let root = build(&mut nodes, members);
        let built = start.elapsed();
        let (all_nodes, all_bytes) = (nodes.writes, nodes.bytes_written);

        (nodes.writes, nodes.bytes_written) = (0, 0);
        let mut roots = vec![root];
        let keys: Vec<_> = (0..TIMES).map(|number| member(number * 7_919 % (members + members / 10))).collect();
        let mut key = keys.iter().cycle();
        let update = mean(TIMES, |number| {
            let last = *roots.last().unwrap();
            roots.push(insert(&mut nodes, last, "m.room.member", key.next().unwrap(), 5_000_000 + number).unwrap());
        });
        let (update_nodes, update_bytes) =
            (nodes.writes as f64 / TIMES as f64, nodes.bytes_written as f64 / TIMES as f64);

        nodes.reads.take();
        let lookup = mean(TIMES, |_| {
            black_box(State::at(&nodes, root).get("m.room.member", key.next().unwrap()).unwrap());
        });
        let lookup_reads = nodes.reads.take() as f64 / TIMES as f64;

        let mut pairs = roots.windows(2);
        let diff = mean(TIMES, |_| {
            let [old, new] = pairs.next().unwrap() else {
                return;
            };
            black_box(State::at(&nodes, *old).diff(*new).count());
        });
        let diff_reads = nodes.reads.take() as f64 / TIMES as f64;

        let list = mean(5, |_| {
            black_box(State::at(&nodes, root).iter().count());
        });
        let no_member = mean(TIMES, |_| {
            black_box(State::at(&nodes, root).iter_except_type("m.room.member").count());
        });
        println!(
            "{members:>8} {built:>10.2?} {all_nodes:>8} {all_bytes:>10} | {update:>9.2?} {update_nodes:>6.1} {update_bytes:>7.0} | \
             {lookup:>9.2?} {lookup_reads:>6.1} | {diff:>9.2?} {diff_reads:>6.1} | {list:>9.2?} {no_member:>9.2?}"
        );
    }
}
