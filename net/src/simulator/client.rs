//! A simulated client: what it says, and what it must have been told.

use sse_core::{EventId, Filter, Namespace};

use super::wire::World;
use crate::proto::{BodyDecoder, Framing, Limits};
use crate::turns::{ACTIONS_PER_OVERTIME, ACTIONS_PER_TURN};

/// An event as it was published; its sequence is its place in the list, from 1 on.
pub(super) type Published = (Namespace, String);

pub(super) struct Client {
    pub(super) wire: usize,
    pub(super) role: Role,
    pub(super) received: Vec<u8>,
    /// It does not read before this step.
    pub(super) rests_until: usize,
    /// It has left, or does what ends its connection: not all it is owed need come.
    pub(super) is_faulty: bool,
}

pub(super) enum Role {
    /// It asks for some answers before its stream.
    Reader { answers: Vec<String>, filter: Filter },
    /// The answers it waits for, in their order.
    Asker { answers: Vec<String> },
    /// It says nothing that must be answered.
    Pest,
}

/// What a reader has been told so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The sequence through which it has everything, or was told of a gap. None before the stream has begun.
    pub(super) through: Option<u64>,
    pub(super) events: usize,
    pub(super) gaps: usize,
    /// The server has ended the body as it should.
    pub(super) is_over: bool,
}

const NAMESPACES: [&str; 4] = ["/", "/a", "/a/b", "/*/b"];

impl Client {
    /// Somebody new connects, and says something. `resume`: an id that a reader may have seen last.
    pub(super) fn connect(world: &mut World, number: usize, resume: Option<EventId>) -> Client {
        let wire = world.connect();
        let random = &mut world.random;
        let mut reset_in = None;
        let (text, role) = match random.u8(..10) {
            0..5 => {
                let namespace = NAMESPACES[random.usize(..NAMESPACES.len())];
                let path = if random.bool() { "read" } else { "skip" };
                let version = random.u8(..2);
                let id = resume.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
                // As many as make the stream's first write the last action of a turn, among others.
                let count = if random.bool() { 0 } else { random.usize(..40) };
                let (mut text, answers) = requests(random, number, count);
                text += &format!("GET /{path}{namespace} HTTP/1.{version}\r\nHost: x\r\n{id}\r\n");
                (text, Role::Reader { answers, filter: Filter::parse(namespace).unwrap() })
            }
            5..9 => {
                // Some say more at once than a turn has room for.
                let count = if random.u8(..4) == 0 { random.usize(..200) } else { random.usize(1..5) };
                let (text, answers) = requests(random, number, count);
                (text, Role::Asker { answers })
            }
            _ => {
                let text = [
                    "GET /echo HTTP/1.1\r\nHost: ",
                    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhalf",
                    "POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nunwanted",
                    "nonsense\r\n\r\n",
                    "",
                ];
                let mut text = text[random.usize(..text.len())].to_owned();
                if random.bool() {
                    // A stream's head is the last action of a first turn, or of the next, and the connection is reset about then.
                    let turns = [ACTIONS_PER_TURN, ACTIONS_PER_TURN + ACTIONS_PER_OVERTIME];
                    let before = (turns[random.usize(..2)] - 2) / 2;
                    text = "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n".repeat(random.usize(before - 1..before + 2));
                    text += "GET /read/a HTTP/1.1\r\nHost: x\r\n\r\n";
                    reset_in = Some(random.u32(before as u32 - 1..before as u32 + 4));
                }
                (text, Role::Pest)
            }
        };
        world.wires[wire].reset_in = reset_in;
        world.wires[wire].flight.extend(text.as_bytes());
        Client { wire, role, received: Vec::new(), rests_until: 0, is_faulty: false }
    }

    /// Checks all that has come, wherever it was cut.
    pub(super) fn check(&self, published: &[Published]) -> Told {
        match &self.role {
            Role::Reader { answers, filter } => match take_answers_and_head(&self.received, answers) {
                Taken { has_all: true, rest, .. } => check_stream(rest, filter, published),
                _ => Told::default(),
            },
            Role::Asker { answers } => {
                let taken = take_answers(&self.received, answers);
                assert!(!taken.has_all || taken.rest.is_empty(), "more answers than questions");
                Told::default()
            }
            Role::Pest => Told::default(),
        }
    }

    /// Whether all answers have come that come at all, and whether some were refused.
    pub(super) fn has_answers(&self) -> (bool, bool) {
        let taken = match &self.role {
            Role::Asker { answers } => take_answers(&self.received, answers),
            Role::Reader { answers, .. } => take_answers_and_head(&self.received, answers),
            Role::Pest => return (true, false),
        };
        (taken.has_all || taken.is_refused, taken.is_refused)
    }
}

