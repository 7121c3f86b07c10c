//! One rule of HTTP: what is sent, and what must come.

use sse_server::http::Method;
use sse_server::{Builder, Config, Reply, Server};

use crate::wire::{Served, answers};

/// A path that nothing answers. Where it is asked for, somebody's body has become a request.
pub(crate) const EVIL: &str = "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n";

/// What follows every row on its connection: answered if that is still open and in step, and then the last.
const PROBE: &str = "GET /healthz?probe HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n";

/// What is sent on a connection, and what must come.
pub(crate) struct Row {
    /// Where the rule stands.
    rfc: &'static str,
    pub(crate) sent: Vec<u8>,
    statuses: Vec<u16>,
    then: Then,
    /// A header of the first answer.
    header: Option<(&'static str, &'static str)>,
    /// The body of the first answer.
    body: Option<&'static str>,
}

/// What becomes of the connection after the answers.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    /// The next request is answered.
    Open,
    Closed,
    /// The same, without a byte more from the client.
    ClosedAtOnce,
    /// The request isn't whole yet: nothing comes, and its sender's end is the connection's.
    Waits,
    /// An event stream begins.
    Streams,
}

pub(crate) fn row(rfc: &'static str, sent: impl Into<Vec<u8>>) -> Row {
    Row { rfc, sent: sent.into(), statuses: Vec::new(), then: Then::Open, header: None, body: None }
}

/// A request that is answered with 200, with more lines (each with its CRLF).
pub(crate) fn get(lines: &str) -> String {
    format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

/// A request whose body is echoed, with lines that frame it.
pub(crate) fn post(lines: &str, body: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: a\r\n{lines}\r\n{body}")
}

/// The same with a chunked body.
pub(crate) fn chunked(body: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
}

/// A request whose body is a request.
pub(crate) fn with_evil_body(method: &str, target: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{EVIL}", EVIL.len())
}

impl Row {
    /// Answers with these statuses, and the connection stays open.
    pub(crate) fn answers(mut self, statuses: impl Into<Vec<u16>>) -> Row {
        self.statuses = statuses.into();
        self
    }

    /// The same, but the last answer ends the connection.
    pub(crate) fn closes(mut self) -> Row {
        self.then = Then::Closed;
        self
    }

    /// One answer, which ends the connection.
    pub(crate) fn refused(self, status: u16) -> Row {
        self.answers([status]).closes()
    }

    /// The same, though nothing follows that would make the request whole.
    pub(crate) fn refused_at_once(mut self, status: u16) -> Row {
        self.then = Then::ClosedAtOnce;
        self.answers([status])
    }

    /// The first answer is 200 with this body; the connection stays open.
    pub(crate) fn echoes(mut self, body: &'static str) -> Row {
        self.body = Some(body);
        self.answers([200])
    }

    pub(crate) fn waits(mut self) -> Row {
        self.then = Then::Waits;
        self
    }

    pub(crate) fn streams(mut self) -> Row {
        self.then = Then::Streams;
        self
    }

    /// The first answer has this header.
    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Row {
        self.header = Some((name, value));
        self
    }

    /// Runs the row with its bytes in pieces of this length.
    fn hold(&self, server: &Served, piece: usize) {
        let name = format!("{} ({}, in pieces of {piece})", self.sent.escape_ascii(), self.rfc);
        if self.then == Then::Streams {
            let head = server.open(&self.sent, piece);
            assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("text/event-stream"), "{name}: {head}");
            return;
        }
        let follow = if matches!(self.then, Then::Open | Then::Closed) { PROBE } else { "" };
        let received = server.exchange(&[&self.sent, follow.as_bytes()].concat(), piece);
        let mut answers = answers(&received, self.sent.starts_with(b"HEAD "));
        // A client is only ever told to send a body that is then taken.
        while let Some(at) = answers.iter().position(|answer| answer.status == 100) {
            answers.remove(at);
            assert_eq!(answers[at].status, 200, "{name}: after 100");
        }
        if self.then == Then::Open {
            let probe = answers.pop().unwrap_or_else(|| panic!("{name}: nothing came"));
            assert_eq!(probe.status, 200, "{name}: the connection is closed, or out of step");
        }
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, self.statuses, "{name}");
        if matches!(self.then, Then::Closed | Then::ClosedAtOnce) {
            let last = answers.last().unwrap();
            assert_eq!(last.header("connection"), Some("close"), "{name}: the client is told");
        }
        if let Some((header, value)) = self.header {
            assert_eq!(answers[0].header(header), Some(value), "{name}");
        }
        if let Some(body) = self.body {
            assert_eq!(answers[0].body, body, "{name}");
        }
    }
}

/// A server with a route that echoes bodies.
pub(crate) fn echoing() -> Builder {
    // What the rows say of `Host`.
    let allowed_hosts = vec!["a".to_owned()];
    let config =
        Config { listen: vec!["127.0.0.1:0".parse().unwrap()], workers: 1, allowed_hosts, ..Config::default() };
    Server::builder().config(config).route(Method::POST, "/echo", |request| Reply::text(request.body().clone()))
}

/// Runs the rows, each whole, byte by byte, and in pieces that end anywhere.
#[track_caller]
pub(crate) fn hold(rows: &[Row]) {
    hold_on(&Served::new(echoing()), rows);
}

#[track_caller]
pub(crate) fn hold_on(server: &Served, rows: &[Row]) {
    for row in rows {
        for piece in [usize::MAX, 1, 7] {
            // Long rows are long for one field's sake: a hundred cuts will do.
            row.hold(server, piece.max(row.sent.len() / 100));
        }
    }
}
