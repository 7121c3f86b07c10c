//! Requests and answers.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::task::Waker;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use smallvec::SmallVec;
use sse_core::Pattern;

use super::Worker;
use crate::connection::{Connection, Exchange, Flags, Role, Stream};
use crate::inbox::Ticket;
use crate::opening::opening;
use crate::proto::{Action, DateLine, RequestError};
use crate::reply::{Reply, SlowConsumer, StreamReply};
use crate::service::{Context, Service};
use crate::socket::{read, write};
use crate::stream::EndReason;
use crate::timers::{ConnectionKey, Timer};

/// Actions of one connection per pass. A pipelined request takes two, or three with a body, so a peer that pipelines
/// without end gets about thirty answers before others have their turn.
pub(super) const ACTIONS_PER_TURN: usize = 64;

/// How a stream begins, for clients that see its head (`fetch`): [`sse_core::Resume`] in a word.
const SSE_RESUME: HeaderName = HeaderName::from_static("sse-resume");

/// What an action came to.
enum Outcome {
    /// There may be more to do.
    Go,
    /// Nothing to do until the socket, the service or a timer says so.
    Rest,
    /// The connection is over.
    Close,
}

impl<V: Service> Worker<V> {
    /// Carries an exchange on as far as its socket and its turn allow.
    pub(super) fn carry_on(&mut self, token: u32) {
        if self.is_attentive(token) {
            return;
        }
        for _ in 0..ACTIONS_PER_TURN {
            match self.act(token) {
                Outcome::Go => {}
                Outcome::Rest => return self.watch_deadline(token),
                Outcome::Close => return self.close(token, EndReason::ClientClosed),
            }
        }
        self.call_attention(token);
    }

