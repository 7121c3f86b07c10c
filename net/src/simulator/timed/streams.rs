//! When a stream says something, and how long it may take nothing.

use super::*;
use crate::stream_end::EndReason;

const KEEPALIVE: &str = ":keepalive\n";

/// An exact comment every so many ticks of silence: two looks, and a tick of the period to spare at either.
const PERIOD_TICKS: u32 = 100;
const COMMENT_TICKS: u32 = 98;

#[test]
fn silence_is_filled_with_comments() {
    let mut stage = Stage::new(Config { keepalive: Some(ticks(PERIOD_TICKS)), ..Config::default() });
    let clients: Vec<_> = (0..20).map(|_| stage.subscribe(usize::MAX)).collect();
    let published_at = 500;
    let mut heard: Vec<Vec<u32>> = vec![Vec::new(); clients.len()];
    for tick in 1..=1000 {
        stage.run_until(ticks(tick));
        for (client, heard) in clients.iter().zip(&mut heard) {
            match stage.hear(*client).as_str() {
                "" => {}
                KEEPALIVE => heard.push(tick),
                text => panic!("{text} at {tick}"),
            }
        }
        if tick == published_at {
            stage.publish("x");
            assert!(clients.iter().all(|client| stage.hear(*client) == "data:x\n\n"));
        }
    }
    let mut phases: Vec<u32> = heard.iter().map(|heard| heard[0] % COMMENT_TICKS).collect();
    for heard in &heard {
        let (before, after): (Vec<u32>, Vec<u32>) = heard.iter().partition(|tick| **tick <= published_at);
        for (from, heard) in [(0, before), (published_at, after)] {
            assert!(heard[0] > from && heard[0] - from <= PERIOD_TICKS, "{heard:?} after {from}");
            assert!(heard.windows(2).all(|two| two[1] - two[0] == COMMENT_TICKS), "{heard:?}");
            assert!(from + 500 - heard[heard.len() - 1] < PERIOD_TICKS, "{heard:?}");
        }
    }
    // The streams began at the same time; their comments don't all come at once.
    phases.sort_unstable();
    phases.dedup();
    assert!(phases.len() > 10, "{phases:?}");
}

/// The socket fills up in the midst of a frame, for many periods.
#[test]
fn comments_never_land_inside_a_frame() {
    for version in ["1.0", "1.1"] {
        let mut stage = Stage::new(Config { keepalive: Some(ticks(4)), max_lag: u64::MAX, ..Config::default() });
        let client = stage.connect_narrow(1000, &format!("GET /read/a HTTP/{version}\r\nHost: x\r\n\r\n"));
        let mut text = String::new();
        let data = "y".repeat(5000);
        for tick in 0..1000 {
            if tick % 100 == 0 && tick < 500 {
                stage.publish(&data);
            }
            stage.run_until(ticks(tick));
            text += &stage.hear_some(client, 70);
        }
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let body = if head.contains("chunked") { unchunked(body) } else { body.to_owned() };
        let frame = format!("data:{data}\n\n");
        assert_eq!(body.matches(&frame).count(), 5, "HTTP/{version}");
        assert!(body.matches(KEEPALIVE).count() > 10, "HTTP/{version}");
        // Nothing else.
        assert_eq!(body.replace(&frame, "").replace(KEEPALIVE, "").trim_start_matches(":\n"), "", "HTTP/{version}");
    }
}

#[test]
fn a_reader_that_takes_nothing_goes() {
    let mut stage = Stage::new(Config { stall_timeout: ticks(100), max_lag: u64::MAX, ..Config::default() });
    let idle = stage.subscribe(1000);
    let awake = stage.subscribe(usize::MAX);
    stage.run_until(ticks(20));
    stage.publish(&"x".repeat(5000));
    assert_eq!(stage.hear(awake).len(), 5007);
    stage.run_through(ticks(120), |stage| stage.handle.streams() == 2);
    assert_eq!((stage.handle.streams(), stage.handle.counters().stalled), (1, 1));
    assert_eq!(stage.ends()[0].reason, EndReason::Stalled);
    // What it has not taken went with its socket.
    assert_eq!(stage.hear(idle), "");
}

/// A reader so slow that its socket calls for more only after a long time is slow, not stalled: it gets everything.
#[test]
fn a_slow_reader_within_its_lag_gets_everything() {
    let config = Config { stall_timeout: ticks(100), max_lag: u64::MAX, keepalive: None, ..Config::default() };
    let mut stage = Stage::new(config);
    let client = stage.subscribe(1000);
    let frame = format!("data:{}\n\n", "x".repeat(5000));
    stage.publish(&frame[5..5005]);
    let mut text = String::new();
    // 20 bytes each time, of the 500 that the socket calls at: it calls after 25 times the patience.
    for time in 1..=frame.len().div_ceil(20) {
        stage.run_until(ticks(99 * time as u32));
        text += &stage.hear_some(client, 20);
    }
    assert!(text == frame, "{} of {} bytes", text.len(), frame.len());
    assert_eq!((stage.handle.streams(), stage.handle.counters().stalled), (1, 0));
}

#[test]
fn a_flush_interval_gathers_events() {
    // No multiple of a tick: it is met exactly nevertheless.
    let flush_interval = Duration::from_millis(501);
    let mut stage = Stage::new(Config { flush_interval, ..Config::default() });
    let client = stage.subscribe(usize::MAX);
    let published_at = Duration::from_millis(100);
    stage.run_until(published_at);
    stage.publish("0");
    assert_eq!(stage.hear(client), "data:0\n\n", "the first one waits for nobody");
    for number in 1..5 {
        stage.run_until(published_at + flush_interval * number / 5);
        stage.publish(&number.to_string());
    }
    stage.run_through(published_at + flush_interval, |stage| stage.hear(client).is_empty());
    assert_eq!(stage.hear_some(client, usize::MAX), "data:1\n\ndata:2\n\ndata:3\n\ndata:4\n\n");
}
