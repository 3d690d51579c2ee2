//! The targets of fuzzing in the ordinary test run: seeds, what once broke something, and mutations of both.

// A test that meets the unexpected ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use hearth_fuzz::{TARGETS, Target, found};
use proptest::{
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use std::path::Path;

/// One thing done to an input.
#[derive(Debug, Clone)]
enum Mutation {
    Flip(Index, u8),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    Repeat(Index, usize, usize),
    Cut(Index),
    Join(Index, Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    // What parsers of several targets take for more than a letter.
    let words: Vec<Vec<u8>> = [
        &b"\""[..],
        b"\\",
        b"\\u0000",
        b"\\ud800",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"null",
        b"true",
        b"-",
        b"1e999",
        b"9223372036854775808",
        b"\0",
        b"\xff",
        b"\xc3",
        b"\r\n",
        b"\r\n\r\n",
        b"%",
        b"%00",
        b"@",
        b"$",
        b"!",
        b"_",
        b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02",
        b"\x01",
        b"\x01\x02",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    prop_oneof![
        4 => (any::<Index>(), 1_u8..).prop_map(|(at, with)| Mutation::Flip(at, with)),
        2 => (any::<Index>(), 1_usize..16).prop_map(|(at, count)| Mutation::Remove(at, count)),
        3 => (any::<Index>(), select(words)).prop_map(|(at, word)| Mutation::Insert(at, word)),
        1 => (any::<Index>(), proptest::collection::vec(any::<u8>(), 1..12))
            .prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        1 => (any::<Index>(), 1_usize..32, 1_usize..200).prop_map(|(at, length, times)| Mutation::Repeat(at, length, times)),
        1 => any::<Index>().prop_map(Mutation::Cut),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(at, other)| Mutation::Join(at, other)),
    ]
}

fn mutate(mut bytes: Vec<u8>, mutations: &[Mutation], seeds: &[Vec<u8>]) -> Vec<u8> {
    for mutation in mutations {
        let length = bytes.len();
        let place = |index: &Index| index.index(length + 1);
        match mutation {
            Mutation::Flip(at, with) if length > 0 => bytes[at.index(length)] ^= with,
            Mutation::Flip(_, with) => bytes.push(*with),
            Mutation::Remove(at, count) => drop(bytes.drain(place(at)..(place(at) + count).min(length))),
            Mutation::Insert(at, word) => drop(bytes.splice(place(at)..place(at), word.iter().copied())),
            Mutation::Repeat(at, count, times) => {
                let part = bytes[place(at)..(place(at) + count).min(length)].repeat(*times);
                bytes.splice(place(at)..place(at), part);
            }
            Mutation::Cut(at) => bytes.truncate(place(at)),
            Mutation::Join(at, other) => {
                bytes.truncate(place(at));
                bytes.extend_from_slice(&seeds[other.index(seeds.len())]);
            }
        }
    }
    bytes
}

/// Tries a target. The inputs are the same in every run.
fn replay(target: &Target) {
    let mut seeds = (target.seeds)();
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    for (path, bytes) in found(target) {
        println!("{}", path.display());
        (target.run)(&bytes);
        seeds.push(bytes);
    }
    for seed in &seeds {
        (target.run)(seed);
    }
    (target.run)(&[]);
    let inputs = prop_oneof![
        9 => (any::<Index>(), proptest::collection::vec(mutation(), 1..5)),
        1 => (any::<Index>(), proptest::collection::vec(mutation(), 5..40)),
    ];
    let config = Config { cases: target.cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let result = runner.run(&inputs, |(which, mutations)| {
        (target.run)(&mutate(which.get(&seeds).clone(), &mutations, &seeds));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{}: {error}", target.name);
    }
}

macro_rules! replays {
    ($($target:ident),+ $(,)?) => {
        $(#[test]
        fn $target() {
            let name = stringify!($target);
            replay(TARGETS.iter().find(|target| target.name == name).unwrap());
        })+

        const REPLAYED: &[&str] = &[$(stringify!($target)),+];
    };
}

replays!(
    config,
    connection,
    event,
    filter,
    json,
    key_backup,
    keys,
    mail_address,
    mail_link,
    pdu,
    push_rules,
    request,
    settings,
    snapshot,
    state_node,
    store_file,
    store_row,
    sync_token,
    user_name,
);

#[test]
fn every_target_is_replayed_and_has_its_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("libfuzzer");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for target in TARGETS {
        assert!(REPLAYED.contains(&target.name), "{} is not replayed here", target.name);
        let program = std::fs::read_to_string(folder.join(format!("fuzz_targets/{}.rs", target.name))).unwrap();
        assert!(program.contains(&format!("targets::{}::run(data)", target.name)), "{}", target.name);
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
    }
}
