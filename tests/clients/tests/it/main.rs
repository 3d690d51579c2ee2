//! What people do with their apps, done by the SDK that the apps are built on.
//!
//! One binary, so that it is linked once and its tests share one homeserver.

mod backup;
mod conversation;
mod identity;
mod membership;
mod presence_of_others;
mod rotation;
mod sessions;
mod timeline;
mod unread;
