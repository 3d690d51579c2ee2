//! Power cuts and failing media underneath redb: nothing that was acknowledged is ever lost, and
//! nothing is ever there by half.

use crate::medium::{Dice, Fault, Medium};
use hearth_store::{Options, Read, Store, StoreError, StreamPos, Table};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// (client, number of the change) -> what it stored.
const LOG: Table<(u64, u64), Vec<u8>> = Table::new("FAULT_LOG");
/// The same rows again under another key, so that a change spans distant pages.
const MIRROR: Table<(Vec<u8>, u64, u64), u64> = Table::new("FAULT_MIRROR");
/// Client -> number of its newest change.
const NEWEST: Table<u64, u64> = Table::new("FAULT_NEWEST");

/// What a client did: its numbers that were acknowledged, and the greatest position it saw.
#[derive(Debug, Default, Clone)]
struct Acknowledged {
    newest: BTreeMap<u64, u64>,
    pos: StreamPos,
}

fn value(client: u64, number: u64) -> Vec<u8> {
    let mut dice = Dice::new(client << 32 | number);
    let len = if dice.roll(8) == 0 { dice.roll(20_000) } else { dice.roll(600) };
    (0..len).map(|_| dice.roll(256) as u8).collect()
}

fn scatter(client: u64, number: u64) -> Vec<u8> {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(client).to_be_bytes().to_vec()
}

fn one_change(store: &Store, client: u64, number: u64) -> Result<StreamPos, StoreError> {
    store.change_blocking(move |change| {
        change.put(LOG, (client, number), &value(client, number))?;
        change.put(MIRROR, (scatter(client, number), client, number), &number)?;
        change.put(NEWEST, client, &number)?;
        // Old rows go, so that pages are freed and used again.
        if number > 20 {
            change.delete(LOG, (client, number - 20))?;
            change.delete(MIRROR, (scatter(client, number - 20), client, number - 20))?;
        }
        Ok(change.next_pos())
    })
}

/// Every client makes `count` changes, one after the other, or stops at the first that fails.
fn clients(store: &Store, clients: u64, count: u64, known: &Acknowledged) -> Acknowledged {
    let all = Arc::new(Mutex::new(known.clone()));
    std::thread::scope(|scope| {
        for client in 0..clients {
            let all = all.clone();
            let first = known.newest.get(&client).map_or(1, |newest| newest + 1);
            scope.spawn(move || {
                for number in first..first + count {
                    let Ok(pos) = one_change(store, client, number) else { return };
                    let mut all = all.lock().unwrap();
                    all.newest.insert(client, number);
                    assert!(pos > known.pos, "position {pos} was given out before");
                    all.pos = all.pos.max(pos);
                }
            });
        }
    });
    Arc::try_unwrap(all).unwrap().into_inner().unwrap()
}

/// Everything acknowledged is there; what wasn't acknowledged is there whole or not at all.
/// Returns what the store holds, which may be one change more for each client.
fn verify(store: &Store, known: &Acknowledged, context: &str) -> Acknowledged {
    let snapshot = store.snapshot().unwrap();
    let mut held = known.clone();
    for (client, newest) in snapshot.prefix(NEWEST, ()).unwrap().map(Result::unwrap) {
        let acknowledged = known.newest.get(&client).copied().unwrap_or(0);
        assert!(
            newest == acknowledged || newest == acknowledged + 1,
            "{context}: client {client} at {newest}, acknowledged {acknowledged}"
        );
        let expected: Vec<_> =
            ((newest.max(20) - 19)..=newest).map(|number| ((client, number), value(client, number))).collect();
        let rows: Vec<_> = snapshot.prefix(LOG, (client,)).unwrap().map(Result::unwrap).collect();
        assert!(rows == expected, "{context}: client {client} lacks rows");
        for ((_, number), _) in &expected {
            assert_eq!(
                snapshot.get(MIRROR, (scatter(client, *number), client, *number)).unwrap(),
                Some(*number),
                "{context}"
            );
        }
        held.newest.insert(client, newest);
    }
    for client in known.newest.keys() {
        assert!(snapshot.contains(NEWEST, *client).unwrap(), "{context}: client {client} is gone");
    }
    let rows = snapshot.prefix(LOG, ()).unwrap().count();
    assert_eq!(rows, snapshot.prefix(MIRROR, ()).unwrap().count(), "{context}");
    assert!(snapshot.pos() >= known.pos, "{context}: positions went back");
    assert!(store.check().unwrap().is_sound(), "{context}");
    held
}

