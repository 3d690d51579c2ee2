//! What a commit costs: time, and bytes that reach the disk by the kernel's own count.
//!
//! `cargo bench -p hearth-store --bench commit [-- FOLDER [ROWS]]`. The folder must be on the disk
//! to be measured and not in memory; ROWS events are stored first (20,000 unless told).

use hearth_store::{Change, EventNo, Options, Read, RoomNo, Store, StoreError, StreamPos, Table};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

// The shapes of what a message stores.
const EVENTS: Table<EventNo, Vec<u8>> = Table::new("BENCH_EVENTS");
const EVENT_IDS: Table<String, EventNo> = Table::new("BENCH_EVENT_IDS");
const TIMELINE: Table<(RoomNo, StreamPos), EventNo> = Table::new("BENCH_TIMELINE");
const HEADS: Table<RoomNo, Vec<u8>> = Table::new("BENCH_HEADS");
const STATES: Table<(RoomNo, StreamPos), [u8; 16]> = Table::new("BENCH_STATES");

fn message(change: &mut Change<'_>, tables: usize) -> Result<(), StoreError> {
    let pos = change.next_pos();
    let room = RoomNo(pos.0 % 8);
    let event = EventNo::from(pos);
    let mixed = pos.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let id = format!("${mixed:016x}{:016x}{pos:011x}", mixed.rotate_left(23), pos = pos.0);
    change.put(EVENTS, event, &vec![b'x'; 900])?;
    change.put(EVENT_IDS, id, &event)?;
    change.put(TIMELINE, (room, pos), &event)?;
    if tables > 3 {
        change.put(HEADS, room, &vec![1; 60])?;
        change.put(STATES, (room, pos), &[2; 16])?;
    }
    Ok(())
}

/// Bytes that this process has had written to a disk so far.
fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let field = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    field.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

fn report(name: &str, changes: u32, bytes: u64, time: Duration) {
    let kib = bytes as f64 / 1024.0 / f64::from(changes);
    println!("{name:<44} {kib:>7.1} KiB {:>8.0} µs  per change", time.as_secs_f64() * 1e6 / f64::from(changes));
}

fn alone(store: &Store, tables: usize) -> Result<(), StoreError> {
    const CHANGES: u32 = 300;
    let (bytes, began) = (written(), Instant::now());
    for _ in 0..CHANGES {
        store.change_blocking(move |change| message(change, tables))?;
    }
    report(&format!("one at a time, {tables} tables"), CHANGES, written() - bytes, began.elapsed());
    Ok(())
}

/// So many threads, each waiting for its own change before it asks for the next.
fn together(store: &Store, threads: u32) {
    const CHANGES: u32 = 100;
    let start = Arc::new(Barrier::new(threads as usize + 1));
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let (store, start) = (store.clone(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                (0..CHANGES).try_for_each(|_| store.change_blocking(|change| message(change, 5)))
            })
        })
        .collect();
    let (bytes, began) = (written(), Instant::now());
    start.wait();
    let failed = workers.into_iter().filter_map(|worker| worker.join().ok()).any(|result| result.is_err());
    assert!(!failed, "a change failed");
    report(&format!("{threads} at a time, 5 tables"), threads * CHANGES, written() - bytes, began.elapsed());
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    field.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let folder = arguments.next().map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let rows: u64 = arguments.next().map_or(Ok(20_000), |rows| rows.parse())?;
    let path = folder.join(format!("commit-bench-{}.db", std::process::id()));
    let store = Store::open(&path, Options::default())?;
    println!("an empty store: {} KiB resident", resident_kib());
    for _ in 0..rows / 200 {
        store.change_blocking(|change| (0..200).try_for_each(|_| message(change, 5)))?;
    }
    println!("{rows} events stored, {} MiB in the file", std::fs::metadata(&path)?.len() >> 20);
    alone(&store, 3)?;
    alone(&store, 5)?;
    together(&store, 32);
    together(&store, 128);
    reading(&store, rows)?;
    println!("after that: {} KiB resident", resident_kib());
    let killed = path.with_extension("killed");
    std::fs::copy(&path, &killed)?;
    store.close();
    opening("opening after closing in order", &path, Options::default())?;
    opening("opening with every checksum compared", &path, Options { verify: true, ..Options::default() })?;
    let crashed = std::fs::read(&killed)?;
    opening("opening after a kill, the file in memory", &killed, Options::default())?;
    std::fs::write(&killed, crashed)?;
    // Has the kernel forget the file, as after a power cut.
    let forget = ["of=", "oflag=nocache,sync", "conv=notrunc,fdatasync", "count=0", "if=/dev/null"];
    let forget = forget.map(|word| if word == "of=" { format!("of={}", killed.display()) } else { word.to_owned() });
    Command::new("dd").args(forget).stderr(std::process::Stdio::null()).status()?;
    opening("opening after a power cut", &killed, Options::default())?;
    std::fs::remove_file(&path)?;
    if std::env::var_os("KEEP").is_none() {
        std::fs::remove_file(&killed)?;
    }
    Ok(())
}

fn reading(store: &Store, rows: u64) -> Result<(), StoreError> {
    let began = Instant::now();
    let reads = 100_000_u64;
    let mut found = 0;
    for n in 0..reads {
        let snapshot = store.snapshot()?;
        found += u64::from(snapshot.contains(EVENTS, EventNo(n * 7919 % rows.max(1) + 1))?);
    }
    let each = began.elapsed().as_secs_f64() * 1e6 / reads as f64;
    println!("a snapshot and a lookup in it: {each:.1} µs ({found} found)");
    Ok(())
}

fn opening(name: &str, path: &std::path::Path, options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let (bytes, began) = (written(), Instant::now());
    let store = Store::open(path, options)?;
    let took = began.elapsed();
    println!("{name:<44} {:>7.1} KiB {:>8.1} ms", (written() - bytes) as f64 / 1024.0, took.as_secs_f64() * 1e3);
    drop(store);
    Ok(())
}
