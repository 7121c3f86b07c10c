//! Requests and answers.

use std::task::Waker;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use smallvec::SmallVec;
use sse_core::Pattern;

use super::Worker;
use crate::connection::Role;
use crate::exchange::{Exchange, Step};
use crate::flags::Flags;
use crate::inbox::Ticket;
use crate::opening::opening;
use crate::proto::{DateLine, RequestError};
use crate::reply::{Reply, SlowConsumer, StreamReply};
use crate::roster::Key;
use crate::service::{Context, Service};
use crate::socket::Socket;
use crate::stream::{Flush, Stream};
use crate::stream_end::EndReason;
use crate::system::System;
use crate::timers::Timer;
use crate::turns::{ACTIONS_PER_OVERTIME, ACTIONS_PER_PASS, ACTIONS_PER_TURN, OVERTIME_PER_PASS};

/// How a stream begins, for clients that see its head (`fetch`): [`sse_core::Start`] in a word.
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

impl<V: Service, Y: System> Worker<V, Y> {
    /// Gives turns to those who wait for one, who has waited longest first, until the pass has no room for more.
    pub(super) fn attend(&mut self) {
        // Who goes into overtime in this pass has had a turn.
        let late = self.turns.overtime.len();
        let kept = if late == 0 { 0 } else { OVERTIME_PER_PASS };
        let mut budget = ACTIONS_PER_PASS;
        for _ in 0..self.turns.attention.len() {
            if budget <= kept {
                break;
            }
            let Some(key) = self.turns.attention.pop_front() else { break };
            budget -= self.give_turn(key, ACTIONS_PER_TURN.min(budget));
        }
        for _ in 0..late {
            if budget == 0 {
                return;
            }
            let Some(key) = self.turns.overtime.pop_front() else { return };
            budget -= self.give_turn(key, ACTIONS_PER_OVERTIME.min(budget));
        }
    }

    /// Gives a connection a turn of so many actions. Gives the number it has taken; if more is to be done, its next turn comes in
    /// overtime.
    fn give_turn(&mut self, key: Key, most: usize) -> usize {
        let Some(connection) = self.connections.get_mut(key) else { return 0 };
        connection.attend();
        let (actions, outcome) = match &mut connection.role {
            Role::Exchange(_) => self.carry_on(key, most),
            Role::Stream(stream) => match stream.discard_input(&mut connection.socket, &mut self.scratch) {
                Flush::More => (1, Outcome::Go),
                outcome => {
                    self.settle(key, outcome);
                    (1, Outcome::Rest)
                }
            },
        };
        match outcome {
            Outcome::Go => self.call_again(key),
            Outcome::Rest => {}
            Outcome::Close => self.close(key, EndReason::ClientClosed),
        }
        actions
    }

    /// Carries an exchange on as far as its socket and its turn allow. Gives the number of its actions, and what the last came to.
    fn carry_on(&mut self, key: Key, most: usize) -> (usize, Outcome) {
        for action in 1..=most {
            match self.act(key) {
                Outcome::Go => {}
                Outcome::Rest => {
                    self.watch_deadline(key);
                    return (action, Outcome::Rest);
                }
                Outcome::Close => return (action, Outcome::Close),
            }
        }
        (most, Outcome::Go)
    }

    fn act(&mut self, key: Key) -> Outcome {
        let Some(connection) = self.connections.get_mut(key) else { return Outcome::Rest };
        // It may have become a stream meanwhile.
        let Role::Exchange(exchange) = &mut connection.role else { return Outcome::Rest };
        match exchange.poll(&mut connection.socket, &mut self.scratch, self.now.instant) {
            Step::Go => Outcome::Go,
            Step::Rest => Outcome::Rest,
            Step::Close => {
                if exchange.is_given_up {
                    // What the kernel holds of its answer would keep the socket alive behind our back.
                    connection.socket.drop_unsent();
                }
                Outcome::Close
            }
            Step::Admit(head) => {
                let admission = self.service.admit(&head.request, &exchange.peer);
                exchange.admit(head, admission, self.now.instant);
                Outcome::Go
            }
            Step::Ask(request) => self.ask(key, request),
            Step::Refuse(error) => self.refuse(key, error),
        }
    }

    /// Asks the service.
    fn ask(&mut self, key: Key, request: Request<Bytes>) -> Outcome {
        self.requests += 1;
        let number = self.requests;
        let Some(connection) = self.connections.get_mut(key) else { return Outcome::Rest };
        let Role::Exchange(exchange) = &mut connection.role else { return Outcome::Rest };
        exchange.request = Some(number);
        let ticket = Ticket { key, request: number };
        let context = Context::new(&exchange.peer, &exchange.permit, &self.handle, &self.inbox, ticket);
        match self.service.call(request, &context) {
            Reply::Later if context.is_deferred() => {}
            reply => self.answer(key, Some(reply)),
        }
        Outcome::Go
    }

    /// Answers what is no acceptable request.
    fn refuse(&mut self, key: Key, error: RequestError) -> Outcome {
        let Some(exchange) = self.exchange(key) else { return Outcome::Rest };
        let peer = exchange.peer;
        let response = self.service.refuse(&error, &peer);
        self.respond(key, response);
        Outcome::Go
    }