/// So many requests, one behind the other, and their answers.
fn requests(random: &mut fastrand::Rng, number: usize, count: usize) -> (String, Vec<String>) {
    let mut text = String::new();
    let mut answers = Vec::new();
    let has_bodies = random.bool();
    for index in 0..count {
        let kind = match random.u8(..40) {
            0 | 1 => "later",
            2 => "large",
            _ => "echo",
        };
        let path = format!("/{kind}/{number}/{index}");
        let most = if random.u8(..10) == 0 { 50_000 } else { 3_000 };
        let body = "x".repeat(if has_bodies && random.u8(..4) == 0 { random.usize(..most) } else { 0 });
        let length = body.len();
        text += &match length {
            0 => format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"),
            _ => format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}"),
        };
        answers.push(answer(&path, length));
    }
    (text, answers)
}

/// What is answered to a request with a body of so many bytes.
pub(super) fn answer(path: &str, length: usize) -> String {
    let answer = format!("{path} {length}");
    if path.starts_with("/large/") { format!("{answer:40000}") } else { answer }
}

/// Splits a head, in small letters, from what comes after it.
fn split_head(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).expect("heads are text");
    Some((head.to_ascii_lowercase(), &bytes[end + 4..]))
}

/// What has come of the answers.
struct Taken<'a> {
    has_all: bool,
    /// The connection was one too many; or there was no room for all, so that one was refused, or what was pipelined behind
    /// it let go.
    is_refused: bool,
    rest: &'a [u8],
}

/// Takes the answers that have come: each is the next one, whole and alone.
fn take_answers<'a>(mut received: &'a [u8], answers: &[String]) -> Taken<'a> {
    let mut count = 0;
    while count < answers.len()
        && let Some((head, rest)) = split_head(received)
    {
        if is_refusal(&head, rest) {
            return Taken { has_all: false, is_refused: true, rest };
        }
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let Some((body, rest)) = rest.split_at_checked(length.parse().unwrap()) else { break };
        assert_eq!(body, answers[count].as_bytes());
        count += 1;
        received = rest;
        if head.contains("connection: close") {
            return Taken { has_all: count == answers.len(), is_refused: true, rest };
        }
    }
    Taken { has_all: count == answers.len(), is_refused: false, rest: received }
}

/// The same of who asks for a stream at last, which may be refused, too.
fn take_answers_and_head<'a>(received: &'a [u8], answers: &[String]) -> Taken<'a> {
    let taken = take_answers(received, answers);
    match split_head(taken.rest) {
        Some((head, rest)) if taken.has_all && is_refusal(&head, rest) => {
            Taken { has_all: false, is_refused: true, rest }
        }
        _ => taken,
    }
}

/// Whether there was no room for a request, or it took too long: a connection too many has little time. It is the last answer.
fn is_refusal(head: &str, rest: &[u8]) -> bool {
    let is_refusal = head.starts_with("http/1.1 503") || head.starts_with("http/1.1 408");
    assert!(!is_refusal || (head.contains("connection: close") && rest.is_empty()), "{head}");
    is_refusal
}

/// What a stream tells: after the place where it begins each event that the filter covers, once, in order; or a gap.
fn check_stream(received: &[u8], filter: &Filter, published: &[Published]) -> Told {
    let mut told = Told::default();
    let Some((head, body)) = split_head(received) else { return told };
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let mut text = body.to_vec();
    if head.contains("transfer-encoding: chunked") {
        let limits = Limits { body_bytes: usize::MAX, ..Limits::default() };
        let mut decoder = BodyDecoder::new(Framing::Chunked, &limits);
        let progress = decoder.handle_bytes(body).expect("well chunked");
        told.is_over = progress.done;
        text = decoder.into_body();
    }
    let text = String::from_utf8(text).expect("text");
    let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
    for block in whole.split("\n\n") {
        let (mut event, mut data, mut id) = (None, None, None);
        for (name, value) in block.lines().filter_map(|line| line.split_once(':')) {
            match name {
                "event" => event = Some(value),
                "data" => data = Some(value),
                "id" => id = Some(value),
                _ => {}
            }
        }
        let Some(id) = id else { continue };
        let sequence = id.parse::<EventId>().expect("an id").sequence;
        if event == Some("gap") {
            told.gaps += 1;
        } else if let Some(data) = data {
            let through = told.through.expect("a stream begins with its place");
            let due = (through as usize..published.len()).find(|&index| filter.covers(&published[index].0));
            assert_eq!(
                due.map(|index| index as u64 + 1),
                Some(sequence),
                "after {through}: lost, doubled or disordered"
            );
            assert_eq!(data, published[sequence as usize - 1].1);
            told.events += 1;
        }
        told.through = Some(sequence);
    }
    told
}
