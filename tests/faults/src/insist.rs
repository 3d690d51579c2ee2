//! Asking again until there is an answer, as a client does whose server went away.

use std::time::{Duration, Instant};

use hearth_test_support::CallError;
use tokio::time::sleep;

/// Between two attempts while the server is away.
const PAUSE: Duration = Duration::from_millis(20);

/// A server that is down for longer than this is not coming back.
const PATIENCE: Duration = Duration::from_secs(90);

/// What `ask` answered in the end, and how many attempts before had an unknown fate.
///
/// # Panics
///
/// When the server refuses, for it is asked nothing here that it may refuse, or stays silent too long.
pub async fn insist<T, F>(what: &str, mut ask: impl FnMut() -> F) -> (T, u64)
where
    F: Future<Output = Result<T, CallError>>,
{
    let begin = Instant::now();
    let mut unknown = 0;
    loop {
        match ask().await {
            Ok(answer) => return (answer, unknown),
            Err(error) if may_be_asked_again(&error) => {
                unknown += 1;
                assert!(begin.elapsed() < PATIENCE, "{what} has had no answer for {PATIENCE:?}: {error}");
                pause().await;
            }
            Err(error) => panic!("{what} was refused: {error}"),
        }
    }
}

/// Waits a moment before the next attempt.
pub async fn pause() {
    sleep(PAUSE).await;
}

/// No answer, or 503, which a server may say while it is going down.
pub fn may_be_asked_again(error: &CallError) -> bool {
    error.is_unanswered() || error.status() == 503
}
