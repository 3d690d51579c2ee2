//! The targets, one a file.

pub mod config;
pub mod connection;
pub mod event;
pub mod filter;
pub mod json;
pub mod key_backup;
pub mod keys;
pub mod mail_address;
pub mod mail_link;
pub mod pdu;
pub mod push_rules;
pub mod request;
pub mod settings;
pub mod snapshot;
pub mod state_node;
pub mod store_file;
pub mod store_row;
pub mod sync_token;
pub mod user_name;

/// Texts as seeds.
fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
