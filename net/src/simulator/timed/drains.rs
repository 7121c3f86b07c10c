//! When a drain lets go of whom.

use std::task::Waker;

use sse_core::Filter;

use super::*;
use crate::stream_end::EndReason;

/// How long finite answers may go on after a drain's time is up.
const GRACE: Duration = Duration::from_secs(1);

#[test]
fn an_idle_loop_ends_at_once() {
    let mut stage = Stage::new(Config::default());
    let idle = stage.connect("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(stage.hear(idle).ends_with("/echo 0"));
    stage.handle.drain(Duration::from_secs(3600));
    stage.settle();
    assert!(stage.worker.has_ended() && stage.is_over(idle));
    assert_eq!(stage.hear(idle), "");
}

#[test]
fn a_drain_is_spread_and_loses_nothing() {
    const STREAMS: usize = 100;
    let mut stage = Stage::new(Config::default());
    let clients: Vec<_> = (0..STREAMS).map(|_| stage.subscribe(usize::MAX)).collect();
    stage.publish("last");
    stage.handle.drain(ticks(400));
    let mut open_after = Vec::new();
    for quarter in 0..=4 {
        stage.run_until(ticks(100 * quarter));
        open_after.push(stage.handle.streams());
        assert_eq!(stage.worker.has_ended(), open_after.last() == Some(&0));
    }
    assert!(open_after[0] >= STREAMS - 1, "one stream may go in the first tick, not many: {open_after:?}");
    let gone = |two: &[usize]| two[0] - two[1];
    // A fourth of them in each, more or less.
    assert!(open_after.windows(2).all(|two| (10..=40).contains(&gone(two))), "{open_after:?}");
    assert_eq!(open_after[4], 0);
    assert!(stage.ends().iter().all(|end| (end.reason, end.bytes_sent) == (EndReason::Drained, 11)));
    assert!(clients.into_iter().all(|client| stage.hear(client) == "data:last\n\n" && stage.is_over(client)));
}

/// A stream has nothing more to wait for, and its client is told.
#[test]
fn streams_of_a_closed_hub_end_when_they_have_everything() {
    let mut stage = Stage::new(Config::default());
    let clients = [(); 3].map(|()| stage.subscribe(usize::MAX));
    stage.publish("last");
    stage.hub.close();
    stage.settle();
    assert_eq!(stage.handle.streams(), 0);
    assert!(stage.ends().iter().all(|end| (end.reason, end.bytes_sent) == (EndReason::Drained, 11)));
    assert!(clients.into_iter().all(|client| stage.hear(client) == "data:last\n\n" && stage.is_over(client)));
}

/// It leaves when it has everything, be that still in the channel's log or only in the history; not before.
#[test]
fn a_drain_waits_for_what_is_owed() {
    for is_live in [true, false] {
        let hub = HubConfig { epoch: Some(7), history_bytes: 1 << 20, ..HubConfig::default() };
        let mut stage = Stage::with(hub, Config { keepalive: None, ..Config::default() });
        let live = is_live.then(|| stage.hub.subscribe(Filter::parse("/a").unwrap(), Waker::noop().clone()).unwrap());
        for _ in 0..500 {
            stage.publish(&"x".repeat(1000));
        }
        let client = stage.connect_narrow(10_000, "GET /read/a HTTP/1.0\r\nLast-Event-ID: 7-0\r\n\r\n");
        stage.handle.drain(ticks(1000));
        let mut text = String::new();
        for tick in 0..1000 {
            stage.run_until(ticks(tick));
            text += &stage.hear_some(client, 1000);
        }
        assert_eq!(text.matches("data:").count(), 500, "live: {is_live}");
        assert!(text.ends_with("\nid:7-500\n\n") && stage.is_over(client), "live: {is_live}");
        drop(live);
    }
}

#[test]
fn a_stream_that_reads_nothing_ends_with_the_drain() {
    let mut stage = Stage::new(Config { max_lag: u64::MAX, ..Config::default() });
    let client = stage.subscribe(1000);
    stage.publish(&"x".repeat(5000));
    stage.handle.drain(ticks(100));
    stage.run_through(ticks(100), |stage| stage.handle.streams() == 1);
    assert_eq!(stage.ends()[0].reason, EndReason::Drained);
    assert!(stage.is_over(client) && stage.worker.has_ended());
}

/// Nobody answers the one, and the other's body never comes: the end waits for neither. Who asks meanwhile is answered.
#[test]
fn unfinished_requests_have_a_grace() {
    let mut stage = Stage::new(Config::default());
    let held = stage.connect("GET /later/x HTTP/1.1\r\nHost: x\r\n\r\n");
    let late = stage.connect("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nx");
    let stream = stage.subscribe(usize::MAX);
    stage.handle.drain(ticks(100));
    let end = ticks(100) + GRACE;
    for at in [Duration::ZERO, ticks(50), ticks(100), end - MOMENT] {
        stage.run_until(at);
        let probe = stage.connect("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
        let text = stage.hear(probe);
        assert!(text.contains("Connection: close\r\n") && text.ends_with("/echo 0"), "{text}");
        assert!(stage.is_over(probe));
    }
    assert!(stage.is_over(stream) && stage.handle.streams() == 0);
    assert!(!stage.worker.has_ended() && !stage.is_over(held) && !stage.is_over(late));
    stage.run_until(end + TICK);
    assert!(stage.worker.has_ended());
}
