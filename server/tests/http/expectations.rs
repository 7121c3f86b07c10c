//! `Expect`.

use std::io::{Read, Write};

use crate::row::{Row, echoing, get, hold, post, row};
use crate::wire::{Served, answers, read_head};

#[test]
fn expectations() {
    hold(&rows());
}

pub(crate) fn rows() -> Vec<Row> {
    const RFC: &str = "RFC 9110 §10.1.1";
    const BODY: &str = "Content-Length: 5\r\n";
    let expect = |lines: &str| post(&format!("{BODY}{lines}"), "hello");
    vec![
        row(RFC, expect("Expect: 100-continue\r\n")).echoes("hello"),
        row(RFC, expect("Expect: 100-Continue\r\n")).echoes("hello"),
        row(RFC, expect("expect:100-CONTINUE \r\n")).echoes("hello"),
        row(RFC, post("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n", "1\r\nx\r\n0\r\n\r\n")).echoes("x"),
        row(RFC, get("Expect: 100-continue\r\n")).answers([200]),
        row(RFC, post("Content-Length: 0\r\nExpect: 100-continue\r\n", "")).echoes(""),
        row(RFC, expect("Expect:\r\n")).refused(417),
        row(RFC, expect("Expect: 100\r\n")).refused(417),
        row(RFC, expect("Expect: 100-continued\r\n")).refused(417),
        row(RFC, expect("Expect: 100-continue;a=b\r\n")).refused(417),
        row(RFC, expect("Expect: \"100-continue\"\r\n")).refused(417),
        row(RFC, expect("Expect: a-cake\r\n")).refused(417),
        row(RFC, expect("Expect: 100-continue, a-cake\r\n")).refused(417),
        row(RFC, expect("Expect: 100-continue, 100-continue\r\n")).refused(417),
        row(RFC, expect("Expect: 100-continue\r\nExpect: 100-continue\r\n")).refused(417),
        row(RFC, expect("Expect: 100-continue\r\nExpect: a-cake\r\n")).refused(417),
        row(RFC, expect("Expect: a-cake\r\nExpect: 100-continue\r\n")).refused(417),
        row(RFC, get("Expect: a-cake\r\n")).refused(417),
        row(RFC, "POST /echo HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello")
            .answers([200])
            .closes(),
        row(RFC, "POST /echo HTTP/1.0\r\nContent-Length: 5\r\nExpect: a-cake\r\n\r\nhello").answers([200]).closes(),
        row(RFC, post("Content-Length: 1048577\r\nExpect: 100-continue\r\n", "")).refused(413),
    ]
}

#[test]
fn a_client_that_waits_is_told_to_send() {
    let server = Served::new(echoing());
    let mut socket = server.connect();
    socket.write_all(post("Content-Length: 5\r\nExpect: 100-continue\r\n", "").as_bytes()).unwrap();
    assert_eq!(read_head(&mut socket), "HTTP/1.1 100 Continue\r\n\r\n");
    socket.write_all(b"hello").unwrap();
    assert!(read_head(&mut socket).starts_with("HTTP/1.1 200 "));
}

/// The final answer comes at once, and is the last.
#[test]
fn a_client_that_waits_in_vain_is_told_so() {
    let server = Served::new(echoing());
    for (target, status) in [("/nowhere", 404), ("/healthz", 405), ("/publish//", 400)] {
        let mut socket = server.connect();
        let request = format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        let mut received = Vec::new();
        socket.read_to_end(&mut received).unwrap();
        let statuses: Vec<u16> = answers(&received, false).iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [status], "{target}");
    }
}
