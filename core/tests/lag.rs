//! What becomes of readers that fall behind further than they may, or than the hub keeps.

#![cfg(not(loom))]

use std::task::Waker;

use sse_core::{Event, Filter, Hub, HubConfig, Lagging, Pattern, Ready, Subscription};

/// One event, and how many of them are far more than the limits in these tests.
const DATA: &str = "0123456789012345678901234567890123456789";
const MANY: usize = 40_000;

const GAP: &str = "event:gap\ndata:{\"requested\":null,\"oldest\":null,\"reason\":\"lagged\"}\n\n";

fn subscribe(hub: &Hub, paths: &[&str]) -> Subscription {
    let patterns = paths.iter().map(|path| Pattern::parse(path).unwrap());
    hub.subscribe(Filter::any_of(patterns).unwrap(), Waker::noop().clone()).unwrap()
}

fn publish(hub: &Hub, path: &str, data: &str) {
    hub.publish(&Event::new(path, data)).unwrap();
}

/// All that is ready, and whether the reader has ended.
fn read_all(subscription: &mut Subscription) -> (String, bool) {
    let mut text = Vec::new();
    loop {
        let n = match subscription.ready() {
            Ready::Bytes(chunk) => {
                text.extend(chunk.pieces.concat());
                chunk.pieces.concat().len()
            }
            Ready::Again => 0,
            Ready::Ended => return (String::from_utf8(text).unwrap(), true),
            _ => return (String::from_utf8(text).unwrap(), false),
        };
        subscription.advance(n);
    }
}

/// What a reader had begun to read stays whole; then it is told, and is in the present.
#[test]
fn without_history_a_reader_behind_the_backlog_is_told_of_a_gap() {
    for paths in [&["/a"][..], &["/a", "/b"]] {
        let hub = Hub::new(HubConfig { backlog_bytes: 256 << 10, ..HubConfig::default() });
        let mut slow = subscribe(&hub, paths);
        let mut fast = subscribe(&hub, &["/a"]);
        publish(&hub, "/a", "first");
        assert_eq!(slow.chunk(), b"data:first\n\n");
        slow.advance(3);
        let mut read = read_all(&mut fast).0.len();
        for _ in 0..MANY {
            publish(&hub, "/a", DATA);
            read += read_all(&mut fast).0.len();
        }
        let all = "data:first\n\n".len() + MANY * (DATA.len() + "data:\n\n".len());
        assert_eq!(read, all, "who keeps up misses nothing");
        publish(&hub, "/a", "last");
        let (text, ended) = read_all(&mut slow);
        let (before, after) = text.split_once(GAP).expect("the gap is told");
        assert!(!ended && before.starts_with("a:first\n\n") && before.ends_with("\n\n"), "{before:.40}");
        assert_eq!(after, "");
        publish(&hub, "/a", "present");
        assert_eq!(read_all(&mut slow).0, "data:present\n\n");
    }
}

#[test]
fn a_reader_that_lags_too_far_skips_or_ends() {
    for history_bytes in [0, 16 << 20] {
        let hub = Hub::new(HubConfig { history_bytes, ..HubConfig::default() });
        let [mut skips, mut ends, mut keeps_up] = [(); 3].map(|()| subscribe(&hub, &["/a"]));
        skips.limit_lag(300 << 10, Lagging::Skip);
        ends.limit_lag(300 << 10, Lagging::End);
        keeps_up.limit_lag(300 << 10, Lagging::End);
        for _ in 0..MANY {
            publish(&hub, "/a", DATA);
            assert!(!read_all(&mut keeps_up).1, "it is not behind");
        }
        // What they stood in is theirs to read; there is less of it than of what they missed.
        let (text, ended) = read_all(&mut ends);
        assert!(ended && text.len() < 600 << 10, "{ended}, {} bytes", text.len());
        assert_eq!(ends.lag(), 0, "who has ended is behind nothing");
        publish(&hub, "/a", "more");
        assert!(matches!(ends.ready(), Ready::Ended));
        let (text, ended) = read_all(&mut skips);
        assert!(!ended && text.contains("\"reason\":\"lagged\"") && text.len() < 600 << 10, "{} bytes", text.len());
        assert_eq!(skips.lag(), 0);
    }
}
