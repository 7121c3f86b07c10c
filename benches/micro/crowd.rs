//! Hubs with many subscriptions that are not the ones being measured.

use std::task::Waker;

use sse_core::{Filter, Hub, HubConfig, Subscription};

/// How many others to have: up to a million, unless this run only checks that the benches work.
pub(crate) fn sizes() -> &'static [usize] {
    let only_checks = std::env::args().any(|argument| argument == "--test");
    if only_checks { &[10, 1_000] } else { &[10, 1_000, 1_000_000] }
}

/// The `index`th path of depth 4 in a tree that is ten wide at the top and a hundred wide below: `leaf` is its end.
pub(crate) fn path(index: usize, leaf: &str) -> String {
    format!("/r{}/s{}/t{}/{leaf}{index}", index % 10, index / 10 % 100, index / 1_000 % 100)
}

/// A hub with room for the largest crowd, and for those who come beside it.
pub(crate) fn hub() -> Hub {
    Hub::new(HubConfig { max_channels: 2_000_000, ..HubConfig::default() })
}

/// A subscription that no one waits on.
pub(crate) fn subscribe(hub: &Hub, path: &str) -> Subscription {
    let filter = Filter::parse(path).expect("the benches' own paths are valid");
    hub.subscribe(filter, Waker::noop().clone()).expect("a hub takes a million subscriptions")
}

/// Reads all there is.
pub(crate) fn catch_up(subscription: &mut Subscription) {
    loop {
        let ready = subscription.chunk().len();
        if ready == 0 {
            break;
        }
        subscription.advance(ready);
    }
}
