mod admission;
mod room;
mod timeouts;

use std::time::SystemTime;

use proptest::prelude::*;

use super::*;
use crate::proto::output::SMALL_BODY_BYTES;

const TIMEOUTS: Timeouts = Timeouts {
    head: Duration::from_secs(10),
    body: Duration::from_secs(30),
    idle: Duration::from_secs(60),
    stall: Duration::from_secs(5),
};

/// A connection with a fake wire, a fake clock, and a service that echoes.
struct Pair {
    http: Http1,
    now: Instant,
    date: DateLine,
    /// What the client has received.
    wire: Vec<u8>,
    /// What the service has been asked: method, target, body.
    asked: Vec<String>,
    refused: Vec<RequestError>,
    /// What the service takes of bodies.
    admission: Admission,
    finished: bool,
    closed: bool,
}

impl Pair {
    fn new() -> Pair {
        let now = Instant::now();
        Pair {
            http: Http1::new(now, Limits::default(), TIMEOUTS),
            now,
            date: DateLine::new(SystemTime::UNIX_EPOCH),
            wire: Vec::new(),
            asked: Vec::new(),
            refused: Vec::new(),
            admission: Admission::Body { most_bytes: usize::MAX },
            finished: false,
            closed: false,
        }
    }

    fn admitting(admission: Admission) -> Pair {
        Pair { admission, ..Pair::new() }
    }

    fn send(&mut self, bytes: &[u8]) -> &mut Self {
        self.http.handle_bytes(bytes);
        self.run();
        self
    }

    fn end(&mut self) -> &mut Self {
        self.http.handle_end();
        self.run();
        self
    }

    fn pass(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self.http.handle_timeout(self.now);
        self.run();
        self
    }

    fn run(&mut self) {
        loop {
            match self.http.poll_action(self.now) {
                Action::Write => {
                    // Byte by byte, the slowest of peers.
                    self.wire.push(self.http.poll_output()[0]);
                    self.http.handle_written(self.now, 1);
                }
                Action::Admit(head) => self.http.handle_admission(self.now, head, self.admission),
                Action::Answer(request) => {
                    let body = String::from_utf8_lossy(request.body()).into_owned();
                    self.asked.push(format!("{} {} {body}", request.method(), request.uri()));
                    if request.uri().path() != "/later" {
                        self.respond(Response::new(request.into_body()));
                    }
                }
                Action::Refuse(error) => {
                    self.refused.push(error);
                    self.respond(Response::builder().status(error.status()).body(Bytes::from("no")).unwrap());
                }
                Action::Finish => self.finished = true,
                Action::Close => {
                    self.closed = true;
                    return;
                }
                Action::Read | Action::Wait => return,
            }
        }
    }

    fn respond(&mut self, response: Response<Bytes>) {
        self.http.handle_response(self.now, response, &self.date);
    }

    fn wire(&self) -> &str {
        std::str::from_utf8(&self.wire).unwrap()
    }

    fn answers(&self) -> usize {
        self.wire().matches("HTTP/1.1 ").count()
    }
}

const PIPELINE: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n\
    POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello\r\n\
    POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
    HEAD /d HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

#[test]
fn pipelined_requests_at_every_cut() {
    let mut whole = Pair::new();
    whole.send(PIPELINE);
    assert_eq!(whole.asked, ["GET /a ", "POST /b hello", "POST /c abc", "HEAD /d "]);
    assert!(whole.finished && whole.answers() == 4, "{}", whole.wire());
    for cut in 0..=PIPELINE.len() {
        let mut pair = Pair::new();
        pair.send(&PIPELINE[..cut]).send(&PIPELINE[cut..]);
        assert_eq!(pair.asked, whole.asked, "cut at {cut}");
        assert_eq!(pair.wire(), whole.wire(), "cut at {cut}");
    }
}

