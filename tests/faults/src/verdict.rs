//! Holding the server to its promises.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use serde_json::Value;

use crate::{
    account_data::read,
    crowd::Promises,
    key_claimer::{Owner, claim},
    state_setter,
};

/// What was promised and what became of it. Everything but the first few counts must be zero; `faults` says each in a
/// sentence.
#[derive(Default)]
pub struct Verdict {
    /// Messages and state events that were acknowledged.
    pub events_acknowledged: usize,
    /// Of those, missing from the timeline.
    pub events_lost: usize,
    /// Of those, there more than once, by event id or by transaction.
    pub events_doubled: usize,
    /// Attempts that were repeated because their fate was unknown.
    pub events_repeated: u64,
    /// Account data writes that were acknowledged.
    pub data_acknowledged: u64,
    /// One-time keys whose upload was acknowledged.
    pub keys_uploaded: usize,
    /// One-time keys that were given out.
    pub keys_claimed: usize,
    /// Of those, given out more than once.
    pub keys_doubled: usize,
    /// Keys that were uploaded and neither came out again nor can have gone with a claim that was cut off.
    pub keys_lost: usize,
    /// What is wrong, a sentence each. The first hundred.
    pub faults: Vec<String>,
}

impl Verdict {
    fn fault(&mut self, sentence: String) {
        if self.faults.len() < 100 {
            self.faults.push(sentence);
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events_acknowledged, events_lost, events_doubled, events_repeated, .. } = self;
        let Self { data_acknowledged, keys_uploaded, keys_claimed, keys_doubled, keys_lost, .. } = self;
        write!(
            formatter,
            "events acknowledged: {events_acknowledged}, events lost: {events_lost}, events doubled: {events_doubled}, \
             sends repeated: {events_repeated}, account data acknowledged: {data_acknowledged}, keys uploaded: \
             {keys_uploaded}, keys claimed: {keys_claimed}, keys doubled: {keys_doubled}, keys lost: {keys_lost}"
        )
    }
}

/// Compares the promises with what the (running) server has.
///
/// # Panics
///
/// When the server can't even be read.
pub async fn judge(promises: &Promises) -> Verdict {
    let mut verdict = Verdict::default();
    judge_events(promises, &mut verdict).await;
    judge_state(promises, &mut verdict).await;
    judge_settings(promises, &mut verdict).await;
    judge_keys(promises, &mut verdict).await;
    verdict
}

async fn judge_events(promises: &Promises, verdict: &mut Verdict) {
    let mut timelines = HashMap::new();
    let rooms = promises.messages.iter().map(|messages| &messages.room).chain([&promises.state.room]);
    for room in rooms.collect::<HashSet<_>>() {
        let events = promises.host.whole_timeline(room).await.expect("the room's timeline can be read");
        for doubled in doubled_ids(&events) {
            verdict.events_doubled += 1;
            verdict.fault(format!("/messages gives the event {doubled} twice"));
        }
        timelines.insert(room.clone(), events);
    }
    for messages in &promises.messages {
        verdict.events_repeated += messages.repeated;
        let timeline = &timelines[&messages.room];
        let of_sender: Vec<&Value> = timeline
            .iter()
            .filter(|event| event["sender"] == messages.sender.as_str() && event["type"] == "m.room.message")
            .collect();
        let by_id: HashMap<&str, &Value> =
            of_sender.iter().filter_map(|event| Some((event["event_id"].as_str()?, *event))).collect();
        for sent in &messages.sent {
            verdict.events_acknowledged += 1;
            match by_id.get(sent.event_id.as_str()) {
                None => {
                    verdict.events_lost += 1;
                    verdict.fault(format!("{} of {} was acknowledged and is gone", sent.content, messages.sender));
                }
                Some(event) if event["content"] != sent.content => {
                    verdict.fault(format!("{} was sent, {} is stored", sent.content, event["content"]));
                }
                Some(_) => judge_sighting(promises, &sent.event_id, verdict),
            }
        }
        // A sender says nothing twice, so two events of one number are one transaction carried out twice.
        let numbers: Vec<u64> = of_sender.iter().filter_map(|event| event["content"]["number"].as_u64()).collect();
        if numbers.len() > messages.sent.len() {
            verdict.events_doubled += numbers.len() - messages.sent.len();
            verdict.fault(format!(
                "{} sent {} messages and the room has {}: a repeated transaction made a second event",
                messages.sender,
                messages.sent.len(),
                numbers.len()
            ));
        } else if !numbers.is_sorted() {
            verdict.fault(format!("the messages of {} are not in the order in which they were sent", messages.sender));
        }
    }
    let of_state: HashMap<&str, &Value> = timelines[&promises.state.room]
        .iter()
        .filter(|event| event["type"] == state_setter::KIND)
        .filter_map(|event| Some((event["event_id"].as_str()?, event)))
        .collect();
    for sent in &promises.state.sent {
        verdict.events_acknowledged += 1;
        match of_state.get(sent.event_id.as_str()) {
            None => {
                verdict.events_lost += 1;
                verdict.fault(format!("the state event {} was acknowledged and is gone", sent.content));
            }
            Some(event) if event["content"] != sent.content => {
                verdict.fault(format!("{} was set, {} is stored", sent.content, event["content"]));
            }
            Some(_) => judge_sighting(promises, &sent.event_id, verdict),
        }
    }
    verdict.events_repeated += promises.state.repeated;
    if of_state.len() as u64 > promises.state.sent.len() as u64 + promises.state.repeated {
        verdict.fault(format!("{} changes of state have left {} events", promises.state.sent.len(), of_state.len()));
    }
}

