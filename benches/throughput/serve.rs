//! The child that is measured: the real server with one worker, and publishers in its process.
//!
//! It runs with its defaults, but for some things: no keepalive comments and no `retry:` (they would count as bytes too
//! many); and unless the scenario is about that, no history, so that frames have no ids, and a reader may fall behind as
//! far as the run is long. Where readers are given as much as they can take, publishers wait for them
//! ([`Pace::Ahead`](crate::order::Pace)), so none does.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use sse_server::{Config, Control, Event, EventId, Publisher, Server};

use crate::Result;
use crate::credit::Credit;
use crate::order::{Answer, Order, Plan, Published, Settings};
use crate::producer::Producer;
use crate::stdio;

/// Where nobody reads.
const NOWHERE: &str = "/nowhere";

/// Bytes of data in an event that nobody reads.
const EVENT_BEFORE_BYTES: usize = 16;

/// Serves until the parent has gone.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    let server = Server::bind(Config {
        listen: vec![([127, 0, 0, 1], 0).into()],
        workers: 1,
        keepalive: None,
        retry: None,
        history_bytes: settings.history_bytes,
        flush_interval: Duration::from_micros(settings.flush_interval_us),
        max_lag: settings.max_lag,
        ..Config::default()
    })?;
    let address = server.local_addrs()[0];
    let press = Press { publisher: server.publisher(), has_ids: settings.history_bytes > 0 };
    let (control, credit) = (server.control(), Arc::new(Credit::default()));
    let epoch = server.hub().epoch();
    server.spawn()?;
    for _ in 0..settings.events_before {
        press.publish(NOWHERE, &[b'.'; EVENT_BEFORE_BYTES]);
    }
    let place = EventId { epoch, sequence: settings.events_before };
    // The id and a blank line, or an empty comment.
    let opening_bytes = if press.has_ids { id_bytes(place) + 1 } else { 2 };
    stdio::answer(&Answer::Serving { address, opening_bytes })?;
    stdio::hear(|order| {
        match order {
            Order::Publish(plan) => conduct(plan, press.clone(), control.clone(), Arc::clone(&credit))?,
            Order::Seen(bytes) => credit.grant(bytes),
            Order::Stop => credit.stop(),
        }
        Ok(())
    })
}

/// What publishes, and knows what becomes of an event on the wire.
#[derive(Clone)]
struct Press {
    publisher: Publisher,
    has_ids: bool,
}

impl Press {
    fn publish(&self, namespace: &str, data: &[u8]) -> EventId {
        self.publisher.publish(Event::new(namespace, data)).expect("the harness's events are valid")
    }

    /// Bytes of an event's id in its frame.
    fn id_bytes(&self, id: EventId) -> u64 {
        if self.has_ids { id_bytes(id) } else { 0 }
    }
}

/// Bytes of `id:EPOCH-SEQUENCE` and a line end, counted without writing them: publishers do this for every event.
fn id_bytes(id: EventId) -> u64 {
    let hexadecimal = 16 - (id.epoch | 1).leading_zeros() / 4;
    let decimal = 1 + id.sequence.checked_ilog10().unwrap_or(0);
    u64::from(hexadecimal + decimal) + 5
}

/// Carries out a plan on threads of its own, and reports.
fn conduct(plan: Plan, press: Press, control: Control, credit: Arc<Credit>) -> Result<()> {
    let conductor = move || {
        let first = OnceLock::new();
        let publish = |thread| {
            Producer::new(&plan, thread).run(&credit, |namespace, data| {
                let id = press.publish(&plan.namespaces[namespace], data);
                first.get_or_init(|| id);
                press.id_bytes(id)
            })
        };
        let published = thread::scope(|scope| {
            let others: Vec<_> = (1..plan.threads).map(|thread| scope.spawn(move || publish(thread))).collect();
            let others = others.into_iter().map(|other| other.join().expect("publishers don't panic"));
            others.fold(publish(0), Published::and)
        });
        let before = |first: &EventId| EventId { sequence: first.sequence - 1, ..*first }.to_string();
        let owed_after = first.get().map(before);
        let published = Published { streams: Some(control.connections()), owed_after, ..published };
        stdio::answer(&Answer::Published(published)).expect("the parent listens");
    };
    thread::Builder::new().name("publisher".to_owned()).spawn(conductor)?;
    Ok(())
}