proptest! {
    #[test]
    fn pipelined_requests_in_pieces(sizes in prop::collection::vec(1usize..40, 1..200)) {
        let mut pair = Pair::new();
        let mut rest = PIPELINE;
        for size in sizes.into_iter().chain([PIPELINE.len()]) {
            let piece = size.min(rest.len());
            pair.send(&rest[..piece]);
            rest = &rest[piece..];
        }
        prop_assert_eq!(pair.answers(), 4);
        prop_assert!(pair.refused.is_empty());
    }

    #[test]
    fn no_bytes_make_it_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..6)) {
        let mut pair = Pair::new();
        for piece in &pieces {
            pair.send(piece);
        }
        pair.pass(Duration::from_secs(60)).end();
        prop_assert!(pair.closed);
    }

}

/// A body that is a request by itself is asked only if the length before it says that the body is empty: replacing any
/// one byte of that length, or of the punctuation around it, by any other byte makes no other way.
#[test]
fn a_changed_length_smuggles_nothing() {
    const EVIL: &str = "GET /evil HTTP/1.1\r\nHost:h\r\n\r\n";
    let sized = ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length", ": 30\r\n", format!("\r\n{EVIL}"));
    let chunk = format!("{EVIL}\r\n0\r\n\r\n");
    let chunked = ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "1e\r\n", chunk);
    let mut asked = Vec::new();
    for (before, line, after) in [sized, chunked] {
        for at in 0..line.len() {
            for byte in 0..=u8::MAX {
                let mut line = line.as_bytes().to_vec();
                line[at] = byte;
                let mut pair = Pair::new();
                pair.send(&[before.as_bytes(), &line, after.as_bytes()].concat());
                if pair.asked.iter().any(|question| question.starts_with("GET /evil")) {
                    asked.push(String::from_utf8(line).unwrap());
                }
            }
        }
    }
    // All three say 0: a length may stand among blanks.
    assert_eq!(asked, [": \t0\r\n", ":  0\r\n", ": 00\r\n"]);
}