fn doubled_ids(events: &[Value]) -> Vec<&str> {
    let mut seen = HashSet::new();
    events.iter().filter_map(|event| event["event_id"].as_str()).filter(|id| !seen.insert(*id)).collect()
}

/// The watcher must have been told of every event once, whatever happened to its connection.
fn judge_sighting(promises: &Promises, event_id: &str, verdict: &mut Verdict) {
    match promises.seen.get(event_id).copied().unwrap_or(0) {
        1 => {}
        0 => verdict.fault(format!("/sync never told of the event {event_id}")),
        times => verdict.fault(format!("/sync told {times} times of the event {event_id}")),
    }
}

async fn judge_state(promises: &Promises, verdict: &mut Verdict) {
    for (key, acknowledged) in &promises.state.last {
        let found = state_setter::current(&promises.host, &promises.state.room, key).await;
        if found != *acknowledged {
            verdict.fault(format!("the room's state `{key}` is {found}, and {acknowledged} was acknowledged last"));
        }
    }
}

async fn judge_settings(promises: &Promises, verdict: &mut Verdict) {
    verdict.data_acknowledged = promises.settings.acknowledged;
    for (place, acknowledged) in &promises.settings.last {
        let found = read(&promises.settings.account, place).await;
        if found != *acknowledged {
            verdict.fault(format!("the datum `{}` is {found}, and {acknowledged} was acknowledged last", place.kind));
        }
    }
}

async fn judge_keys(promises: &Promises, verdict: &mut Verdict) {
    let mut given: Vec<(String, String)> = promises.claims.iter().flat_map(|claims| claims.given.clone()).collect();
    for stock in &promises.stocks {
        let owner = Owner { user_id: stock.account.user_id.clone(), device_id: stock.account.device_id.clone() };
        // What is left is claimed too: a key must not come out now that came out before.
        while let Some(key) = claim(&promises.claimer, &owner).await.expect("keys can be claimed") {
            given.push((owner.user_id.clone(), key));
        }
    }
    verdict.keys_claimed = given.len();
    let mut once = HashSet::new();
    for key in given {
        if let Some((owner, id)) = once.replace(key) {
            verdict.keys_doubled += 1;
            verdict.fault(format!("the one-time key {id} of {owner} was given out twice"));
        }
    }
    let missing = promises
        .stocks
        .iter()
        .flat_map(|stock| stock.uploaded.iter().map(|id| (stock.account.user_id.clone(), id.clone())))
        .inspect(|_| verdict.keys_uploaded += 1)
        .filter(|key| !once.contains(key))
        .count();
    let cut_off: u64 = promises.claims.iter().map(|claims| claims.unknown).sum();
    verdict.keys_lost = missing.saturating_sub(usize::try_from(cut_off).unwrap_or(usize::MAX));
    if verdict.keys_lost > 0 {
        verdict.fault(format!("{missing} one-time keys never came out again, and only {cut_off} claims were cut off"));
    }
}
