//! Somebody whose app keeps its settings on the server.

use hearth_test_support::Account;
use serde_json::{Value, json};

use crate::{
    crowd::Enough,
    insist::{insist, may_be_asked_again, pause},
};

/// One place that holds a value.
#[derive(Clone, PartialEq)]
pub struct Place {
    /// The room, or `None` for data of the whole account.
    pub room: Option<String>,
    /// The event type.
    pub kind: String,
}

/// What the server has promised to keep.
pub struct Settings {
    /// Whose they are.
    pub account: Account,
    /// The last acknowledged value of each place.
    pub last: Vec<(Place, Value)>,
    /// How many writes were acknowledged.
    pub acknowledged: u64,
}

/// Writes settings without pause, some of the account and some of a room. After each cut it first looks whether every
/// acknowledged value is still there.
pub async fn keep_settings(account: Account, room: String, enough: Enough) -> Settings {
    let places: Vec<Place> = [None, Some(room)]
        .into_iter()
        .flat_map(|room| {
            ["first", "second"].map(|name| Place { room: room.clone(), kind: format!("org.example.{name}") })
        })
        .collect();
    let mut settings = Settings { account, last: Vec::new(), acknowledged: 0 };
    // Cycled, so that between two writes to one place there are others, and every place is old at some kill.
    for place in places.iter().cycle() {
        if enough.is_reached() && settings.last.len() == places.len() {
            break;
        }
        let value = json!({ "number": settings.acknowledged });
        write(&settings, place, &value).await;
        settings.acknowledged += 1;
        settings.last.retain(|(known, _)| known != place);
        settings.last.push((place.clone(), value));
    }
    settings
}

async fn write(settings: &Settings, place: &Place, value: &Value) {
    loop {
        match settings.account.set_account_data(place.room.as_deref(), &place.kind, value).await {
            Ok(()) => return,
            Err(error) if may_be_asked_again(&error) => {
                pause().await;
                for (known, acknowledged) in &settings.last {
                    let found = read(&settings.account, known).await;
                    assert!(
                        found == *acknowledged || (known == place && found == *value),
                        "after the server came back, the account datum `{}` is {found}, but {acknowledged} had been \
                         acknowledged",
                        known.kind
                    );
                }
            }
            Err(error) => panic!("account data was refused: {error}"),
        }
    }
}

/// The value that the server holds at a place that was written before.
pub async fn read(account: &Account, place: &Place) -> Value {
    insist("reading account data", || account.account_data(place.room.as_deref(), &place.kind)).await.0
}
