//! Who publishes, over HTTP: the one publisher there is, so that it knows each event's sequence before it has one.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};
use sse_server::EventId;

use crate::PATIENCE;
use crate::caller::Caller;
use crate::plan::Plan;
use crate::stage::{Phase, Sentry, Stage};
use crate::tally::Tally;

/// Events of one request at most: who is late by more sends several.
const BATCH: u64 = 100;

/// Publishes at this rate until the time is up, and closes the stage.
pub(crate) fn publish(address: SocketAddr, plan: &Plan, stage: &Stage, tally: &Tally, per_second: f64, time: Duration) {
    let _sentry = Sentry(stage);
    let mut publisher = Publisher {
        caller: Caller::new(address, PATIENCE).expect("the server accepts"),
        plan,
        epoch: None,
        published: 0,
        random: Rng::with_seed(2),
    };
    let begun = Instant::now();
    while begun.elapsed() < time && stage.phase() == Phase::Open {
        let due = (begun.elapsed().as_secs_f64() * per_second) as u64;
        let count = due.saturating_sub(publisher.published).min(BATCH);
        if count == 0 {
            let next = Duration::from_secs_f64((publisher.published + 1) as f64 / per_second);
            stage.rest(next.saturating_sub(begun.elapsed()));
            continue;
        }
        if let Err(what) = publisher.publish(count) {
            return stage.fail(format!("publishing: {what}"));
        }
        tally.published.add(count);
    }
    stage.close(publisher.published);
}

struct Publisher<'p> {
    caller: Caller,
    plan: &'p Plan,
    epoch: Option<u64>,
    /// The last sequence.
    published: u64,
    random: Rng,
}

impl Publisher<'_> {
    /// Publishes the next events, one by one or in a batch.
    fn publish(&mut self, count: u64) -> Result<(), String> {
        if count > 10 || self.random.bool() {
            return self.publish_batch(count);
        }
        (0..count).try_for_each(|_| {
            let issue = self.plan.issue(self.published + 1);
            let target = format!("/publish{}", issue.namespace());
            let answer = self.caller.post(&target, "text/plain", &issue.data());
            self.take(1, &answer.map_err(|error| error.to_string())?, "id")
        })
    }

    fn publish_batch(&mut self, count: u64) -> Result<(), String> {
        let line = |sequence| {
            let issue = self.plan.issue(sequence);
            json!({ "namespace": issue.namespace(), "data": issue.data() }).to_string()
        };
        let lines: Vec<_> = (self.published + 1..=self.published + count).map(line).collect();
        let answer = self.caller.post("/publish", "application/x-ndjson", &lines.join("\n"));
        self.take(count, &answer.map_err(|error| error.to_string())?, "last_id")
    }

    /// Takes the answer for so many events: the id of the last must be the one that follows.
    fn take(&mut self, count: u64, answer: &str, field: &str) -> Result<(), String> {
        let value: Value = serde_json::from_str(answer).map_err(|error| format!("{error} in {answer:?}"))?;
        let id: Option<EventId> = value[field].as_str().and_then(|id| id.parse().ok());
        self.published += count;
        match id {
            Some(EventId { epoch, sequence })
                if *self.epoch.get_or_insert(epoch) == epoch && sequence == self.published =>
            {
                Ok(())
            }
            _ => Err(format!("{answer} where the sequence {} follows", self.published)),
        }
    }
}
