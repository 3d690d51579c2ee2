//! `family begin|go-on URL ADDRESS:PORT AUTHORITY.pem FOLDER WORDS`: what `family.rs` does, for a test that is no Rust program. WORDS are the
//! invitation where the family begins, and what is said where it goes on. Prints the room's texts as JSON.

use std::{env, fs};

use hearth_test_clients::family::{self, Way};

#[tokio::main]
async fn main() {
    tracing_subscriber::fmt().with_env_filter("error").with_writer(std::io::stderr).init();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [verb, url, address, authority, folder, words] = arguments.as_slice() else {
        panic!("family begin|go-on URL ADDRESS:PORT AUTHORITY.pem FOLDER WORDS");
    };
    let way = Way {
        url: url.clone(),
        address: address.parse().expect("ADDRESS:PORT is an address"),
        authority: fs::read(authority).expect("AUTHORITY.pem can be read"),
        folder: folder.into(),
    };
    let said = match verb.as_str() {
        "begin" => family::begin(&way, words).await,
        "go-on" => family::go_on(&way, words).await,
        other => panic!("the family begins or goes on; {other:?} it can't"),
    };
    println!("{}", serde_json::to_string(&said).expect("texts are JSON"));
}
