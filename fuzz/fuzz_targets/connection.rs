//! A connection gives the same answers however the network cuts its input up, they are well-formed and those that the
//! service gave, and whether the peer leaves or falls silent, the connection ends.

#![no_main]

use std::time::{Duration, Instant, SystemTime};

use libfuzzer_sys::fuzz_target;
use sse_fuzz::answers::{self, Answer};
use sse_fuzz::cutting::cuttings;
use sse_net::Admission;
use sse_net::proto::{Action, DateLine, Http1, Limits, Timeouts};
use sse_server::Bytes;
use sse_server::http::{Method, Request, Response};

fuzz_target!(|input: &[u8]| {
    for goodbye in [Conversation::leave, Conversation::fall_silent] {
        let [whole, bytes, pieces] = cuttings(input).map(|pieces| converse(&pieces, goodbye));
        assert_eq!(bytes, whole);
        assert_eq!(pieces, whole);
    }
});

fn converse(pieces: &[&[u8]], goodbye: fn(&mut Conversation)) -> Vec<Answer> {
    let mut conversation = Conversation::new();
    for piece in pieces {
        conversation.http.handle_bytes(piece);
        conversation.run();
    }
    while let Some(request) = conversation.later.take() {
        conversation.answer(request);
        conversation.run();
    }
    goodbye(&mut conversation);
    assert!(conversation.closed);
    let to_head: Vec<bool> = conversation.given.iter().map(|(to_head, _)| *to_head).collect();
    let wire = &conversation.wire;
    let read = answers::read(wire, &to_head).unwrap_or_else(|| panic!("ill-formed: {}", wire.escape_ascii()));
    for (answer, (to_head, body)) in read.iter().zip(&conversation.given) {
        assert_eq!(answer.body, if *to_head { &[] } else { &body[..] });
    }
    read
}

/// A connection with a fake wire, a fake clock, and a service that echoes.
struct Conversation {
    http: Http1,
    now: Instant,
    date: DateLine,
    /// What the client has received.
    wire: Vec<u8>,
    /// What was answered: whether to a `HEAD`, and the body.
    given: Vec<(bool, Vec<u8>)>,
    /// The head whose body is awaited is a `HEAD`'s.
    awaits_head: bool,
    /// To be answered when all of the input is there.
    later: Option<Request<Bytes>>,
    closed: bool,
}

impl Conversation {
    fn new() -> Conversation {
        let limits = Limits { head_bytes: 2048, headers: 16, body_bytes: 1024 };
        let second = Duration::from_secs(1);
        let now = Instant::now();
        Conversation {
            http: Http1::new(now, limits, Timeouts { head: second, body: second, idle: second, stall: second }),
            now,
            date: DateLine::new(SystemTime::UNIX_EPOCH),
            wire: Vec::new(),
            given: Vec::new(),
            awaits_head: false,
            later: None,
            closed: false,
        }
    }

    fn leave(&mut self) {
        self.http.handle_end();
        self.run();
    }

    fn fall_silent(&mut self) {
        // A deadline for what is not whole, then one for lingering; a stream has neither.
        for _ in 0..2 {
            self.now += Duration::from_secs(60);
            self.http.handle_timeout(self.now);
            self.run();
        }
    }

    /// Goes on until there is nothing to do.
    fn run(&mut self) {
        loop {
            match self.http.poll_action(self.now) {
                Action::Write => {
                    // Writes of all lengths, most of them short.
                    let output = self.http.poll_output();
                    let length = output.len().min(1 + self.wire.len() % 1021);
                    self.wire.extend_from_slice(&output[..length]);
                    self.http.handle_written(self.now, length);
                }
                Action::Admit(head) => {
                    self.awaits_head = head.request.method() == Method::HEAD;
                    let admission = match head.request.uri().path() {
                        "/none" => Admission::Nothing,
                        "/few" => Admission::Body { most_bytes: 4 },
                        _ => Admission::Body { most_bytes: usize::MAX },
                    };
                    self.http.handle_admission(self.now, head, admission);
                }
                Action::Answer(request) if request.uri().path() == "/later" => self.later = Some(request),
                Action::Answer(request) => self.answer(request),
                Action::Refuse(error) => {
                    let body = Bytes::from(error.to_string());
                    self.given.push((self.awaits_head, body.to_vec()));
                    let response = Response::builder().status(error.status()).body(body).expect("a status");
                    self.http.handle_response(self.now, response, &self.date);
                }
                Action::Finish => {}
                Action::Close => {
                    self.closed = true;
                    return;
                }
                Action::Read | Action::Wait => return,
            }
        }
    }

    fn answer(&mut self, request: Request<Bytes>) {
        self.awaits_head = false;
        let to_head = request.method() == Method::HEAD;
        if request.uri().path() == "/stream" {
            return self.stream(to_head);
        }
        let line = format!("{} {}\n", request.method(), request.uri());
        let (status, body) = match request.uri().path() {
            "/nothing" => (204, Vec::new()),
            // Too large to go out with its head.
            "/large" => (200, vec![b'x'; 17 << 10]),
            _ => (200, [line.as_bytes(), request.body()].concat()),
        };
        let response = Response::builder().status(status).body(body.clone().into()).expect("a status");
        self.given.push((to_head, body));
        self.http.handle_response(self.now, response, &self.date);
    }

    fn stream(&mut self, to_head: bool) {
        let head = Response::new(());
        if !self.http.can_stream() {
            self.given.push((to_head, Vec::new()));
            return self.http.handle_stream_head(self.now, &head, &self.date);
        }
        let (opening, framing) = self.http.handle_stream(&head, &self.date);
        self.wire.extend_from_slice(&opening);
        framing.finish(b"data:x\n\n", &mut self.wire);
        self.given.push((to_head, b"data:x\n\n".to_vec()));
    }
}
