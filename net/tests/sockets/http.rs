//! Requests and answers on real sockets.

use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

use crate::support::{HEAD_ALONE, STREAM_HEAD, Server, wait_for};
use ::http::Response;
use bytes::Bytes;
use socket2::SockRef;
use sse_net::proto::Limits;
use sse_net::{Config, Reply};

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn kept_alive_and_pipelined() {
    let server = Server::start(Config::default());
    let mut client = server.connect();
    client.send(&post("/", "one"));
    let (head, body) = client.read_answer();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nDate: ") && !head.contains("Connection"), "{head}");
    assert_eq!(body, "one");
    // More than one turn of a connection, with answers from elsewhere in between.
    let mut pipeline = String::new();
    for number in 0..200 {
        pipeline += &post(if number % 10 == 0 { "/later" } else { "/" }, &number.to_string());
    }
    client.send(&pipeline);
    for number in 0..200 {
        let (_, body) = client.read_answer();
        assert_eq!(body, if number % 10 == 0 { "later".to_owned() } else { number.to_string() });
    }
    // And without them: nothing but the loop itself brings the next turn.
    client.send(&(0..500).map(|number| post("/", &number.to_string())).collect::<String>());
    for number in 0..500 {
        assert_eq!(client.read_answer().1, number.to_string());
    }
    assert_eq!(server.handle.counters().accepted, 1);
}

#[test]
fn a_stream_may_follow_a_finite_answer() {
    let server = Server::start(Config::default());
    let mut client = server.connect();
    client.send(&format!("{GET}GET /stream/a HTTP/1.1\r\nHost: x\r\n\r\n"));
    client.read_answer();
    assert!(client.read_stream_head().ends_with(STREAM_HEAD));
    assert_eq!(client.read_opening(), ":\n");
    server.publish("/a", "x");
    assert_eq!(client.read_exactly(8), "data:x\n\n");
}

#[test]
fn bodies_byte_by_byte() {
    let server = Server::start(Config::default());
    let mut client = server.connect();
    for byte in "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".chars() {
        client.send(byte.encode_utf8(&mut [0; 4]));
    }
    assert_eq!(client.read_answer().1, "abc");
}

#[test]
fn largest_body_and_large_answer() {
    let server = Server::start(Config::default());
    let mut client = server.connect();
    let body = "z".repeat(1 << 20);
    let request = post("/", &body);
    let mut writer = client.socket.try_clone().unwrap();
    let sender = std::thread::spawn(move || writer.write_all(request.as_bytes()).unwrap());
    assert!(client.read_answer().1 == body);
    sender.join().unwrap();
    client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.read_answer().1.len(), 8 << 20);
}

#[test]
fn the_operator_chooses_the_largest_body() {
    let limits = Limits { body_bytes: 2 << 20, ..Limits::default() };
    let server = Server::start(Config { limits, ..Config::default() });
    let mut client = server.connect();
    let body = "z".repeat(2 << 20);
    let request = post("/", &body);
    let mut writer = client.socket.try_clone().unwrap();
    let sender = std::thread::spawn(move || writer.write_all(request.as_bytes()).unwrap());
    assert!(client.read_answer().1 == body);
    sender.join().unwrap();
    client.send(&format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len() + 1));
    assert!(client.read_to_end().starts_with("HTTP/1.1 413 "));
}

