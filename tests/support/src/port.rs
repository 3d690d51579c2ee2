//! Choosing a port that stays free while the server is down.

use std::net::{Ipv4Addr, TcpListener};

/// Below what Linux hands to outgoing connections (32768 and up). A client that retries while the server is dead could
/// otherwise be given the server's own port as its local one, connect to itself, and keep the server from coming back.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// A TCP port on 127.0.0.1 that nobody listens on now.
///
/// # Panics
///
/// When a thousand ports in a row are taken.
pub fn free_port() -> u16 {
    (0..1_000)
        .map(|_| rand::random_range(RANGE))
        .find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .expect("no free port was found on 127.0.0.1 between 20000 and 32000")
}
