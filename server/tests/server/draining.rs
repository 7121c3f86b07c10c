//! How a server ends.

use std::time::Duration;

use sse_server::Server;

use crate::support::{Running, config};

/// So long that no stream of a test is closed by chance.
const FOR_AGES: Duration = Duration::from_secs(30 * 24 * 3600);

#[test]
fn while_draining_only_new_streams_are_turned_away() {
    let server = Running::new(config());
    let mut open = server.subscribe("/subscribe/a");
    server.drain(FOR_AGES);

    assert_eq!(server.get("/readyz").status, 503);
    assert_eq!(server.get("/healthz").status, 200);
    let unready = server.get("/readyz");
    assert_eq!((unready.status, unready.header("cache-control")), (503, Some("no-store")));
    assert_eq!(server.get("/health").body, "Active connections: 1");
    assert_eq!(server.get("/admin/status.json").json()["draining"], true);
    let shed = server.subscribe("/subscribe/a");
    assert_eq!(shed.head.status, 200);
    assert!(shed.rest().starts_with("retry:"));

    assert_eq!(server.post("/publish/a", "last words").status, 200);
    open.expect("data:last words\n\n");
}

#[test]
fn a_drained_server_has_sent_everything() {
    let server = Server::bind(config()).unwrap().spawn().unwrap();
    let address = server.local_addrs()[0];
    let stream = crate::support::Stream::open(address, "/subscribe/a", &[]);
    let publisher = server.publisher();
    publisher.publish(sse_server::Event::new("/a", "last words")).unwrap();
    server.drain(Duration::from_millis(1));
    assert_eq!(stream.whole_rest(), "data:last words\n\n");
    server.join().unwrap();
    // Publishing to no one is no error.
    publisher.publish(sse_server::Event::new("/a", "too late")).unwrap();
    assert_eq!(publisher.published(), 2);
}

#[test]
fn shutdown_ends_at_once() {
    let server = Server::bind(config()).unwrap().spawn().unwrap();
    let stream = crate::support::Stream::open(server.local_addrs()[0], "/subscribe/a", &[]);
    server.shutdown();
    assert_eq!(stream.rest(), "");
    server.join().unwrap();
}

#[test]
fn run_returns_when_told_from_elsewhere() {
    let server = Server::bind(config()).unwrap();
    let control = server.control();
    let running = std::thread::spawn(move || server.run());
    control.shutdown();
    running.join().unwrap().unwrap();
}