#[test]
fn a_body_is_taken_as_far_as_the_service_says() {
    let server = Server::start(Config::default());
    let mut client = server.connect();
    client.send(&post("/short", "abc"));
    assert_eq!(client.read_answer().1, "abc");
    client.send("POST /short HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    assert!(client.read_to_end().starts_with("HTTP/1.1 413 "));

    let mut unread = server.connect();
    unread
        .send("POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 37\r\n\r\nGET /unread HTTP/1.1\r\nHost: x\r\n\r\n");
    let text = unread.read_to_end();
    assert!(
        text.starts_with("HTTP/1.1 200 ") && text.ends_with("Content-Length: 0\r\nConnection: close\r\n\r\n"),
        "{text}"
    );
}

#[test]
fn continues_when_asked() {
    let server = Server::start(Config::default());
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.read_until(b"\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hi");
    assert_eq!(client.read_answer().1, "hi");
}

/// Of all that has its time, one on a real clock; how long each takes is for the tests on a simulated one.
#[test]
fn idle_connections_are_closed() {
    let server = Server::start(Config { idle_timeout: Duration::from_millis(200), ..Config::default() });
    let mut client = server.connect();
    client.send(GET);
    client.read_answer();
    assert_eq!(client.read_to_end(), "");
    wait_for("the connection is freed", || server.handle.connections() == 0);
}

/// Its body is still on its way when the answer leaves: the client must get to read it nevertheless.
#[test]
fn a_refusal_is_read_by_who_still_sends() {
    let server = Server::start(Config::default());
    for _ in 0..20 {
        let mut client = server.connect();
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n");
        client.send(&"x".repeat(500_000));
        let text = client.read_to_end();
        assert!(text.starts_with("HTTP/1.1 413 ") && text.ends_with("is too large"), "{text}");
    }
    wait_for("the connections are freed", || server.handle.connections() == 0);
}

#[test]
fn a_client_that_says_close_is_closed() {
    let server = Server::start(Config::default());
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(client.read_to_end().contains("Connection: close\r\n"));
    let mut old = server.connect();
    old.send("GET / HTTP/1.0\r\n\r\n");
    assert!(old.read_to_end().starts_with("HTTP/1.1 200 OK\r\n"));
}

/// The request and its sender's end may come in one edge, or in two: both must be seen.
#[test]
fn a_half_closed_client_is_answered_and_closed() {
    let server = Server::start(Config::default());
    for _ in 0..50 {
        let mut client = server.connect();
        client.send(GET);
        client.socket.shutdown(Shutdown::Write).unwrap();
        assert!(client.read_to_end().starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

#[test]
fn an_answer_nobody_gives_is_a_fault() {
    let server = Server::start(Config::default());
    for path in ["/never", "/lost"] {
        let mut client = server.connect();
        client.send(&post(path, ""));
        assert!(client.read_to_end().starts_with("HTTP/1.1 500 "), "{path}");
    }
}

#[test]
fn an_answer_too_late_finds_nobody() {
    let server = Server::start(Config::default());
    let mut gone = server.connect();
    gone.send(&post("/hold", ""));
    wait_for("the request is held", || server.desk.held.lock().unwrap().len() == 1);
    // Noticed only after the answer: until then it may be one that is only done with sending.
    drop(gone);
    let mut here = server.connect();
    here.send(&post("/hold", ""));
    wait_for("the request is held", || server.desk.held.lock().unwrap().len() == 2);
    for (number, responder) in std::mem::take(&mut *server.desk.held.lock().unwrap()).into_iter().enumerate() {
        responder.send(Reply::Response(Response::new(Bytes::from(number.to_string()))));
    }
    assert_eq!(here.read_answer().1, "1");
    wait_for("the connection is freed", || server.handle.connections() == 1);
}

/// A client that is gone for good, and not only done with sending, needs no answer.
#[test]
fn a_reset_ends_the_wait_for_an_answer() {
    let server = Server::start(Config::default());
    let mut gone = server.connect();
    gone.send(&post("/hold", ""));
    wait_for("the request is held", || server.desk.held.lock().unwrap().len() == 1);
    // Closing it now resets the connection.
    SockRef::from(&gone.socket).set_linger(Some(Duration::ZERO)).unwrap();
    drop(gone);
    wait_for("the connection is freed", || server.handle.connections() == 0);
    // Its slot is used anew, by someone who isn't given its answer.
    let mut here = server.connect();
    here.send(&post("/hold", ""));
    wait_for("the request is held", || server.desk.held.lock().unwrap().len() == 2);
    for (number, responder) in std::mem::take(&mut *server.desk.held.lock().unwrap()).into_iter().enumerate() {
        responder.send(Reply::Response(Response::new(Bytes::from(number.to_string()))));
    }
    assert_eq!(here.read_answer().1, "1");
}

#[test]
fn excess_connections_get_one_answer() {
    let server = Server::start(Config { max_connections: 2, ..Config::default() });
    let mut kept: Vec<_> = (0..2).map(|_| server.connect()).collect();
    for client in &mut kept {
        client.send(&post("/excess", ""));
        assert_eq!(client.read_answer().1, "false");
    }
    let mut excess = server.connect();
    excess.send(&post("/excess", ""));
    let text = excess.read_to_end();
    assert!(text.contains("Connection: close\r\n") && text.ends_with("true"), "{text}");
    let mut stream = server.connect();
    stream.send("GET /stream/a HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(stream.read_to_end().ends_with(HEAD_ALONE));
    assert_eq!(server.handle.streams(), 0);
    drop((excess, stream));
    wait_for("the excess is gone", || server.handle.connections() == 2);
    drop(kept.pop());
    wait_for("there is room", || server.handle.connections() == 1);
    let mut next = server.connect();
    next.send(&post("/excess", ""));
    assert_eq!(next.read_answer().1, "false");
}
