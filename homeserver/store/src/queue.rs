//! Changes waiting for the writer's thread.

use crate::StoreError;
use crate::change::{Change, Hook, Written};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A change in the queue: first its work is run, and after the commit it is told the outcome.
pub(crate) trait Job: Send {
    /// Does the work. What it leaves is to be stored; none where the work failed.
    fn run(&mut self, change: Change<'_>) -> Option<Written>;

    /// Answers whoever waits for it: with the work's own result if all went well.
    fn finish(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// A closure as a [`Job`].
pub(crate) struct Work<T, E, F, A> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    answer: A,
}

impl<T, E, F, A> Work<T, E, F, A>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    F: FnOnce(&mut Change<'_>) -> Result<T, E> + Send + 'static,
    A: FnOnce(Result<T, E>) + Send + 'static,
{
    pub(crate) fn boxed(work: F, answer: A) -> Box<dyn Job> {
        Box::new(Self { work: Some(work), result: None, answer })
    }
}

impl<T, E, F, A> Job for Work<T, E, F, A>
where
    T: Send,
    E: From<StoreError> + Send,
    F: FnOnce(&mut Change<'_>) -> Result<T, E> + Send,
    A: FnOnce(Result<T, E>) + Send,
{
    fn run(&mut self, mut change: Change<'_>) -> Option<Written> {
        let work = self.work.take()?;
        // A panic leaves only the change behind that is dropped here, so nothing broken is seen.
        let result = catch_unwind(AssertUnwindSafe(|| work(&mut change)))
            .unwrap_or_else(|panic| Err(StoreError::Panicked(panic_words(&*panic)).into()));
        let keep = result.is_ok();
        self.result = Some(result);
        keep.then(|| change.into_written())
    }

    fn finish(self: Box<Self>, outcome: Result<(), StoreError>) {
        let result = match (outcome, self.result) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(StoreError::Closed.into()),
            // Even a refusal may rest on what a change before it in the same commit had stored,
            // so it is not passed on when the commit failed.
            (Err(error), _) => Err(error.into()),
        };
        (self.answer)(result);
    }
}

/// What a panic said.
pub(crate) fn panic_words(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().map(ToString::to_string);
    words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no words".into())
}

/// Runs a hook; a panic in it must not take the writer's thread down.
pub(crate) fn run_hook(hook: Hook) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(hook)) {
        tracing::error!(panic = panic_words(&*panic), "a commit hook panicked");
    }
}

/// First in, first out, between any thread and the writer's.
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

struct State {
    jobs: VecDeque<Box<dyn Job>>,
    /// Why no more changes are taken.
    refuses: Option<StoreError>,
}

impl Queue {
    pub(crate) const fn new() -> Self {
        Self { state: Mutex::new(State { jobs: VecDeque::new(), refuses: None }), filled: Condvar::new() }
    }

    /// Adds a change, unless the store takes no more.
    pub(crate) fn push(&self, job: Box<dyn Job>) {
        let refused = {
            let mut state = self.lock();
            match &state.refuses {
                Some(reason) => Some((job, reason.clone())),
                None => {
                    state.jobs.push_back(job);
                    None
                }
            }
        };
        match refused {
            Some((job, reason)) => job.finish(Err(reason)),
            None => self.filled.notify_one(),
        }
    }

    /// Waits for a change. None once the queue is closed and empty.
    pub(crate) fn wait(&self) -> Option<Box<dyn Job>> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.refuses.is_some() {
                return None;
            }
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes a change that is already waiting.
    pub(crate) fn try_take(&self) -> Option<Box<dyn Job>> {
        self.lock().jobs.pop_front()
    }

    /// Why no more changes are taken, where that is so.
    pub(crate) fn refuses(&self) -> Option<StoreError> {
        self.lock().refuses.clone()
    }

    /// Takes no more changes; those that wait are still done.
    pub(crate) fn close(&self) {
        self.lock().refuses.get_or_insert(StoreError::Closed);
        self.filled.notify_all();
    }

    /// Takes no more changes, and hands back those that wait.
    pub(crate) fn poison(&self) -> VecDeque<Box<dyn Job>> {
        let mut state = self.lock();
        state.refuses = Some(StoreError::Poisoned);
        self.filled.notify_all();
        std::mem::take(&mut state.jobs)
    }

    /// Nothing inside the lock can panic half-way, so a poisoned one is as good as another.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
