//! Work that takes longer than a request: named steps, a revision that rises with each change, a result.

mod progress;

pub use progress::Progress;

use crate::{problem::Problem, random::Random};
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::VecDeque,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

/// Finished jobs that are remembered.
const REMEMBERED: usize = 32;
/// How long a request waits for something new.
pub const POLL: Duration = Duration::from_secs(20);

/// What a job or a step is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Not begun.
    Waiting,
    /// Begun.
    Running,
    /// Ended well.
    Done,
    /// Ended with something to know.
    Warning,
    /// Ended badly.
    Failed,
}

/// A step of a job.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// Its name; the page has words for it.
    pub name: &'static str,
    /// What it is at.
    pub state: Stage,
    /// How much of it is done, 0 to 1, where that is known.
    pub fraction: Option<f64>,
    /// A word on what it is doing or has found.
    pub detail: Option<String>,
    /// What it failed by, or warns of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

/// A job as the page sees it.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// Its id.
    pub id: String,
    /// What it does.
    pub kind: &'static str,
    /// Rises with each change.
    pub revision: u64,
    /// `running`, `done` or `failed`.
    pub state: Stage,
    /// Its steps in order.
    pub steps: Vec<Step>,
    /// What came of it.
    pub result: Option<Value>,
    /// What it failed by.
    pub error: Option<Problem>,
}

#[derive(Debug)]
struct Job {
    group: &'static str,
    /// The result holds a secret: it is given out once and then forgotten.
    once: bool,
    view: watch::Sender<View>,
    given_out: AtomicBool,
}

impl Job {
    fn is_running(&self) -> bool {
        self.view.borrow().state == Stage::Running
    }
}

/// What kind of job is started.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// Of a group only one job runs at a time.
    pub group: &'static str,
    /// The names of its steps in order.
    pub steps: &'static [&'static str],
    /// Asked for again while it runs, it is the one that runs; otherwise the second is refused.
    pub joins: bool,
    /// The result holds a secret.
    pub once: bool,
}

/// The jobs of this run of the agent.
#[derive(Debug)]
pub struct Jobs {
    jobs: Mutex<VecDeque<Arc<Job>>>,
    random: Random,
}

impl Jobs {
    /// No jobs.
    #[must_use]
    pub fn new(random: Random) -> Self {
        Self { jobs: Mutex::new(VecDeque::new()), random }
    }

    /// Starts a job in the background and gives its id.
    ///
    /// # Errors
    /// `busy` where another job of its group runs.
    pub fn start<F>(&self, kind: Kind, work: impl FnOnce(Progress) -> F) -> Result<String, Problem>
    where
        F: Future<Output = Result<Value, Problem>> + Send + 'static,
    {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = jobs.iter().find(|job| job.group == kind.group && job.is_running()) {
            let view = running.view.borrow();
            if kind.joins && view.kind == kind.name {
                return Ok(view.id.clone());
            }
            return Err(Problem::busy(view.kind));
        }
        while jobs.len() >= REMEMBERED {
            let Some(oldest) = jobs.iter().position(|job| !job.is_running()) else { break };
            jobs.remove(oldest);
        }
        let id = self.random.name();
        let step =
            |name: &&'static str| Step { name, state: Stage::Waiting, fraction: None, detail: None, error: None };
        let (view, _) = watch::channel(View {
            id: id.clone(),
            kind: kind.name,
            revision: 1,
            state: Stage::Running,
            steps: kind.steps.iter().map(step).collect(),
            result: None,
            error: None,
        });
        let job = Arc::new(Job { group: kind.group, once: kind.once, view, given_out: AtomicBool::new(false) });
        jobs.push_back(Arc::clone(&job));
        drop(jobs);
        let work = tokio::spawn(work(Progress::new(job.view.clone())));
        tokio::spawn(async move {
            let result = work.await.unwrap_or_else(|error| Err(Problem::internal(&error)));
            Progress::new(job.view.clone()).end(result);
        });
        Ok(id)
    }

