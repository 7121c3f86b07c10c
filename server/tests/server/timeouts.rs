//! Who is slow, and for how long. Each flag is short here, and the others are as long as ever: what ends is ended by that one.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sse_server::http::Method;
use sse_server::{Config, Reply, Server};

use crate::process::Process;
use crate::support::{PATIENCE, Running, config, eventually};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sse-server");

/// Nobody waits for these.
const LONG: [(&str, &str); 4] = [
    ("SSE_HEAD_TIMEOUT", "720h"),
    ("SSE_BODY_TIMEOUT", "720h"),
    ("SSE_IDLE_TIMEOUT", "720h"),
    ("SSE_STALL_TIMEOUT", "720h"),
];

/// Everything that a server with these flags sends until it closes, after a client has sent so much and no more. Who comes
/// to say nothing in time, on a busy machine, is closed without a word, and tries again.
#[track_caller]
fn until_closed(args: &[&str], env: &[(&str, &str)], sent: &str) -> String {
    let args = [&["--listen", "127.0.0.1:0"], args].concat();
    let server = Process::start(Path::new(PROGRAM), &args, &[&LONG, env].concat());
    eventually(|| {
        let mut client = TcpStream::connect(server.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = client.write_all(sent.as_bytes());
        let mut text = String::new();
        let end = client.read_to_string(&mut text).map_err(|error| error.kind());
        assert_ne!(end, Err(ErrorKind::WouldBlock), "{args:?}: not closed");
        (!text.is_empty()).then_some(text)
    })
}

const HALF_A_HEAD: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";

const HALF_A_BODY: &str = "POST /publish/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nx";

#[test]
fn a_head_has_its_time() {
    let text = until_closed(&["--head-timeout", "200ms"], &[], HALF_A_HEAD);
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    let text = until_closed(&[], &[("SSE_HEAD_TIMEOUT", "200ms")], HALF_A_HEAD);
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
}

#[test]
fn a_body_has_its_time() {
    let text = until_closed(&["--body-timeout", "200ms"], &[], HALF_A_BODY);
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
}

#[test]
fn a_pause_has_its_time() {
    let whole = format!("{HALF_A_HEAD}\r\n");
    let text = until_closed(&["--idle-timeout", "200ms"], &[], &whole);
    assert!(text.starts_with("HTTP/1.1 200 ") && !text.contains("Connection: close"), "{text}");
}

/// Counts who holds its bytes.
struct Counted(Arc<Vec<u8>>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// An answer larger than what sockets hold, of which a client takes nothing: it is let go.
#[test]
fn an_answer_has_its_time() {
    let large = Arc::new(vec![b'x'; 32 << 20]);
    let answer = Arc::clone(&large);
    let builder = Server::builder().config(Config { stall_timeout: Duration::from_millis(200), ..config() });
    let server = Running::build(
        builder.route(Method::GET, "/large", move |_| Reply::text(Bytes::from_owner(Counted(Arc::clone(&answer))))),
    );
    let mut client = TcpStream::connect(server.address()).unwrap();
    client.write_all(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    // Besides the test and the route.
    eventually(|| (Arc::strong_count(&large) == 3).then_some(()));
    eventually(|| (Arc::strong_count(&large) == 2).then_some(()));
}