#[test]
fn smuggled_requests_are_never_asked() {
    for request in [
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\nGET /evil HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\nGET /evil HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\nGET /evil HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX: a\rGET /evil HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\nHost: h\n\nGET /evil HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\n0\n\nGET /evil HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nGET /evil HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: h\r\n\r\n",
    ] {
        let mut pair = Pair::new();
        pair.send(request.as_bytes());
        assert!(pair.asked.is_empty(), "{request:?}: {:?}", pair.asked);
        assert_eq!(pair.refused.len(), 1, "{request:?}");
        assert!(pair.finished, "{request:?}");
        assert!(pair.wire().contains("Connection: close\r\n"), "{}", pair.wire());
        // What follows is read and thrown away.
        pair.send(b"GET /evil HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(pair.asked.is_empty() && !pair.closed);
        assert!(pair.end().closed);
    }
}

#[test]
fn exact_answer() {
    let mut pair = Pair::new();
    pair.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(pair.wire(), "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 2\r\n\r\nhi");
}

#[test]
fn head_has_a_length_and_no_body() {
    let mut pair = Pair::new();
    pair.send(b"HEAD /later HTTP/1.1\r\nHost: h\r\n\r\n");
    pair.respond(Response::new(Bytes::from("12345")));
    pair.run();
    assert!(pair.wire().ends_with("Content-Length: 5\r\n\r\n"), "{}", pair.wire());
}

#[test]
fn a_refusal_after_head_has_its_body() {
    let mut pair = Pair::new();
    pair.send(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").send(b"nonsense\r\n\r\n");
    assert_eq!(pair.refused, [RequestError::Malformed]);
    assert!(pair.wire().ends_with("Content-Length: 2\r\nConnection: close\r\n\r\nno"), "{}", pair.wire());
}

#[test]
fn large_bodies_are_whole() {
    let mut pair = Pair::new();
    pair.send(b"GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    pair.respond(Response::new(Bytes::from(vec![b'x'; SMALL_BODY_BYTES + 1])));
    pair.run();
    assert!(pair.wire().ends_with(&format!("\r\n\r\n{}", "x".repeat(SMALL_BODY_BYTES + 1))));
    pair.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(pair.answers(), 2);
}

#[test]
fn a_body_is_let_go_when_it_is_sent() {
    let mut pair = Pair::new();
    let body = Bytes::from(vec![b'x'; SMALL_BODY_BYTES + 1]);
    pair.send(b"GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    pair.respond(Response::new(body.clone()));
    assert!(!body.is_unique());
    pair.run();
    assert!(body.is_unique() && pair.http.is_idle());
}

#[test]
fn http10_closes_unless_asked() {
    let mut pair = Pair::new();
    pair.send(b"GET / HTTP/1.0\r\n\r\n");
    assert!(pair.wire().contains("Connection: close\r\n") && pair.finished);
    let mut kept = Pair::new();
    kept.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n");
    assert!(kept.wire().contains("Connection: keep-alive\r\n"));
    assert_eq!(kept.answers(), 2);
}

#[test]
fn one_request_at_a_time() {
    let mut pair = Pair::new();
    pair.send(b"GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(pair.asked, ["GET /later "]);
    assert_eq!(pair.http.poll_timeout(), None, "the service may take its time");
    pair.respond(Response::new(Bytes::new()));
    pair.run();
    assert_eq!(pair.asked, ["GET /later ", "GET /next "]);
}

#[test]
fn the_services_close_counts() {
    let mut pair = Pair::new();
    pair.send(b"GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    pair.respond(Response::builder().header("connection", "close").body(Bytes::new()).unwrap());
    pair.run();
    assert!(pair.finished && pair.wire().contains("Connection: close\r\n"));
}

#[test]
fn a_half_closed_client_gets_its_answer() {
    let mut pair = Pair::new();
    pair.send(b"GET /later HTTP/1.1\r\nHost: h\r\n\r\n").end();
    pair.respond(Response::new(Bytes::from("x")));
    pair.run();
    assert!(pair.wire().ends_with("\r\n\r\nx") && pair.closed);
    assert!(Pair::new().send(b"GET / HT").end().closed);
}

#[test]
fn lingering_is_bounded() {
    let mut pair = Pair::new();
    pair.send(b"nonsense\r\n\r\n");
    assert!(pair.finished && !pair.closed);
    assert!(!pair.send(&vec![0; LINGER_BYTES]).closed);
    assert!(pair.send(b"x").closed);
}

#[test]
fn streams() {
    let head = Response::builder().header("content-type", "text/event-stream").body(()).unwrap();
    for (version, coding, framing) in
        [("1.1", "Transfer-Encoding: chunked\r\n", StreamFraming::CHUNKED), ("1.0", "", StreamFraming::UntilClose)]
    {
        let mut pair = Pair::new();
        pair.send(format!("GET /later HTTP/{version}\r\nHost: h\r\n\r\n").as_bytes());
        assert!(pair.http.can_stream());
        let (bytes, found) = pair.http.handle_stream(&head, &pair.date);
        let date = "Thu, 01 Jan 1970 00:00:00 GMT";
        let kind = "Content-Type: text/event-stream";
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            format!("HTTP/1.1 200 OK\r\nDate: {date}\r\n{kind}\r\n{coding}Connection: close\r\n\r\n")
        );
        assert_eq!(found, framing);
    }

    for (request, last) in [("HEAD", false), ("GET", true)] {
        let mut pair = Pair::new();
        if last {
            pair.http.set_last();
        }
        pair.send(format!("{request} /later HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes());
        assert!(!pair.http.can_stream());
        pair.http.handle_stream_head(pair.now, &head, &pair.date);
        pair.run();
        assert!(pair.finished && pair.wire().ends_with("\r\n\r\n"), "{request}");
    }
}

#[test]
fn limits_are_refused_with_their_status() {
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}", "x".repeat(16 << 10)), 431),
        (format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: y\r\n".repeat(100)), 431),
        (format!("GET /{}", "x".repeat(16 << 10)), 414),
        ("X".repeat(16 << 10), 501),
        ("\x16\x03\x01".into(), 400),
        ("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n".into(), 501),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n".into(), 413),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n".into(), 413),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n".into(), 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n".into(), 501),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n".into(), 505),
        ("GET / HTTP/1.1\r\nHost: h\r\nExpect: cake\r\n\r\n".into(), 417),
        ("GET / HTTP/1.1\r\n\r\n".into(), 400),
    ] {
        let mut pair = Pair::new();
        pair.send(request.as_bytes());
        assert!(pair.wire().starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {}", pair.wire());
        assert!(pair.finished);
    }
}
