//! The end of a hub: what was taken is read to its last byte, and then there is nothing any more.

#![cfg(not(loom))]

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bell::Bell;
use proptest::prelude::*;
use sse_core::{
    Event, EventError, Filter, Hub, HubConfig, Namespace, Pattern, Ready, SubscribeError, Subscription, TryPublishError,
};
use support::{Client, Published};

#[path = "support/bell.rs"]
mod bell;
mod support;

fn hub(history_bytes: usize) -> Hub {
    Hub::new(HubConfig { epoch: Some(0), history_bytes, ..HubConfig::default() })
}

fn filter(paths: &[&str]) -> Filter {
    Filter::any_of(paths.iter().map(|path| Pattern::parse(path).unwrap())).unwrap()
}

fn subscribe(hub: &Hub, path: &str) -> Subscription {
    hub.subscribe(filter(&[path]), Waker::noop().clone()).unwrap()
}

#[test]
fn a_closed_hub_takes_nothing() {
    let hub = hub(0);
    let event = Event::new("/a", "x");
    let prepared = hub.prepare(&event).unwrap();
    assert!(!hub.is_closed());
    hub.clone().close();
    hub.close();
    assert!(hub.is_closed());
    assert_eq!(hub.publish(&event), Err(EventError::Closed));
    assert_eq!(hub.publish_prepared(prepared), Err(EventError::Closed));
    assert_eq!(hub.try_publish(&event), Err(TryPublishError::Event(EventError::Closed)));
    let closed = |subscription: Result<Subscription, _>| subscription.map(drop) == Err(SubscribeError::Closed);
    assert!(closed(hub.subscribe(filter(&["/a"]), Waker::noop().clone())));
    assert!(closed(hub.resume(filter(&["/a"]), "0-0", Waker::noop().clone())));
    assert_eq!((hub.published(), hub.channels()), (0, 0));
}

#[test]
fn every_reader_is_woken_for_the_end_once() {
    for history_bytes in [0, 1 << 20] {
        let hub = hub(history_bytes);
        let paths = ["/", "/a", "/a/b", "/*", "/*/b", "/a/*/c"];
        let bells: Vec<_> = paths.iter().map(|_| Arc::new(Bell::default())).collect();
        let join =
            |(path, bell): (&&str, &Arc<Bell>)| hub.subscribe(filter(&[path]), Waker::from(bell.clone())).unwrap();
        let _readers: Vec<_> = paths.iter().zip(&bells).map(join).collect();
        drop(subscribe(&hub, "/left"));
        hub.close();
        hub.close();
        hub.tick(Duration::ZERO);
        assert!(bells.iter().all(|bell| bell.rung() == 1));
    }
}

#[test]
fn without_history_a_reader_gets_the_rest_and_then_the_end() {
    let hub = hub(0);
    let [mut ahead, mut behind] = [subscribe(&hub, "/a"), subscribe(&hub, "/a")];
    hub.publish(&Event::new("/a", "x")).unwrap();
    assert_eq!(ahead.chunk().len(), 8);
    ahead.advance(8);
    assert!(!ahead.has_ended());
    hub.close();
    assert!(ahead.has_ended() && !behind.has_ended());
    assert_eq!(behind.chunk(), b"data:x\n\n");
    behind.advance(7);
    assert!(!behind.has_ended());
    behind.advance(1);
    assert!(behind.has_ended());
}

#[cfg(feature = "stream")]
#[test]
fn a_stream_ends() {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use futures_core::Stream;

    let hub = hub(0);
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    let mut stream = subscribe(&hub, "/a");
    let mut poll = || Pin::new(&mut stream).poll_next(&mut Context::from_waker(&waker));
    assert_eq!(poll(), Poll::Pending);
    hub.publish(&Event::new("/a", "x")).unwrap();
    hub.close();
    assert!(bell.rung() > 0);
    assert_eq!(poll(), Poll::Ready(Some("data:x\n\n".into())));
    assert_eq!(poll(), Poll::Ready(None));
    assert_eq!(poll(), Poll::Ready(None));
}

#[derive(Clone, Debug)]
enum Step {
    Publish(usize),
    Connect(usize),
    Read(usize, usize),
    CatchUp(usize),
    Park(usize),
    Skip(usize),
    Trim,
}

const FILTERS: [&[&str]; 5] = [&["/a"], &["/a/b"], &["/a/*", "/*/b"], &["/", "/a"], &["/c"]];
const PATHS: [&str; 4] = ["/a", "/a/b", "/b/b", "/d"];

fn step() -> impl Strategy<Value = Step> {
    let client = || 0..FILTERS.len();
    prop_oneof![
        8 => (0..PATHS.len()).prop_map(Step::Publish),
        2 => client().prop_map(Step::Connect),
        4 => (client(), 0usize..80).prop_map(|(client, bytes)| Step::Read(client, bytes)),
        1 => client().prop_map(Step::CatchUp),
        1 => client().prop_map(Step::Park),
        1 => client().prop_map(Step::Skip),
        1 => Just(Step::Trim),
    ]
}

proptest! {
    #[test]
    fn a_reader_that_reads_on_gets_all_that_was_taken_and_then_the_end(
        history_bytes in prop::sample::select(vec![200, 1 << 20]),
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let hub = hub(history_bytes);
        let mut published: Vec<Published> = Vec::new();
        let mut clients = FILTERS.map(|paths| Client::new(filter(paths)));
        for step in steps {
            match step {
                Step::Publish(path) => {
                    let data = published.len().to_string();
                    hub.publish(&Event::new(PATHS[path], &data)).unwrap();
                    published.push((Namespace::parse(PATHS[path]).unwrap(), data));
                }
                Step::Connect(client) => clients[client].connect(&hub),
                Step::Read(client, bytes) => {
                    clients[client].read(bytes);
                }
                Step::CatchUp(client) => clients[client].catch_up(),
                Step::Park(client) => clients[client].subscription.iter_mut().for_each(Subscription::park),
                Step::Skip(client) => clients[client].skip(),
                Step::Trim => hub.tick(Duration::ZERO),
            }
            prop_assert!(clients.iter().filter_map(|client| client.subscription.as_ref()).all(|one| !one.has_ended()));
        }
        hub.close();
        for client in &mut clients {
            while let Some(subscription) = &client.subscription {
                let has_ended = subscription.has_ended();
                let read = client.read(usize::MAX);
                prop_assert!(read == 0 || !has_ended, "{} bytes after the end", read);
                let subscription = client.subscription.as_mut().unwrap();
                if read == 0 && !matches!(subscription.ready(), Ready::Again | Ready::Bytes(_)) {
                    prop_assert!(matches!(subscription.ready(), Ready::Ended), "nothing to read, and no end");
                    prop_assert!(client.subscription.take().unwrap().has_ended());
                    client.check(&published, true).map_err(TestCaseError::fail)?;
                }
            }
        }
    }
}