/// Small, so that pages leave the cache and are read again.
fn options() -> Options {
    Options { cache_bytes: 64 * 1024, ..Options::default() }
}

fn checked() -> Options {
    Options { verify: true, ..options() }
}

fn fresh() -> Medium {
    let medium = Medium::default();
    Store::open_backend(medium.file(), options()).unwrap().close();
    medium
}

#[test]
fn a_power_cut_at_every_operation_loses_nothing() {
    let mut cuts = 0;
    for at in 1.. {
        let mut dice = Dice::new(at);
        let medium = fresh();
        let store = Store::open_backend(medium.file(), options()).unwrap();
        let known = clients(&store, 1, 10, &Acknowledged::default());
        medium.order(Fault::PowerCut(at));
        let known = clients(&store, 1, 30, &known);
        store.close();
        if !medium.fired() {
            break;
        }
        cuts += 1;
        let context = format!("cut at operation {at}, which is also the seed");
        let store = Store::open_backend(medium.after_power_cut(&mut dice).file(), checked()).expect(&context);
        let held = verify(&store, &known, &context);
        verify(&store, &clients(&store, 1, 3, &held), &context);
    }
    println!("{cuts} power cuts");
    assert!(cuts > 100);
}

#[test]
fn power_cuts_under_load_and_during_recovery_lose_nothing() {
    let (mut cuts, mut acknowledged) = (0, 0);
    for seed in 1..=150 {
        let mut dice = Dice::new(seed);
        let mut medium = fresh();
        let mut known = Acknowledged::default();
        for round in 0..6 {
            let context = format!("seed {seed}, round {round}");
            // Some rounds cut the power while the store is still recovering from the last cut.
            medium.order(Fault::PowerCut(1 + dice.roll(if round % 2 == 0 { 200 } else { 12 })));
            match Store::open_backend(medium.file(), options()) {
                Ok(store) => {
                    known = clients(&store, 6, 8, &known);
                    store.close();
                }
                Err(error) => assert!(medium.fired(), "{context}: {error}"),
            }
            cuts += u32::from(medium.fired());
            medium = if medium.fired() { medium.after_power_cut(&mut dice) } else { medium.after_kill() };
            let image = medium.after_kill();
            let store = Store::open_backend(image.file(), checked()).expect(&context);
            known = verify(&store, &known, &context);
        }
        acknowledged += known.newest.values().sum::<u64>();
    }
    println!("{cuts} power cuts, {acknowledged} changes acknowledged, 0 lost");
}

#[test]
fn an_error_at_every_operation_fails_the_change_and_loses_nothing() {
    let mut errors = 0;
    for at in 1.. {
        let mut dice = Dice::new(at);
        let medium = fresh();
        let store = Store::open_backend(medium.file(), options()).unwrap();
        let known = clients(&store, 1, 10, &Acknowledged::default());
        medium.order(Fault::Error(at));
        let known = clients(&store, 1, 30, &known);
        let context = format!("error at operation {at}, which is also the seed");
        let finished = known.newest[&0] == 40;
        if !finished {
            assert!(medium.fired(), "{context}: a change failed by itself");
            let refused = one_change(&store, 0, 1_000).unwrap_err();
            assert!(matches!(refused, StoreError::Poisoned), "{context}: {refused}");
            assert!(matches!(store.health(), Err(StoreError::Poisoned)), "{context}");
        }
        store.close();
        if !medium.fired() {
            break;
        }
        errors += 1;
        for image in [medium.after_kill(), medium.after_power_cut(&mut dice)] {
            let store = Store::open_backend(image.file(), checked()).expect(&context);
            verify(&store, &known, &context);
        }
    }
    println!("{errors} errors");
    assert!(errors > 100);
}

#[test]
fn an_error_while_opening_is_told_and_does_no_harm() {
    let medium = fresh();
    let store = Store::open_backend(medium.file(), options()).unwrap();
    let known = clients(&store, 2, 30, &Acknowledged::default());
    // Not closed: the next opening has to recover.
    let crashed = medium.after_kill();
    store.close();
    let mut failures = 0;
    for at in 1.. {
        let medium = crashed.after_kill();
        medium.order(Fault::Error(at));
        let opened = Store::open_backend(medium.file(), options());
        let context = format!("error at operation {at} of opening");
        let done = opened.is_ok() && !medium.fired();
        failures += u32::from(opened.is_err());
        drop(opened);
        let store = Store::open_backend(medium.after_kill().file(), checked()).expect(&context);
        verify(&store, &known, &context);
        if done {
            break;
        }
    }
    println!("{failures} openings failed");
    assert!(failures > 10);
}