    /// A job once its revision is above `after`, or as it is when the wait is over.
    ///
    /// # Errors
    /// `unknown_job`
    pub async fn poll(&self, id: &str, after: u64, wait: Duration) -> Result<View, Problem> {
        let job = {
            let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            jobs.iter().find(|job| job.view.borrow().id == id).cloned()
        };
        let job = job.ok_or_else(|| {
            Problem::not_found("unknown_job", "There is no such job: the box may have been restarted meanwhile.")
        })?;
        let mut watcher = job.view.subscribe();
        let waited = tokio::time::timeout(wait, watcher.wait_for(|view| view.revision > after)).await;
        drop(waited);
        let mut view = watcher.borrow().clone();
        if job.once && view.state == Stage::Done {
            if job.given_out.swap(true, Ordering::SeqCst) {
                view.result = None;
            } else {
                job.view.send_modify(|view| view.result = None);
            }
        }
        Ok(view)
    }

    /// Whether a job of a group runs.
    pub fn is_running(&self, group: &str) -> bool {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.iter().any(|job| job.group == group && job.is_running())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KIND: Kind = Kind { name: "a", group: "g", steps: &["one", "two"], joins: true, once: true };

    #[tokio::test]
    async fn steps_are_seen_and_a_secret_result_is_given_out_once() {
        let jobs = Jobs::new(Random::seeded(1));
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let id = jobs
            .start(KIND, |progress| async move {
                progress.begin("one");
                wait.await.unwrap();
                progress.begin("two");
                Ok(json!({ "recovery_key": "X" }))
            })
            .unwrap();
        assert_eq!(jobs.start(KIND, |_| async { Ok(Value::Null) }).unwrap(), id);
        let other = Kind { name: "b", ..KIND };
        assert_eq!(jobs.start(other, |_| async { Ok(Value::Null) }).unwrap_err().code, "busy");
        let view = jobs.poll(&id, 1, POLL).await.unwrap();
        assert_eq!((view.revision, view.steps[0].state), (2, Stage::Running));
        go.send(()).unwrap();
        let mut after = view.revision;
        let view = loop {
            let view = jobs.poll(&id, after, POLL).await.unwrap();
            after = view.revision;
            if view.state != Stage::Running {
                break view;
            }
        };
        assert_eq!(view.result, Some(json!({ "recovery_key": "X" })));
        assert!(view.steps.iter().all(|step| step.state == Stage::Done));
        assert_eq!(jobs.poll(&id, 0, POLL).await.unwrap().result, None);
    }

    #[tokio::test]
    async fn a_job_that_panics_has_failed_and_frees_its_group() {
        let jobs = Jobs::new(Random::seeded(1));
        let id = jobs.start(KIND, |_| async { panic!("a fault") }).unwrap();
        let view = jobs.poll(&id, 1, POLL).await.unwrap();
        assert_eq!((view.state, view.error.unwrap().code), (Stage::Failed, "internal"));
        assert!(!jobs.is_running("g"));
    }

    #[tokio::test]
    async fn the_step_that_ran_is_the_one_that_failed() {
        let jobs = Jobs::new(Random::seeded(1));
        let id = jobs
            .start(KIND, |progress| async move {
                progress.begin("one");
                progress.begin("two");
                Err(Problem::bad_request("no"))
            })
            .unwrap();
        let mut view = jobs.poll(&id, 0, POLL).await.unwrap();
        while view.state == Stage::Running {
            view = jobs.poll(&id, view.revision, POLL).await.unwrap();
        }
        let states: Vec<_> = view.steps.iter().map(|step| step.state).collect();
        assert_eq!(states, [Stage::Done, Stage::Failed]);
        assert_eq!(jobs.poll("nobody", 0, POLL).await.unwrap_err().code, "unknown_job");
    }
}
