//! Streams on real sockets.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::support::{HEAD_ALONE, Server, wait_for};
use sse_core::{Event, HubConfig};
use sse_net::{Config, EndReason};

const KEEPALIVE: &str = ":keepalive\n";

#[test]
fn exact_bytes() {
    let server = Server::start(Config::default());
    let mut pets = server.subscribe("/pets");
    let mut all = server.subscribe("/");
    server.publish("/pets/dogs", "Corgi");
    server.publish("/petshop", "no pet");
    server.publish("/pets", "two\nlines");
    assert_eq!(pets.read_exactly(33), "data:Corgi\n\ndata:two\ndata:lines\n\n");
    assert_eq!(all.read_exactly(46), "data:Corgi\n\ndata:no pet\n\ndata:two\ndata:lines\n\n");
}

#[test]
fn an_end_is_noticed_and_told() {
    let server = Server::start(Config::default());
    let mut client = server.subscribe("/a");
    server.publish("/a", "one");
    assert_eq!(client.read_exactly(10), "data:one\n\n");
    assert_eq!((server.handle.streams(), server.handle.connections()), (1, 1));
    drop(client);
    let (session, end) = server.next_end();
    assert_eq!(session, "/stream/a");
    assert_eq!((end.reason, end.events_sent, end.bytes_sent), (EndReason::ClientClosed, 1, 10));
    wait_for("the connection is freed", || server.handle.connections() == 0);
    assert_eq!(server.handle.streams(), 0);
    wait_for("the channel is gone", || server.hub.channels() == 0);
}

