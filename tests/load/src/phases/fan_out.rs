//! Fan-out: the time from the start of a send until a reader that long-polls `/sync` holds the answer with the event in
//! it, over all readers of one room and all messages.

use super::Phase;
use crate::{
    account::{self, next_batch, sync_path},
    client::Client,
    report::Figures,
    room::{self, Sender},
    usage::Stopwatch,
    world::World,
};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hyper::Method;
use memchr::memmem;
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, time::timeout};

/// Between two messages. A reader asks again at once, but no answer tells when the server has parked that request;
/// a message sent into the readers' return would measure their asking.
const PARKING: Duration = Duration::from_millis(200);
/// A reader that has nothing after this long has lost the message.
const LOST_AFTER: Duration = Duration::from_secs(30);
const POLL_MS: u64 = 30_000;

/// Said by a reader: it held this message at that time.
type Receipt = Result<(usize, Instant)>;

struct Reader {
    client: Client,
    filter_id: String,
    since: String,
    /// What to look for, in the order of sending.
    marks: Arc<[String]>,
}

pub async fn measure(world: &mut World) -> Result<Figures> {
    let readers = world.scale.readers;
    ensure!(readers > 0, "a fan-out needs a reader");
    world.need_accounts(readers + 1).await?;
    let name = world.fresh_name();
    let marks: Arc<[String]> = (0..world.scale.fan_out_messages).map(|number| format!("({name}:{number})")).collect();

    let mut client = world.client(0)?;
    let room_id = room::create(&mut client, "All ears").await?;
    let mut sender = Sender::new(client, &room_id, &name);
    for index in 1..=readers {
        room::join(&mut world.client(index)?, &room_id).await?;
    }
    let (receipts, mut received) = mpsc::unbounded_channel();
    for index in 1..=readers {
        let reader = reader(world, index, marks.clone()).await?;
        tokio::spawn(reader.read(receipts.clone()));
    }

    let mut times = Vec::with_capacity(readers * marks.len());
    let stopwatch = Stopwatch::start(world)?;
    for (number, mark) in marks.iter().enumerate() {
        tokio::time::sleep(PARKING).await;
        let started = Instant::now();
        sender.send_content(json!({"msgtype": "m.text", "body": mark}).to_string().into()).await?;
        for _ in 0..readers {
            let receipt = timeout(LOST_AFTER, received.recv()).await;
            let receipt = receipt.with_context(|| format!("message {number} did not reach every reader"))?;
            let (seen, at) = receipt.context("the readers are gone")??;
            ensure!(seen == number, "a reader held message {seen} while message {number} was on its way");
            times.push(at.saturating_duration_since(started));
        }
    }
    stopwatch.stop(world, Phase::FanOut.name(), marks.len(), times)
}

async fn reader(world: &World, index: usize, marks: Arc<[String]>) -> Result<Reader> {
    let mut client = world.client(index)?;
    let account = world.accounts.get(index).context("an account is missing")?;
    let filter_id = account::element_filter(&mut client, &account.user_id).await?;
    let since = account::sync_once(&mut client, &filter_id).await?;
    Ok(Reader { client, filter_id, since, marks })
}

impl Reader {
    /// Polls until the last message is seen.
    async fn read(mut self, receipts: mpsc::UnboundedSender<Receipt>) {
        let mut number = 0;
        while number < self.marks.len() {
            match self.poll(number).await {
                Ok((seen, at)) => {
                    for number in number..seen {
                        // Nobody listening means that the phase has failed and is over.
                        if receipts.send(Ok((number, at))).is_err() {
                            return;
                        }
                    }
                    number = seen;
                }
                Err(error) => {
                    let _ = receipts.send(Err(error));
                    return;
                }
            }
        }
    }

    /// One sync: the number of messages seen until now, and when its answer was whole.
    async fn poll(&mut self, mut number: usize) -> Result<(usize, Instant)> {
        let path = sync_path(&self.filter_id, Some(&self.since), POLL_MS);
        let answer = self.client.call(Method::GET, &path, Bytes::new()).await?;
        let at = Instant::now();
        while self.marks.get(number).is_some_and(|mark| holds(&answer, mark)) {
            number += 1;
        }
        self.since = next_batch(&answer)?;
        Ok((number, at))
    }
}

fn holds(answer: &[u8], mark: &str) -> bool {
    memmem::find(answer, mark.as_bytes()).is_some()
}
