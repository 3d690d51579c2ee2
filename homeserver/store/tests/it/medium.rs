//! A storage medium in memory that loses what was not synced, tears writes, and fails on demand.

use redb::StorageBackend;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// A small generator, so that a seed tells the whole story of a run.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        // SplitMix64's increment keeps neighbouring seeds apart and the state off zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

/// What is to happen, counted in operations from when it was ordered.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// At the n-th write, resize or sync the power is gone: nothing works from then on.
    PowerCut(u64),
    /// The n-th operation of any kind, reads included, fails; the others go on working.
    Error(u64),
}

#[derive(Debug)]
enum Step {
    Write(u64, Vec<u8>),
    SetLen(u64),
}

#[derive(Debug, Default)]
struct State {
    /// What is on the medium for good.
    durable: Vec<u8>,
    /// What programs see: the durable bytes and all steps since.
    seen: Vec<u8>,
    /// Steps since the last sync.
    unsynced: Vec<Step>,
    fault: Option<Fault>,
    operations: u64,
    fired: bool,
    dead: bool,
}

/// A medium. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Medium(Arc<Mutex<State>>);

/// A process's file on the medium; it stops working once the medium was taken away.
#[derive(Debug)]
pub struct MediumFile(Medium);

impl Medium {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn file(&self) -> MediumFile {
        MediumFile(self.clone())
    }

    pub fn order(&self, fault: Fault) {
        let mut state = self.state();
        state.fault = Some(fault);
        state.operations = 0;
        state.fired = false;
    }

    pub fn fired(&self) -> bool {
        self.state().fired
    }

    /// Power comes back: of what was not synced, each step is there, missing or torn.
    pub fn after_power_cut(&self, dice: &mut Dice) -> Self {
        let mut state = self.state();
        let mut bytes = std::mem::take(&mut state.durable);
        for step in state.unsynced.drain(..) {
            match (step, dice.roll(4)) {
                (_, 0) => {}
                (Step::SetLen(len), _) => bytes.resize(len as usize, 0),
                (Step::Write(at, data), 1) => {
                    let len = dice.roll(data.len() as u64 + 1) as usize;
                    put(&mut bytes, at, &data[..len]);
                }
                (Step::Write(at, data), 2) => {
                    for (index, sector) in data.chunks(512).enumerate() {
                        if dice.roll(2) == 0 {
                            put(&mut bytes, at + index as u64 * 512, sector);
                        }
                    }
                }
                (Step::Write(at, data), _) => put(&mut bytes, at, &data),
            }
        }
        Self::holding(bytes)
    }

    /// Only the process died: all that it wrote is there.
    pub fn after_kill(&self) -> Self {
        Self::holding(self.state().seen.clone())
    }

    fn holding(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State { seen: bytes.clone(), durable: bytes, ..State::default() })))
    }

    fn operate<T>(&self, reads: bool, work: impl FnOnce(&mut State) -> T) -> io::Result<T> {
        let mut state = self.state();
        if state.dead {
            return Err(io::Error::other("the power is gone"));
        }
        match state.fault {
            Some(Fault::PowerCut(at)) if !reads => {
                state.operations += 1;
                if state.operations == at {
                    state.dead = true;
                    state.fired = true;
                    // The step itself may still have reached the medium, or half of it.
                    work(&mut state);
                    return Err(io::Error::other("the power is gone"));
                }
            }
            Some(Fault::Error(at)) => {
                state.operations += 1;
                if state.operations == at {
                    state.fired = true;
                    return Err(io::Error::other("the medium failed"));
                }
            }
            _ => {}
        }
        Ok(work(&mut state))
    }
}

fn put(bytes: &mut Vec<u8>, at: u64, data: &[u8]) {
    let at = at as usize;
    if bytes.len() < at + data.len() {
        bytes.resize(at + data.len(), 0);
    }
    bytes[at..at + data.len()].copy_from_slice(data);
}

impl StorageBackend for MediumFile {
    fn len(&self) -> io::Result<u64> {
        self.0.operate(true, |state| state.seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.operate(true, |state| {
            let at = offset as usize;
            let part = state.seen.get(at..at + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(part);
            Ok(())
        })?
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.operate(false, |state| {
            state.seen.resize(len as usize, 0);
            state.unsynced.push(Step::SetLen(len));
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.operate(false, |state| {
            if !state.dead {
                state.durable = state.seen.clone();
                state.unsynced.clear();
            }
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.operate(false, |state| {
            put(&mut state.seen, offset, data);
            state.unsynced.push(Step::Write(offset, data.to_vec()));
        })
    }
}