#[test]
fn a_stream_that_the_hub_refuses_is_answered_by_the_service() {
    let server = Server::start_with(HubConfig { max_channels: 2, ..HubConfig::default() }, Config::default());
    let mut first = server.subscribe("/a");
    let mut other = server.connect();
    for _ in 0..2 {
        // The second of these channels is one too many. The connection goes on.
        other.send("GET /stream/b,/c HTTP/1.1\r\nHost: x\r\n\r\n");
        let (head, body) = other.read_answer();
        assert!(head.starts_with("HTTP/1.1 503 ") && !head.contains("Connection: close"), "{head}");
        assert!(body.starts_with("/stream/b,/c: there are 2 channels"), "{body}");
    }
    assert_eq!((server.handle.streams(), server.hub.channels()), (1, 1));
    other.send("GET /stream/a,/b HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(other.read_stream_head().starts_with("HTTP/1.1 200 "));
    other.read_opening();
    server.publish("/a", "one");
    server.publish("/b", "two");
    assert_eq!(first.read_exactly(10), "data:one\n\n");
    assert_eq!(other.read_exactly(20), "data:one\n\ndata:two\n\n");
    assert!(!server.has_ended_streams(), "what has never opened doesn't end");
}

#[test]
fn what_a_client_says_on_a_stream_is_passed_over() {
    let server = Server::start(Config::default());
    let mut client = server.subscribe("/a");
    for _ in 0..20 {
        client.send(&"GET /stream/b HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000));
    }
    server.publish("/a", "still here");
    assert_eq!(client.read_exactly(17), "data:still here\n\n");
    assert_eq!(server.handle.streams(), 1);
}

#[test]
fn a_slow_reader_goes_and_the_others_stay() {
    let max_lag = 256 << 10;
    let server = Server::start(Config { max_lag, ..Config::default() });
    let _slow = server.subscribe("/slow/reader");
    let mut fast = server.subscribe("/");
    let data = "x".repeat(1000);
    let mut published = 0;
    // In step with the fast reader, so that only the other one lags.
    let end = loop {
        for _ in 0..100 {
            server.publish("/slow/reader", &data);
        }
        published += 100;
        assert_eq!(fast.read_exactly(100 * 1007), format!("data:{data}\n\n").repeat(100));
        if server.handle.counters().lagged == 1 {
            break server.next_end();
        }
        assert!(published < 1_000_000, "the slow reader was never cut off");
    };
    assert_eq!(end.0, "/stream/slow/reader");
    assert_eq!(end.1.reason, EndReason::Lagged);
    assert!(end.1.bytes_sent < published * 1007);
    assert_eq!(server.handle.streams(), 1);
}

#[test]
fn a_reader_that_takes_nothing_goes() {
    let stall_timeout = Duration::from_millis(300);
    let server = Server::start(Config { stall_timeout, max_lag: u64::MAX, ..Config::default() });
    let _idle = server.subscribe("/a");
    let data = "x".repeat(1 << 20);
    for _ in 0..20 {
        server.publish("/a", &data);
    }
    assert_eq!(server.next_end().1.reason, EndReason::Stalled);
    assert_eq!(server.handle.counters().stalled, 1);
}

#[test]
fn several_workers_share_a_hub() {
    let server = Server::start(Config { workers: 4, ..Config::default() });
    let mut clients: Vec<_> = (0..64).map(|_| server.subscribe("/a")).collect();
    for number in 0..100 {
        server.publish("/a", &format!("{number:03}"));
    }
    for client in &mut clients {
        let all: String = (0..100).map(|number| format!("data:{number:03}\n\n")).collect();
        assert_eq!(client.read_exactly(all.len()), all);
    }
    let (sender, seen) = channel();
    server.handle.visit_streams(move |view| {
        assert_eq!((view.session.as_str(), view.bytes_sent, view.events_sent, view.lag), ("/stream/a", 1000, 100, 0));
        sender.send(()).unwrap();
    });
    // Ends when the visitor is dropped, having been everywhere.
    assert_eq!(seen.iter().count(), 64);
}

#[test]
fn visiting_a_server_that_is_gone_ends() {
    let mut server = Server::start(Config::default());
    server.handle.shutdown();
    server.join().unwrap();
    let (sender, seen) = channel::<()>();
    server.handle.visit_streams(move |_| sender.send(()).unwrap());
    assert_eq!(seen.iter().count(), 0);
}

/// Publishers on several threads, readers in pieces of all sizes: everyone gets the same bytes.
#[test]
fn everyone_gets_everything_in_one_order() {
    const READERS: usize = 50;
    const EVENTS: usize = 20_000;
    let server = Server::start(Config { workers: 2, max_lag: u64::MAX, ..Config::default() });
    let clients: Vec<_> = (0..READERS).map(|_| server.subscribe("/a")).collect();
    let length = "data:0/00000\n\n".len() * EVENTS * 2;
    let received = AtomicUsize::new(0);
    let texts: Vec<String> = thread::scope(|scope| {
        let readers: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                let received = &received;
                scope.spawn(move || {
                    let text = client.read_exactly(length);
                    received.fetch_add(text.len(), Ordering::Relaxed);
                    text
                })
            })
            .collect();
        for publisher in 0..2 {
            let hub = server.hub.clone();
            scope.spawn(move || {
                for number in 0..EVENTS {
                    hub.publish(&Event::new("/a/b", &format!("{publisher}/{number:05}"))).unwrap();
                }
            });
        }
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    assert_eq!(received.into_inner(), READERS * length);
    assert!(texts.iter().all(|text| *text == texts[0]));
    for publisher in 0..2 {
        let prefix = format!("data:{publisher}/");
        let order: Vec<&str> = texts[0].lines().filter(|line| line.starts_with(&prefix)).collect();
        assert!(order.len() == EVENTS && order.is_sorted());
    }
}

/// The next pass over the topics is an hour away: what has begun doesn't wait for it.
#[test]
fn a_flush_interval_holds_no_large_event_back() {
    let flush_interval = Duration::from_secs(3600);
    let server = Server::start(Config { flush_interval, max_lag: u64::MAX, ..Config::default() });
    let mut clients: Vec<_> = (0..2).map(|_| server.subscribe("/a")).collect();
    let data = "x".repeat(2 << 20);
    server.publish("/a", &data);
    for client in &mut clients {
        assert!(client.read_exactly(data.len() + 7) == format!("data:{data}\n\n"));
    }
}

/// Its client knows of no chunks.
#[test]
fn http_1_0_gets_plain_bytes_until_the_close() {
    let mut server = Server::start(Config { keepalive: Some(Duration::from_millis(50)), ..Config::default() });
    let mut client = server.connect();
    client.send("GET /stream/a HTTP/1.0\r\n\r\n");
    let head = client.read_stream_head();
    let fields = "Content-Type: text/event-stream\r\nSse-Resume: live\r\nConnection: close\r\n\r\n";
    assert!(head.ends_with(fields), "{head}");
    let data = "x".repeat(3 << 20);
    server.publish("/a", &data);
    let text = client.read_until(b"x\n\n");
    assert!(text.starts_with(":\n") && text.ends_with(&format!("\ndata:{data}\n\n")), "{text:.40}");
    client.read_until(KEEPALIVE.as_bytes());
    server.handle.drain(Duration::ZERO);
    assert_eq!(client.read_to_end().replace(KEEPALIVE, ""), "");
    server.join().unwrap();
}

#[test]
fn a_head_asked_for_is_no_stream() {
    let server = Server::start(Config::default());
    let mut client = server.connect();
    client.send("HEAD /stream/a HTTP/1.1\r\nHost: x\r\n\r\n");
    let text = client.read_to_end();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with(HEAD_ALONE), "{text}");
    assert_eq!(server.handle.streams(), 0);
    assert!(!server.has_ended_streams());
}
