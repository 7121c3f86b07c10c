//! Readers that come back, and readers that don't read.

use std::task::Waker;
use std::time::Duration;

use sse_core::{Filter, HubConfig};
use sse_net::{Config, EndReason};

use crate::support::{Client, Server, wait_for};

const DATA_BYTES: usize = 1000;

fn history() -> HubConfig {
    HubConfig { epoch: Some(0xe), history_bytes: 64 << 20, ..HubConfig::default() }
}

/// Frames with these sequences, as the hub writes them.
fn frames(sequences: std::ops::RangeInclusive<u64>) -> String {
    sequences.map(|sequence| format!("data:{}\nid:e-{sequence}\n\n", "x".repeat(DATA_BYTES))).collect()
}

fn publish(server: &Server, namespace: &str, count: usize) {
    let data = "x".repeat(DATA_BYTES);
    (0..count).for_each(|_| server.publish(namespace, &data));
}

fn head(client: &mut Client) -> String {
    client.read_stream_head()
}

/// The sequence in the id of a block.
fn sequence(block: &str) -> u64 {
    block.split_once("id:e-").unwrap().1.trim_end().parse().unwrap()
}

/// Far more than a reader may fall behind, be it still in the channel's log or only in the history.
#[test]
fn who_returns_gets_all_that_it_missed() {
    for is_live in [true, false] {
        let server = Server::start_with(history(), Config::default());
        let live = is_live.then(|| server.hub.subscribe(Filter::parse("/a").unwrap(), Waker::noop().clone()).unwrap());
        who_returns_gets_what_it_missed(&server);
        drop(live);
    }
}

fn who_returns_gets_what_it_missed(server: &Server) {
    publish(server, "/a", 20_000);
    let mut client = server.connect();
    client.send("GET /stream/a HTTP/1.1\r\nHost: x\r\nLast-Event-ID: e-10\r\n\r\n");
    assert!(head(&mut client).contains("\r\nSse-Resume: exact\r\n"));
    assert_eq!(client.read_opening(), "id:e-10\n\n");
    let missed = frames(11..=20_000);
    assert!(client.read_exactly(missed.len()) == missed);
    publish(server, "/a", 1);
    assert_eq!(client.read_exactly(frames(20_001..=20_001).len()), frames(20_001..=20_001));
}

#[test]
fn a_new_stream_says_where_it_begins_and_when_to_come_back() {
    let config = Config { retry: Some(Duration::from_secs(2)), ..Config::default() };
    let server = Server::start_with(history(), config);
    publish(&server, "/b", 3);
    let mut client = server.connect();
    client.send("GET /stream/a HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(head(&mut client).contains("\r\nSse-Resume: live\r\n"));
    let opening = client.read_opening();
    let (wait, place) = opening.strip_prefix("retry:").unwrap().split_once('\n').unwrap();
    assert!((1_000..=3_000).contains(&wait.parse::<u64>().unwrap()));
    assert_eq!(place, "id:e-3\n\n");
    // Leaving, it hears a time of its own again.
    server.handle.drain(Duration::ZERO);
    let last = client.read_to_end();
    assert!(last.starts_with("retry:") && last.ends_with('\n') && client.is_over(), "{last}");
}

/// What it has yet to read is in nobody's log: it is read from the history.
#[test]
fn a_reader_that_stops_for_long_gets_everything_from_history() {
    let server = Server::start_with(history(), Config { max_lag: u64::MAX, ..Config::default() });
    let mut client = server.subscribe("/a");
    let mut other = server.subscribe("/a");
    let all = frames(1..=20_000);
    publish(&server, "/a", 20_000);
    assert!(other.read_exactly(all.len()) == all);
    assert!(client.read_exactly(all.len()) == all);
    publish(&server, "/a", 1);
    assert_eq!(client.read_exactly(frames(20_001..=20_001).len()), frames(20_001..=20_001));
}

#[test]
fn a_reader_too_far_behind_skips_if_it_was_agreed() {
    let server = Server::start_with(history(), Config { max_lag: 256 << 10, ..Config::default() });
    let mut slow = server.connect();
    slow.send("GET /stream/a?slow=skip HTTP/1.1\r\nHost: x\r\n\r\n");
    head(&mut slow);
    slow.read_opening();
    let mut fast = server.subscribe("/");
    let mut published = 0;
    while server.handle.counters().skipped == 0 {
        publish(&server, "/a", 100);
        fast.read_exactly(frames(published + 1..=published + 100).len());
        published += 100;
        assert!(published < 1_000_000, "the slow reader never skipped");
    }
    let mut last = 0;
    let gap = loop {
        let block = slow.read_until(b"\n\n");
        if block.contains("event:gap\n") {
            break block;
        }
        let sequence = sequence(&block);
        assert!(last == 0 || sequence == last + 1, "{sequence} after {last}");
        last = sequence;
    };
    assert!(gap.contains(&format!("\"requested\":\"e-{last}\"")) && gap.contains("\"reason\":\"lagged\""), "{gap}");
    let resumed = sequence(&gap);
    publish(&server, "/a", 1);
    let next = slow.read_until(b"\n\n");
    assert_eq!(sequence(&next), resumed + 1);
    assert_eq!(server.handle.counters().lagged, 0);
}

#[test]
fn several_patterns_are_one_stream() {
    let server = Server::start(Config { workers: 2, ..Config::default() });
    let mut client = server.connect();
    client.send("GET /stream/a,/b HTTP/1.1\r\nHost: x\r\n\r\n");
    head(&mut client);
    client.read_opening();
    let mut one = server.subscribe("/b");
    for (namespace, data) in [("/a", "1"), ("/b/x", "2"), ("/c", "-"), ("/a/b", "3"), ("/b", "4")] {
        server.publish(namespace, data);
    }
    assert_eq!(client.read_exactly(32), "data:1\n\ndata:2\n\ndata:3\n\ndata:4\n\n");
    assert_eq!(one.read_exactly(16), "data:2\n\ndata:4\n\n");
    drop(client);
    assert_eq!(server.next_end().1.reason, EndReason::ClientClosed);
    wait_for("the stream of two patterns to end", || server.handle.streams() == 1);
    server.publish("/b", "5");
    assert_eq!(one.read_exactly(8), "data:5\n\n");
}