    fn act(&mut self, token: u32) -> Outcome {
        let Some(connection) = self.connections.get_mut(token as usize) else { return Outcome::Rest };
        // It may have become a stream meanwhile.
        let Role::Exchange(exchange) = &mut connection.role else { return Outcome::Rest };
        match exchange.http.poll_action(self.now) {
            Action::Write => match write(&mut connection.socket, exchange.http.poll_output()) {
                Ok(sent) => {
                    exchange.http.handle_written(self.now, sent);
                    Outcome::Go
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => Outcome::Rest,
                Err(_) => Outcome::Close,
            },
            Action::Read if !exchange.readable => Outcome::Rest,
            Action::Read => match read(&mut connection.socket, &mut self.scratch) {
                Ok(0) => {
                    exchange.readable = false;
                    exchange.http.handle_end();
                    Outcome::Go
                }
                Ok(length) => {
                    // A short read has found the socket empty (epoll(7), question 9), unless its end is next.
                    exchange.readable = length == self.scratch.len() || exchange.ending;
                    exchange.http.handle_bytes(&self.scratch[..length]);
                    Outcome::Go
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    exchange.readable = false;
                    Outcome::Rest
                }
                Err(_) => Outcome::Close,
            },
            Action::Admit(head) => {
                let admission = self.service.admit(&head.request, &exchange.peer);
                exchange.http.handle_admission(self.now, head, admission);
                Outcome::Go
            }
            Action::Answer(request) => self.ask(token, request),
            Action::Refuse(error) => self.refuse(token, error),
            // Nobody is there any more: the answer, when it comes, will find no one either.
            Action::Wait if exchange.broken => Outcome::Close,
            Action::Wait => Outcome::Rest,
            // A socket that is gone already is found out by the read that follows.
            Action::Finish => {
                let _ = connection.socket.shutdown(Shutdown::Write);
                Outcome::Go
            }
            Action::Close => Outcome::Close,
        }
    }

    /// Asks the service.
    fn ask(&mut self, token: u32, request: Request<Bytes>) -> Outcome {
        let number = self.next_serial();
        let Some(exchange) = self.exchange(token) else { return Outcome::Rest };
        exchange.request = Some(number);
        let peer = exchange.peer;
        let context = Context::new(&peer, &self.handle, &self.inbox, Ticket { token, request: number });
        match self.service.call(request, &context) {
            Reply::Later if context.is_deferred() => {}
            reply => self.answer(token, Some(reply)),
        }
        Outcome::Go
    }

    /// Answers what is no acceptable request.
    fn refuse(&mut self, token: u32, error: RequestError) -> Outcome {
        let Some(exchange) = self.exchange(token) else { return Outcome::Rest };
        let peer = exchange.peer;
        let response = self.service.refuse(&error, &peer);
        self.respond(token, response);
        Outcome::Go
    }

    /// A deferred answer has come.
    pub(super) fn handle_reply(&mut self, ticket: Ticket, reply: Option<Reply<V::Session>>) {
        if self.exchange(ticket.token).is_some_and(|exchange| exchange.request == Some(ticket.request)) {
            self.answer(ticket.token, reply);
            self.carry_on(ticket.token);
        }
    }

    /// Gives the service's answer to the request under way. None, or one put off for ever, is a fault.
    fn answer(&mut self, token: u32, reply: Option<Reply<V::Session>>) {
        let Some(exchange) = self.exchange(token) else { return };
        exchange.request = None;
        match reply {
            Some(Reply::Response(response)) => self.respond(token, response),
            Some(Reply::Stream(stream)) => self.open_stream(token, stream),
            Some(Reply::Later) | None => self.fail(token, StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    fn respond(&mut self, token: u32, response: Response<Bytes>) {
        self.refresh_date();
        let Some(connection) = self.connections.get_mut(token as usize) else { return };
        if let Role::Exchange(exchange) = &mut connection.role {
            exchange.http.handle_response(self.now, response, &self.date);
        }
    }

    /// An answer of our own, for want of one from the service.
    #[cold]
    fn fail(&mut self, token: u32, status: StatusCode) {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        if let Some(exchange) = self.exchange(token) {
            exchange.http.set_last();
        }
        self.respond(token, response);
    }

    /// Makes the connection a stream, and sends its head.
    fn open_stream(&mut self, token: u32, reply: StreamReply<V::Session>) {
        self.refresh_date();
        let StreamReply { mut head, filter, last_event_id, slow_consumer, session } = reply;
        let Some(connection) = self.connections.get_mut(token as usize) else { return };
        let Role::Exchange(exchange) = &mut connection.role else { return };
        if !exchange.http.can_stream() {
            exchange.http.handle_stream_head(self.now, &head, &self.date);
            return;
        }
        let topics: SmallVec<[(u32, Waker); 1]> =
            filter.patterns().iter().map(|pattern| self.topics.open(pattern)).collect();
        let mut wakers = topics.iter().map(|(_, waker)| waker.clone());
        // One for each pattern, in their order.
        let waker = |_: &Pattern| wakers.next().expect("a topic for each pattern");
        let Ok(mut subscription) = self.hub.subscribe_with(&filter, last_event_id.as_deref(), waker) else {
            topics.iter().for_each(|(topic, _)| self.topics.discard_empty(*topic));
            // The service has let through a filter that the hub won't take.
            return self.fail(token, StatusCode::INTERNAL_SERVER_ERROR);
        };
        let places = topics.iter().map(|(topic, _)| self.topics.join(*topic, token)).collect();
        head.headers_mut().insert(SSE_RESUME, HeaderValue::from_static(subscription.resume().as_str()));
        let (mut owed, mut framing) = exchange.http.handle_stream(&head, &self.date);
        // In one write with the head: some browsers give up for good on a stream that is cut within it.
        framing.encode(&opening(&mut subscription, self.config.retry), &mut owed);
        let unread = exchange.readable || exchange.ending;
        let stream = Stream { session, places, owed, framing, leave_at: 0 };
        self.service.opened(&stream.session);
        connection.role = Role::Stream { subscription, stream };
        if slow_consumer == SlowConsumer::Skip {
            connection.flags.insert(Flags::SKIPPING);
        }
        connection.active_at = self.tick;
        let key = ConnectionKey { token, serial: connection.serial };
        self.start_stream(key, unread);
    }

    /// Arms a timer for the exchange's deadline, unless one will fire before it anyway.
    fn watch_deadline(&mut self, token: u32) {
        let Some(connection) = self.connections.get_mut(token as usize) else { return };
        let key = ConnectionKey { token, serial: connection.serial };
        let Role::Exchange(exchange) = &mut connection.role else { return };
        let Some(deadline) = exchange.http.poll_timeout() else { return };
        let tick = self.timers.tick_after(deadline);
        if tick < exchange.armed_for {
            exchange.armed_for = self.timers.arm(tick, Timer::Deadline(key));
        }
    }

    /// A deadline may have come.
    pub(super) fn check_deadline(&mut self, key: ConnectionKey, fired: u64) {
        let now = self.now;
        let Some(Connection { role: Role::Exchange(exchange), .. }) = self.find(key) else { return };
        if exchange.armed_for != fired {
            return; // Another timer, for an earlier time, has taken this one's place.
        }
        exchange.armed_for = u64::MAX;
        exchange.http.handle_timeout(now);
        self.carry_on(key.token);
    }

    fn exchange(&mut self, token: u32) -> Option<&mut Exchange> {
        match &mut self.connections.get_mut(token as usize)?.role {
            Role::Exchange(exchange) => Some(exchange),
            Role::Stream { .. } => None,
        }
    }

    /// Renders the date anew once a second.
    fn refresh_date(&mut self) {
        let time = SystemTime::now();
        let second = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if second != self.date_second {
            self.date_second = second;
            self.date = DateLine::new(time);
        }
    }
}
