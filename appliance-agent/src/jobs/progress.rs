//! How work tells of itself.

use super::{Stage, Step, View};
use crate::problem::Problem;
use serde_json::Value;
use tokio::sync::watch;

/// Told of each step by the work; several threads may hold one.
#[derive(Debug, Clone)]
pub struct Progress(Option<watch::Sender<View>>);

impl Progress {
    pub(super) fn new(view: watch::Sender<View>) -> Self {
        Self(Some(view))
    }

    /// For work that nobody watches.
    #[must_use]
    pub fn unwatched() -> Self {
        Self(None)
    }

    /// A step begins; the one that ran is done.
    pub fn begin(&self, name: &str) {
        self.change(|view| {
            for step in &mut view.steps {
                if step.state == Stage::Running {
                    step.state = Stage::Done;
                }
                if step.name == name {
                    step.state = Stage::Running;
                }
            }
        });
    }

    /// A step begins beside others.
    pub fn run(&self, name: &str) {
        self.step(name, |step| step.state = Stage::Running);
    }

    /// A word on a step.
    pub fn detail(&self, name: &str, detail: impl Into<String>) {
        let detail = detail.into();
        self.step(name, |step| step.detail = Some(detail));
    }

    /// How much of a step is done.
    pub fn fraction(&self, name: &str, fraction: f64) {
        self.step(name, |step| step.fraction = Some(fraction.clamp(0.0, 1.0)));
    }

    /// A step is done, whether it was the one that ran or not.
    pub fn done(&self, name: &str) {
        self.step(name, |step| {
            step.state = Stage::Done;
            step.fraction = None;
        });
    }

    /// A step ended with something to know, and the work goes on.
    pub fn warn(&self, name: &str, problem: Problem) {
        self.step(name, |step| {
            step.state = Stage::Warning;
            step.error = Some(problem);
        });
    }

    /// A step failed, and the work goes on.
    pub fn fail(&self, name: &str, problem: Problem) {
        self.step(name, |step| {
            step.state = Stage::Failed;
            step.error = Some(problem);
        });
    }

    pub(super) fn end(&self, result: Result<Value, Problem>) {
        self.change(|view| {
            let running = view.steps.iter_mut().filter(|step| step.state == Stage::Running);
            match result {
                Ok(result) => {
                    running.for_each(|step| step.state = Stage::Done);
                    view.state = Stage::Done;
                    view.result = Some(result);
                }
                Err(problem) => {
                    for step in running {
                        step.state = Stage::Failed;
                        step.error = Some(problem.clone());
                    }
                    tracing::warn!(job = view.kind, %problem, "a job failed");
                    view.state = Stage::Failed;
                    view.error = Some(problem);
                }
            }
        });
    }

    fn step(&self, name: &str, change: impl FnOnce(&mut Step)) {
        self.change(|view| {
            if let Some(step) = view.steps.iter_mut().find(|step| step.name == name) {
                change(step);
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut View)) {
        if let Some(view) = &self.0 {
            view.send_modify(|view| {
                change(view);
                view.revision = view.revision.saturating_add(1);
            });
        }
    }
}