    /// A deferred answer has come.
    pub(super) fn handle_reply(&mut self, ticket: Ticket, reply: Option<Reply<V::Session>>) {
        if self.exchange(ticket.key).is_some_and(|exchange| exchange.request == Some(ticket.request)) {
            self.answer(ticket.key, reply);
            self.call_attention(ticket.key);
        }
    }

    /// Gives the service's answer to the request under way. None, or one put off for ever, is a fault.
    fn answer(&mut self, key: Key, reply: Option<Reply<V::Session>>) {
        let Some(exchange) = self.exchange(key) else { return };
        exchange.request = None;
        match reply {
            Some(Reply::Response(response)) => self.respond(key, response),
            Some(Reply::Stream(stream)) => self.open_stream(key, stream),
            Some(Reply::Later) | None => self.fail(key, StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    fn respond(&mut self, key: Key, response: Response<Bytes>) {
        self.refresh_date();
        let Some(connection) = self.connections.get_mut(key) else { return };
        let Role::Exchange(exchange) = &mut connection.role else { return };
        let response = if exchange.has_room_for(&response) {
            response
        } else {
            // It is the one thing that can be let go. Who answers at length to what can't be asked twice shares the bytes.
            self.service.refuse(&RequestError::NoRoom, &exchange.peer)
        };
        exchange.respond(response, &self.date, self.now.instant);
    }

    /// An answer of our own, for want of one from the service.
    #[cold]
    fn fail(&mut self, key: Key, status: StatusCode) {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        if let Some(exchange) = self.exchange(key) {
            exchange.http.set_last();
        }
        self.respond(key, response);
    }

    /// Makes the connection a stream, and sends its head.
    fn open_stream(&mut self, key: Key, reply: StreamReply<V::Session>) {
        self.refresh_date();
        let Some(connection) = self.connections.get_mut(key) else { return };
        let Role::Exchange(exchange) = &mut connection.role else { return };
        if !exchange.http.can_stream() {
            exchange.http.handle_stream_head(self.now.instant, &reply.head, &self.date);
            return;
        }
        let topics: SmallVec<[(u32, Waker); 1]> =
            reply.filter.patterns().iter().map(|pattern| self.topics.open(pattern)).collect();
        let mut wakers = topics.iter().map(|(_, waker)| waker.clone());
        // One for each pattern, in their order.
        let waker = |_: &Pattern| wakers.next().expect("a topic for each pattern");
        let mut subscription = match self.hub.subscribe_with(&reply.filter, reply.last_event_id.as_deref(), waker) {
            Ok(subscription) => subscription,
            Err(error) => {
                topics.iter().for_each(|(topic, _)| self.topics.discard_empty(*topic));
                let response = self.service.refuse_stream(&error, reply);
                return self.respond(key, response);
            }
        };
        let StreamReply { mut head, slow_consumer, session, .. } = reply;
        let places = topics.iter().map(|(topic, _)| self.topics.join(*topic, key)).collect();
        head.headers_mut().insert(SSE_RESUME, HeaderValue::from_static(subscription.start().as_str()));
        let (mut owed, mut framing) = exchange.http.handle_stream(&head, &self.date);
        // In one write with the head: some browsers give up for good on a stream that is cut within it.
        framing.encode(&opening(&mut subscription, self.config.retry), &mut owed);
        let unread = exchange.has_unread();
        self.service.opened(&session);
        let mut stream = Stream::new(session, subscription, places, (owed, framing), self.tick);
        if slow_consumer == SlowConsumer::Skip {
            stream.flags.insert(Flags::SKIPPING);
        }
        connection.role = Role::Stream(stream);
        self.start_stream(key, unread);
    }

    /// Arms a timer for the exchange's deadline, unless one will fire before it anyway.
    fn watch_deadline(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let Role::Exchange(exchange) = &mut connection.role else { return };
        let Some(deadline) = exchange.http.poll_timeout() else { return };
        let tick = self.timers.tick_after(deadline);
        if tick < exchange.armed_for {
            exchange.armed_for = self.timers.arm(tick, Timer::Deadline(key));
        }
    }

    /// A deadline may have come.
    pub(super) fn check_deadline(&mut self, key: Key, fired: u64) {
        let now = self.now.instant;
        let Some(exchange) = self.exchange(key) else { return };
        if exchange.armed_for != fired {
            return; // Another timer, for an earlier time, has taken this one's place.
        }
        exchange.armed_for = u64::MAX;
        exchange.handle_timeout(now);
        self.call_attention(key);
    }

    fn exchange(&mut self, key: Key) -> Option<&mut Exchange<V::Permit>> {
        match &mut self.connections.get_mut(key)?.role {
            Role::Exchange(exchange) => Some(exchange),
            Role::Stream(_) => None,
        }
    }

    /// Renders the date anew once a second.
    fn refresh_date(&mut self) {
        let time = self.now.system;
        let second = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if second != self.date_second {
            self.date_second = second;
            self.date = DateLine::new(time);
        }
    }
}
