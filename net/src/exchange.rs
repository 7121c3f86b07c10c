//! A connection's requests and answers, between its socket and the HTTP state machine.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};

use crate::ledger::{ALLOWANCE_BYTES, Account, counted_body};
use crate::proto::{Action, Admission, DateLine, Head, Http1, RequestError, own_bytes};
use crate::service::{Excess, Peer};
use crate::socket::{Socket, read, write};
use crate::system::Readiness;

/// What the head of an answer takes, as a rule.
const ANSWER_HEAD_BYTES: usize = 1 << 10;

/// Requests and answers.
pub(crate) struct Exchange<P> {
    pub(crate) http: Http1,
    pub(crate) peer: Peer,
    /// Its right to be there, or why it is one connection too many.
    pub(crate) permit: Result<P, Excess>,
    /// What it holds, on the ledger.
    account: Account,
    /// The number of the request that awaits its answer.
    pub(crate) request: Option<u64>,
    /// When the deadline timer armed last fires.
    pub(crate) armed_for: u64,
    /// On the attention list: it has no turn before that one.
    pub(crate) is_attentive: bool,
    /// The socket may have something to read: edges don't repeat, so this stands until a read has found it empty.
    readable: bool,
    /// The end of what the peer sends is in sight: reading on must find it.
    ending: bool,
    /// The peer is gone, not only done with sending: nothing reaches it any more.
    broken: bool,
    /// The peer has not taken its answer for too long, and won't get it.
    pub(crate) is_given_up: bool,
}

/// What an exchange came to.
#[must_use]
pub(crate) enum Step {
    /// There may be more to do.
    Go,
    /// Nothing to do until the socket, the service or a timer says so.
    Rest,
    /// The connection is over.
    Close,
    /// What is taken of the body that follows this head?
    Admit(Head),
    /// A request is to be answered.
    Ask(Request<Bytes>),
    /// So is an error.
    Refuse(RequestError),
}

impl<P> Exchange<P> {
    pub(crate) fn new(
        http: Http1,
        addr: SocketAddr,
        permit: Result<P, Excess>,
        account: Account,
        armed_for: u64,
    ) -> Exchange<P> {
        Exchange {
            http,
            peer: Peer { addr, excess: permit.as_ref().err().copied() },
            permit,
            account,
            request: None,
            armed_for,
            is_attentive: false,
            readable: false,
            ending: false,
            broken: false,
            is_given_up: false,
        }
    }

    pub(crate) fn handle_readiness(&mut self, readiness: Readiness) {
        self.readable |= readiness.input;
        self.ending |= readiness.ended;
        self.broken |= readiness.broken;
    }

    /// Whether the client has said, or may have said, more than its request.
    pub(crate) fn has_unread(&self) -> bool {
        self.readable || self.ending
    }

    /// Does what is to be done next: at most one call of the socket.
    pub(crate) fn poll(&mut self, socket: &mut impl Socket, scratch: &mut [u8], now: Instant) -> Step {
        let step = self.step(socket, scratch, now);
        match (self.settle(), step) {
            // The request is refused now, whatever the service would take of it.
            (false, Step::Rest | Step::Admit(_)) => Step::Go,
            (_, step) => step,
        }
    }

    /// What the service takes of the body that follows this head.
    pub(crate) fn admit(&mut self, head: Head, admission: Admission, now: Instant) {
        self.http.handle_admission(now, head, admission);
        self.settle();
    }

    /// Whether there is room for this answer: then [`respond`](Self::respond). If not, a short one is to take its place.
    pub(crate) fn has_room_for(&mut self, response: &Response<Bytes>) -> bool {
        let has_room = self.account.may_hold(self.http.held() + own_bytes(response.body()) + ANSWER_HEAD_BYTES);
        if !has_room {
            self.http.handle_shortage();
        }
        has_room
    }

    /// Answers the request under way.
    pub(crate) fn respond(&mut self, response: Response<Bytes>, date: &DateLine, now: Instant) {
        self.http.handle_response(now, response, date);
        // What it is exactly, with the head.
        self.account.hold(self.http.held());
    }

    /// A deadline may have come.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let is_owed = !self.http.poll_output().is_empty();
        self.http.handle_timeout(now);
        self.is_given_up |= is_owed && self.http.poll_output().is_empty();
        self.settle();
    }

    /// Accounts for what is held now. If there is no room for more of it, a request is refused, or what is pipelined let go;
    /// then this is false.
    fn settle(&mut self) -> bool {
        let has_room = self.account.may_hold(self.http.held());
        if !has_room {
            self.http.handle_shortage();
            self.account.hold(self.http.held());
        }
        has_room
    }

    /// A large body is accounted for until the service has let it go, though the connection be gone.
    fn hand_over(&mut self, body: Bytes) -> Bytes {
        match body.len() {
            ..=ALLOWANCE_BYTES => body,
            length => counted_body(body, self.account.split_off(length)),
        }
    }

    fn step(&mut self, socket: &mut impl Socket, scratch: &mut [u8], now: Instant) -> Step {
        match self.http.poll_action(now) {
            Action::Write => match write(socket, self.http.poll_output()) {
                Ok(sent) => {
                    self.http.handle_written(now, sent);
                    Step::Go
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => Step::Rest,
                Err(_) => Step::Close,
            },
            Action::Read if !self.readable => Step::Rest,
            Action::Read => self.read(socket, scratch),
            Action::Admit(head) => Step::Admit(head),
            Action::Answer(request) => Step::Ask(request.map(|body| self.hand_over(body))),
            Action::Refuse(error) => Step::Refuse(error),
            // Nobody is there any more: the answer, when it comes, will find no one either.
            Action::Wait if self.broken => Step::Close,
            Action::Wait => Step::Rest,
            // A socket that is gone already is found out by the read that follows.
            Action::Finish => {
                let _ = socket.finish();
                Step::Go
            }
            Action::Close => Step::Close,
        }
    }

    fn read(&mut self, socket: &mut impl Socket, scratch: &mut [u8]) -> Step {
        let most = scratch.len().min(self.http.most_to_read());
        match read(socket, &mut scratch[..most]) {
            Ok(0) => {
                self.readable = false;
                self.http.handle_end();
                Step::Go
            }
            Ok(length) => {
                // A short read has found the socket empty (epoll(7), question 9), unless its end is next.
                self.readable = length == most || self.ending;
                self.http.handle_bytes(&scratch[..length]);
                Step::Go
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Step::Rest
            }
            Err(_) => Step::Close,
        }
    }
}
