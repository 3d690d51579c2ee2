//! Mail: addresses, letters, the queue that they wait in, and the relay that takes them.
//!
//! A letter is written into the queue in the change that makes it due, and sent afterwards: what was promised is sent
//! whatever happens to the power, and nobody's request waits for a mail server.

pub mod address;
pub mod letter;
pub mod link;
pub mod queue;
pub mod refusal;
pub mod relay;

pub use address::Address;
pub use letter::Letter;
pub use link::Link;
pub use queue::Queue;
pub use refusal::Refusal;

use hearth_store::StoreError;

/// Why a letter can't be put into the queue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// As many letters as may wait are waiting.
    #[error("too many letters wait to be sent")]
    QueueFull,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
