//! Beginnings and ends.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{Server, wait_for};
use sse_net::{Address, Config, EndReason, Listeners};

/// So long that no stream of a test is closed by chance.
const FOR_AGES: Duration = Duration::from_secs(30 * 24 * 3600);

fn any_port() -> Address {
    "127.0.0.1:0".parse().unwrap()
}

#[test]
fn a_port_has_one_server() {
    for (first, second) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        let held = Listeners::bind(&[any_port()], first).unwrap();
        let error = Listeners::bind(&[held.local_addrs()[0].into()], second).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "{first} workers, then {second}");
    }
}

#[test]
fn a_picked_port_is_told() {
    let listeners = Listeners::bind(&[any_port(), any_port()], 3).unwrap();
    let [first, second] = listeners.local_addrs() else { panic!("two addresses") };
    assert!(first.port() != 0 && second.port() != 0 && first != second);
}

/// Two families of addresses, where the machine has both.
#[test]
fn one_address_may_be_several_with_one_port() {
    for address in ["localhost:0", ":0"] {
        for workers in [1, 2] {
            let listeners = Listeners::bind(&[address.parse().unwrap()], workers).unwrap();
            let addrs = listeners.local_addrs();
            assert!(addrs[0].is_ipv4() && addrs.iter().all(|addr| addr.port() == addrs[0].port()), "{addrs:?}");
            for addr in addrs {
                TcpStream::connect(addr).unwrap();
            }
            let has_ipv6 = std::net::TcpListener::bind("[::1]:0").is_ok();
            assert_eq!(addrs.len(), 1 + usize::from(has_ipv6), "{addrs:?}");
        }
    }
}

#[test]
fn listeners_must_fit_the_workers() {
    let listeners = Listeners::bind(&[any_port()], 2).unwrap();
    assert!(listeners.local_addrs()[0].port() != 0);
    let server = Server::start(Config::default());
    let config = Config { workers: 3, ..Config::default() };
    let error = sse_net::Workers::spawn(listeners, server.hub.clone(), server.desk.clone(), config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn shutdown_ends_at_once() {
    let mut server = Server::start(Config { workers: 2, ..Config::default() });
    let mut clients: Vec<_> = (0..10).map(|_| server.subscribe("/a")).collect();
    server.handle.shutdown();
    server.join().unwrap();
    for client in &mut clients {
        assert_eq!(server.next_end().1.reason, EndReason::Drained);
        assert_eq!(client.read_to_end(), "");
        assert!(!client.is_over(), "what is cut off does not pass for whole");
    }
    assert_eq!((server.handle.connections(), server.handle.streams()), (0, 0));
}

#[test]
fn a_drain_loses_nothing() {
    let mut server = Server::start(Config { workers: 2, ..Config::default() });
    let mut clients: Vec<_> = (0..50).map(|_| server.subscribe("/a")).collect();
    server.publish("/a", "last");
    server.handle.drain(Duration::from_millis(600));
    assert!(server.handle.is_draining());
    for _ in 0..50 {
        let (_, end) = server.next_end();
        assert_eq!((end.reason, end.bytes_sent), (EndReason::Drained, 11));
    }
    server.join().unwrap();
    for client in &mut clients {
        assert_eq!(client.read_to_end(), "data:last\n\n");
        assert!(client.is_over(), "the end is told");
    }
}

#[test]
fn probes_are_answered_while_draining() {
    let mut server = Server::start(Config::default());
    let _stream = server.subscribe("/a");
    let mut held = server.connect();
    held.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for("the request is held", || !server.desk.held.lock().unwrap().is_empty());
    server.handle.drain(FOR_AGES);
    let mut probe = server.connect();
    probe.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok");
    let text = probe.read_to_end();
    assert!(text.contains("Connection: close\r\n") && text.ends_with("ok"), "{text}");
    server.handle.shutdown();
    server.join().unwrap();
    assert_eq!(held.read_to_end(), "");
}

#[test]
fn one_loop_s_panic_ends_all() {
    let mut server = Server::start(Config { workers: 2, ..Config::default() });
    let _streams: Vec<_> = (0..4).map(|_| server.subscribe("/a")).collect();
    let mut client = server.connect();
    client.send("GET /panic HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(server.join().is_err());
    for _ in 0..4 {
        assert_eq!(server.next_end().1.reason, EndReason::Drained);
    }
}
