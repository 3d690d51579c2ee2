//! Counts what an operation moves, tells the caller, and remembers why the source or the caller ended it.

use crate::{Counts, Error, Progress, Result};
use std::{
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// How many bytes lie between two reports.
const STEP: u64 = 1 << 20;

/// The counts of one operation.
#[derive(Debug)]
pub(crate) struct Meter {
    progress: Progress,
    read: AtomicU64,
    written: AtomicU64,
    total: Option<u64>,
    /// What `read + written` has to reach for the next report.
    next: AtomicU64,
    stopped: AtomicBool,
    reason: Mutex<Option<Error>>,
}

impl Meter {
    pub(crate) fn new(progress: &Progress, total: Option<u64>) -> Self {
        Self {
            progress: progress.clone(),
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            total,
            next: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            reason: Mutex::default(),
        }
    }

    /// For an operation that is too short to be followed.
    pub(crate) fn silent() -> Self {
        Self::new(&Progress::none(), None)
    }

    pub(crate) fn read(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::SeqCst);
        self.report_if_due();
    }

    pub(crate) fn written(&self, bytes: u64) {
        self.written.fetch_add(bytes, Ordering::SeqCst);
        self.report_if_due();
    }

    fn counts(&self) -> Counts {
        Counts {
            read: self.read.load(Ordering::SeqCst),
            written: self.written.load(Ordering::SeqCst),
            total: self.total,
        }
    }

    fn report_if_due(&self) {
        let counts = self.counts();
        let moved = counts.read + counts.written;
        let due = self.next.load(Ordering::SeqCst);
        // Of several threads that come here together one reports.
        if moved >= due && self.next.compare_exchange(due, moved + STEP, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            self.report(counts);
        }
    }

    /// Reports whatever was moved since the last report.
    pub(crate) fn report_end(&self) {
        self.report(self.counts());
    }

    fn report(&self, counts: Counts) {
        if self.progress.report(counts).is_break() {
            self.stop(Error::Cancelled);
        }
    }

    /// Ends the operation; the first reason counts.
    pub(crate) fn stop(&self, reason: Error) {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        self.stopped.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// An error for a reader to end by, once the operation is stopped.
    pub(crate) fn go_on(&self) -> io::Result<()> {
        if self.is_stopped() { Err(io::Error::other("stopped")) } else { Ok(()) }
    }

    /// `Ok` unless the operation was stopped; then why.
    pub(crate) fn check(&self) -> Result<()> {
        if !self.is_stopped() {
            return Ok(());
        }
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(reason.unwrap_or(Error::Cancelled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{ops::ControlFlow, sync::Arc};

    #[test]
    fn it_reports_about_every_megabyte_and_at_the_end() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let progress = Progress::new({
            let seen = Arc::clone(&seen);
            move |counts| {
                seen.lock().unwrap().push(counts.read);
                ControlFlow::Continue(())
            }
        });
        let meter = Meter::new(&progress, Some(9));
        for _ in 0..30 {
            meter.read(100_000);
        }
        meter.report_end();
        assert_eq!(*seen.lock().unwrap(), [100_000, 1_200_000, 2_300_000, 3_000_000]);
    }

    #[test]
    fn the_caller_can_stop_it() {
        let meter = Meter::new(&Progress::new(|_| ControlFlow::Break(())), None);
        assert!(meter.check().is_ok() && meter.go_on().is_ok());
        meter.written(1);
        assert!(meter.go_on().is_err() && matches!(meter.check(), Err(Error::Cancelled)));
    }
}
