//! The child that is measured: the real server with one worker, and publishers in its process.
//!
//! It runs with its defaults, but for three things: no keepalive comments (they would count as bytes too many), no
//! history, and a reader may fall behind as far as the run is long, unless the scenario is about that. Where readers
//! are given as much as they can take, publishers wait for them ([`Pace::Ahead`](crate::order::Pace)), so none does.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sse_server::{Config, Control, Event, Publisher, Server};

use crate::Result;
use crate::credit::Credit;
use crate::order::{Answer, Order, Plan, Published, Settings};
use crate::producer::Producer;
use crate::stdio;

/// Serves until the parent has gone.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    let server = Server::bind(Config {
        listen: vec![([127, 0, 0, 1], 0).into()],
        workers: 1,
        keepalive: None,
        flush_interval: Duration::from_micros(settings.flush_interval_us),
        max_lag: settings.max_lag,
        ..Config::default()
    })?;
    let address = server.local_addrs()[0];
    let (publisher, control) = (server.publisher(), server.control());
    let credit = Arc::new(Credit::default());
    server.spawn()?;
    stdio::answer(&Answer::Serving(address))?;
    stdio::hear(|order| {
        match order {
            Order::Publish(plan) => conduct(plan, publisher.clone(), control.clone(), Arc::clone(&credit))?,
            Order::Seen(bytes) => credit.grant(bytes),
        }
        Ok(())
    })
}

/// Carries out a plan on threads of its own, and reports.
fn conduct(plan: Plan, publisher: Publisher, control: Control, credit: Arc<Credit>) -> Result<()> {
    let conductor = move || {
        let publish = |thread| {
            Producer::new(&plan, thread).run(&credit, |namespace, data| {
                publisher
                    .publish(Event::new(&plan.namespaces[namespace], data))
                    .expect("the harness's events are valid");
            })
        };
        let published = thread::scope(|scope| {
            let others: Vec<_> = (1..plan.threads).map(|thread| scope.spawn(move || publish(thread))).collect();
            let others = others.into_iter().map(|other| other.join().expect("publishers don't panic"));
            others.fold(publish(0), Published::and)
        });
        let published = Published { streams: Some(control.connections()), ..published };
        stdio::answer(&Answer::Published(published)).expect("the parent listens");
    };
    thread::Builder::new().name("publisher".to_owned()).spawn(conductor)?;
    Ok(())
}
