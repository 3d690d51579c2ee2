//! What a device knows after many small syncs is what there is.

use super::house::*;
use crate::rooms::{Room, client_event, graph, state};
use hearth_store::records::Membership;
use proptest::{prelude::*, test_runner::Config};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Step {
    Say(usize, usize),
    Topic(usize, u8),
    Join(usize, usize),
    Leave(usize, usize),
    Sync(usize),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3usize, 0..2usize).prop_map(|(user, room)| Step::Say(user, room)),
        1 => (0..2usize, any::<u8>()).prop_map(|(room, n)| Step::Topic(room, n)),
        2 => (1..3usize, 0..2usize).prop_map(|(user, room)| Step::Join(user, room)),
        1 => (1..3usize, 0..2usize).prop_map(|(user, room)| Step::Leave(user, room)),
        4 => (0..4usize).prop_map(Step::Sync),
        1 => Just(Step::Restart),
    ]
}

/// What a client has made of its answers: (type, state key) -> event id, and the messages heard.
#[derive(Default)]
struct Known {
    rooms: BTreeMap<String, BTreeMap<(String, String), String>>,
    heard: BTreeMap<String, Vec<String>>,
}

impl Known {
    fn learn(&mut self, answer: &Value, after: bool) {
        for (room, joined) in answer["rooms"]["join"].as_object().into_iter().flatten() {
            let state = self.rooms.entry(room.clone()).or_default();
            let lists = if after { vec![&joined["state_after"]] } else { vec![&joined["state"], &joined["timeline"]] };
            for event in lists.into_iter().flat_map(|list| list["events"].as_array().into_iter().flatten()) {
                if let Some(key) = event["state_key"].as_str() {
                    let name = (event["type"].as_str().unwrap().to_owned(), key.to_owned());
                    state.insert(name, event["event_id"].as_str().unwrap().to_owned());
                }
            }
            let heard = self.heard.entry(room.clone()).or_default();
            for event in joined["timeline"]["events"].as_array().into_iter().flatten() {
                let id = event["event_id"].as_str().unwrap().to_owned();
                assert!(!heard.contains(&id), "an event was told twice");
                heard.push(id);
            }
        }
        for room in answer["rooms"]["leave"].as_object().into_iter().flatten().map(|(room, _)| room) {
            self.rooms.remove(room);
            self.heard.remove(room);
        }
    }
}

fn truth(house: &House, room: &Room) -> BTreeMap<(String, String), String> {
    let snapshot = house.store.snapshot().unwrap();
    let mut entries = BTreeMap::new();
    let root = room.head(&snapshot).unwrap().state;
    state::for_each(&snapshot, root, |kind, key, number| {
        entries.insert((kind.to_owned(), key.to_owned()), graph::record(&snapshot, number)?.event_id);
        Ok(())
    })
    .unwrap();
    entries
}

async fn live(steps: Vec<Step>) {
    let mut house = House::new();
    let users = [ann(), bob(), cat()];
    let rooms = [house.room(), house.room()];
    // Two devices of the same user tell state in the two ways; limits are small, so that there are gaps.
    let filter = json!({ "room": { "timeline": { "limit": 3 } } });
    let mut devices: Vec<(Phone, Known)> = [ann(), bob(), cat(), bob()]
        .into_iter()
        .zip(["A", "B", "C", "D"])
        .map(|(user, device)| (Phone { device, filter: filter.clone(), ..phone(user) }, Known::default()))
        .collect();
    for (n, step) in steps.into_iter().chain((0..4).map(Step::Sync)).enumerate() {
        match step {
            Step::Say(user, room) if house.membership(&rooms[room], users[user]) == Membership::Join => {
                house.say(&rooms[room], users[user], &n.to_string());
            }
            Step::Topic(room, topic) => {
                drop(house.set(&rooms[room], "m.room.topic", json!({ "topic": topic.to_string() })))
            }
            Step::Join(user, room) => house.join(&rooms[room], users[user]),
            Step::Leave(user, room) if house.membership(&rooms[room], users[user]) == Membership::Join => {
                house.leave(&rooms[room], users[user]);
            }
            Step::Sync(device) => {
                let (phone, known) = &mut devices[device];
                let after = device == 3;
                let answer = house.ask(phone, |request| request.use_state_after = after).await;
                known.learn(&answer, after);
                for room in &rooms {
                    let is_joined = house.membership(room, phone.user) == Membership::Join;
                    let told = known.rooms.get(room.id.as_str());
                    assert_eq!(told.is_some(), is_joined, "device {device} after step {n}");
                    if let Some(told) = told {
                        assert_eq!(told, &truth(&house, room), "device {device} after step {n}");
                    }
                }
            }
            Step::Restart => house.forget(),
            Step::Say(..) | Step::Leave(..) => {}
        }
    }
    // The newest message of a room is heard by all who are in it.
    let snapshot = house.store.snapshot().unwrap();
    for room in &rooms {
        let newest = hearth_store::EventNo(room.head(&snapshot).unwrap().newest.0);
        let record = graph::record(&snapshot, newest).unwrap();
        assert!(client_event::fields(newest, &record).is_ok());
        for (_, known) in devices.iter().filter(|(phone, _)| house.membership(room, phone.user) == Membership::Join) {
            assert_eq!(known.heard[room.id.as_str()].last(), Some(&record.event_id));
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 12, max_shrink_iters: 60, ..Config::default() })]

    #[test]
    fn a_device_knows_what_there_is(steps in proptest::collection::vec(step(), 1..50)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(live(steps));
    }
}
