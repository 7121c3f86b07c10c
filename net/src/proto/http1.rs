//! One HTTP/1 connection as a state machine.
//!
//! ```text
//!         ┌──────────────── answer, connection kept ────────────────┐
//!         ▼                                                         │
//!   ──▶ Rest ──a byte──▶ Head ──whole──▶ Body ──whole──▶ Asked ──handle_response
//!         │ deadline      │ error,  (1)   │ error,         │        │ answer, last one
//!         ▼               │ deadline      │ deadline       │        ▼
//!       Closed            └──▶ Refused ◀──┘                │     Answered ──output written──▶ Lingering
//!                                 │          handle_stream │        ▲                           │ end, deadline,
//!                                 │                        ▼        │                           │ or enough read
//!                                 │         (the connection is      │                           ▼
//!                                 │            a stream now)        │                         Closed
//!                                 └─── refusal: handle_response ────┘
//! ```
//!
//! (1) Where a body is announced, the service is asked between head and body what it takes of it (`Admitting`). If that
//! is nothing, what has come of the body is dropped, the answer is the last, and lingering throws the rest away.
//!
//! One request runs at a time: what is pipelined behind it stays in the input, which is not read further meanwhile.
//! Lingering exists because closing a socket with unread input resets it, and a reset may destroy the answer before
//! the client has read it (RFC 9112 §9.6).

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;

use super::Limits;
use super::action::Action;
use super::admission::Admission;
use super::answer_form::{AnswerForm, encode_bare_stream_head};
use super::framing::Framing;
use super::head::{Head, parse_head};
use super::input::Input;
use super::output::Output;
use super::partial_request::PartialRequest;
use super::request_error::RequestError;
use super::response::{CONTINUE, DateLine};
use super::scanner::HeadScanner;
use super::stream_framing::StreamFraming;
use super::timeouts::Timeouts;

/// How long a client may take to read its last answer and close.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// What a client may still send while we linger, or as much as the largest body if that is more: it is what is under way
/// when a body is refused.
const LINGER_BYTES: usize = 1 << 20;

/// Bytes read at a time where no body is expected. What a peer pipelines may wait in its socket.
const HEAD_READ_BYTES: usize = 8 << 10;

/// The server's side of one HTTP/1 connection.
#[derive(Debug)]
pub struct Http1 {
    limits: Limits,
    timeouts: Timeouts,
    state: State,
    input: Input,
    /// Bytes of the head of the request that is under way.
    head_bytes: usize,
    output: Output,
    /// When the state has lasted too long.
    deadline: Option<Instant>,
    /// What the request being answered asks of its answer.
    answer: AnswerForm,
    /// Answers given.
    answers: u64,
    /// The next answer is the last one.
    last: bool,
    /// The peer sends no more.
    ended: bool,
}

#[derive(Debug)]
enum State {
    /// Nothing of a head has come, but for blank lines.
    Rest,
    Head(HeadScanner),
    /// The head is with the service, which says what it takes of the body.
    Admitting,
    Body(Box<PartialRequest>),
    Asked,
    Refused(RequestError),
    Answered,
    Lingering {
        left: usize,
    },
    Closed,
}

impl Http1 {
    /// A connection that starts now.
    #[must_use]
    pub fn new(now: Instant, limits: Limits, timeouts: Timeouts) -> Http1 {
        Http1 {
            limits,
            timeouts,
            state: State::Rest,
            input: Input::default(),
            head_bytes: 0,
            output: Output::new(now, timeouts.stall),
            deadline: Some(now + timeouts.head),
            answer: AnswerForm::default(),
            answers: 0,
            last: false,
            ended: false,
        }
    }

    /// Makes the next answer, or the one under way, the last.
    pub fn set_last(&mut self) {
        self.last = true;
    }

