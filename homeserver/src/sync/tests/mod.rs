//! Syncs of a few users in a few rooms, from the inside.

mod house;

mod rooms;
mod unread;
mod waiting;
mod whole;