    /// Between two requests: closing now loses nothing.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let at_rest = matches!(self.state, State::Rest) && self.input.unread().is_empty() && self.output.is_empty();
        at_rest && self.answers > 0
    }

    /// Bytes that are held for this peer: of requests that are not answered, but for a body that is handed over; and of
    /// answers that are not sent, but for bodies that others have too.
    #[must_use]
    pub fn held(&self) -> usize {
        let body = if let State::Body(request) = &self.state { request.held() } else { 0 };
        self.input.capacity() + self.head_bytes + body + self.output.held()
    }

    /// There is no room for what is held. A request that is not whole is refused, and what is pipelined behind another let
    /// go.
    pub fn handle_shortage(&mut self) {
        match self.state {
            State::Rest | State::Head(_) | State::Admitting | State::Body(_) => self.refuse(RequestError::NoRoom),
            State::Asked => self.last = true,
            State::Refused(_) | State::Answered | State::Lingering { .. } | State::Closed => {}
        }
        self.input.clear();
    }

    /// The most bytes that [`handle_bytes`](Self::handle_bytes) should be given at a time.
    #[must_use]
    pub fn most_to_read(&self) -> usize {
        match self.state {
            State::Body(_) | State::Lingering { .. } => usize::MAX,
            _ => HEAD_READ_BYTES,
        }
    }

    /// Bytes came from the peer.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Lingering { left } => match left.checked_sub(bytes.len()) {
                Some(less) => *left = less,
                None => self.close(),
            },
            State::Closed => {}
            _ => self.input.push(bytes),
        }
    }

    /// The peer sends no more. A request that is not whole will never be.
    pub fn handle_end(&mut self) {
        self.ended = true;
        if matches!(self.state, State::Rest | State::Head(_) | State::Body(_) | State::Lingering { .. }) {
            self.close();
        }
    }

    /// Time has passed. Does nothing unless [`poll_timeout`](Self::poll_timeout) says so.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return;
        }
        if !self.output.is_empty() {
            if self.output.handle_timeout() {
                // Or else it would have to be written before the connection may close.
                self.output.clear();
                self.close();
            }
            return;
        }
        match self.state {
            State::Head(_) | State::Body(_) => self.refuse(RequestError::Timeout),
            _ => self.close(),
        }
    }

    /// What the service takes of the body that follows this head, which [`Action::Admit`] gave.
    pub fn handle_admission(&mut self, now: Instant, head: Head, admission: Admission) {
        debug_assert!(matches!(self.state, State::Admitting), "not asked what to admit: {:?}", self.state);
        match admission {
            Admission::Body { most_bytes } => {
                let body_bytes = most_bytes.min(self.limits.body_bytes);
                if matches!(head.framing, Framing::Length(length) if length > body_bytes) {
                    return self.refuse(RequestError::BodyTooLarge);
                }
                // Who has begun to send the body doesn't wait for our word.
                if head.expects_continue && self.input.unread().is_empty() {
                    self.output.push(now, CONTINUE.to_vec(), Bytes::new());
                }
                self.begin_body(now, head, body_bytes);
            }
            Admission::Nothing => {
                self.answer.keep_alive = false;
                self.input.clear();
                self.begin_body(now, Head { framing: Framing::Length(0), ..head }, 0);
            }
        }
    }

    /// The service's answer to what [`Action::Answer`] or [`Action::Refuse`] gave.
    pub fn handle_response(&mut self, now: Instant, response: Response<Bytes>, date: &DateLine) {
        let close = self.last || self.ended || self.answer.closes(&response);
        let (head, body) = self.answer.encode(response, close, date);
        self.output.push(now, head, body);
        self.finish_answer(now, close);
    }

    /// Whether a stream may open in answer to the present request: its body was asked for, and the connection may
    /// live on. If not, the stream's head is answered by [`handle_stream_head`](Self::handle_stream_head).
    #[must_use]
    pub fn can_stream(&self) -> bool {
        !self.answer.head_only && !self.last
    }

    /// The service opens a stream. Gives what is to be sent before its body, and how that is framed. The connection is a
    /// stream from here on, and this state machine has done its work.
    #[must_use]
    pub fn handle_stream(&mut self, response: &Response<()>, date: &DateLine) -> (Vec<u8>, StreamFraming) {
        let (head, framing) = self.answer.encode_stream(response, date);
        let mut bytes = self.output.take();
        bytes.extend_from_slice(&head);
        self.close();
        (bytes, framing)
    }

    /// A stream's head is the whole answer.
    pub fn handle_stream_head(&mut self, now: Instant, response: &Response<()>, date: &DateLine) {
        self.output.push(now, encode_bare_stream_head(response, date), Bytes::new());
        self.finish_answer(now, true);
    }

    /// This much of the output is sent.
    pub fn handle_written(&mut self, now: Instant, bytes: usize) {
        self.output.handle_written(now, bytes);
        if self.output.is_empty() && matches!(self.state, State::Rest) {
            // The pause begins when the answer is sent, however long that took.
            self.deadline = Some(now + self.timeouts.idle);
        }
    }

    /// Bytes to send. Empty: none.
    #[must_use]
    pub fn poll_output(&self) -> &[u8] {
        self.output.front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.output.poll_timeout().or(self.deadline)
    }

    /// What is to be done next.
    pub fn poll_action(&mut self, now: Instant) -> Action {
        // Rest, then head, then body, then answer: each state is passed at most once, so this ends. `None`: on with what came of it.
        loop {
            if !self.output.is_empty() {
                return Action::Write;
            }
            let step = match self.state {
                State::Rest => Ok(self.poll_rest(now)),
                State::Head(_) => self.poll_head(now),
                State::Body(_) => self.poll_body(now),
                State::Admitting | State::Asked => return Action::Wait,
                State::Refused(error) => {
                    self.state = State::Asked;
                    self.deadline = None;
                    return Action::Refuse(error);
                }
                State::Answered => return self.poll_answered(now),
                State::Lingering { .. } => return Action::Read,
                State::Closed => return Action::Close,
            };
            match step {
                Ok(None) => {}
                Ok(Some(action)) => return action,
                Err(error) => self.refuse(error),
            }
        }
    }

    fn poll_rest(&mut self, now: Instant) -> Option<Action> {
        self.input.skip_blank_lines();
        // A CR may be half a blank line.
        if matches!(self.input.unread(), [] | [b'\r']) {
            return Some(Action::Read);
        }
        // The first byte after a pause starts the clock of its head; that of the first head runs from the start.
        if self.answers > 0 {
            self.deadline = Some(now + self.timeouts.head);
        }
        self.state = State::Head(HeadScanner::default());
        None
    }

    fn poll_head(&mut self, now: Instant) -> Result<Option<Action>, RequestError> {
        let State::Head(scanner) = &mut self.state else { return Ok(None) };
        let unread = self.input.unread();
        let Some(end) = scanner.find_end(unread, &self.limits)? else {
            return Ok(Some(Action::Read));
        };
        let head = parse_head(&unread[..end], &self.limits)?;
        self.input.advance(end);
        self.head_bytes = end;
        self.answer = AnswerForm::of(&head);
        if head.framing == Framing::Length(0) {
            self.begin_body(now, head, 0);
            return Ok(None);
        }
        self.state = State::Admitting;
        self.deadline = None;
        Ok(Some(Action::Admit(head)))
    }

    fn begin_body(&mut self, now: Instant, head: Head, body_bytes: usize) {
        let limits = Limits { body_bytes, ..self.limits };
        let request = PartialRequest::new(now, head, &limits, self.timeouts.body);
        self.deadline = Some(request.deadline());
        self.state = State::Body(Box::new(request));
    }

    fn poll_body(&mut self, now: Instant) -> Result<Option<Action>, RequestError> {
        let State::Body(request) = &mut self.state else { return Ok(None) };
        let progress = request.handle_bytes(now, self.input.unread())?;
        self.deadline = Some(request.deadline());
        self.input.advance(progress.consumed);
        if !progress.done {
            if self.ended {
                // The peer left while the service was asked what it takes.
                self.close();
                return Ok(None);
            }
            return Ok(Some(Action::Read));
        }
        let State::Body(request) = std::mem::replace(&mut self.state, State::Asked) else { return Ok(None) };
        self.deadline = None;
        Ok(Some(Action::Answer(request.into_request())))
    }

    /// The last answer is sent.
    fn poll_answered(&mut self, now: Instant) -> Action {
        if self.ended {
            self.close();
            return Action::Close;
        }
        self.input.clear();
        self.state = State::Lingering { left: self.limits.body_bytes.max(LINGER_BYTES) };
        self.deadline = Some(now + LINGER_TIME);
        Action::Finish
    }

    /// The answer is in the output: what comes after it?
    fn finish_answer(&mut self, now: Instant, close: bool) {
        debug_assert!(matches!(self.state, State::Asked), "an answer without a question: {:?}", self.state);
        self.answers += 1;
        self.head_bytes = 0;
        if close {
            self.state = State::Answered;
            self.deadline = None;
            return;
        }
        self.answer = AnswerForm::default();
        self.state = State::Rest;
        self.deadline = Some(now + self.timeouts.idle);
    }

    fn refuse(&mut self, error: RequestError) {
        // What follows on the connection can't be told apart any more.
        self.last = true;
        self.head_bytes = 0;
        self.state = State::Refused(error);
    }

    fn close(&mut self) {
        self.state = State::Closed;
        self.deadline = None;
        self.head_bytes = 0;
        self.input.clear();
    }
}

#[cfg(test)]
mod tests;
