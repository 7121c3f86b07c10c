//! An open stream: a reader of its channels' logs, and what its socket has taken.
//!
//! ```text
//!   log  ....frame frame frame|         owed:  bytes that come before any frame
//!              ▲ subscription           framing: the chunk that is open, if one is
//!              └── flush ──▶ socket
//! ```
//!
//! What is sent is always in this order: what is owed, then the rest of an open chunk and the log's bytes after it.

use std::io::{self, ErrorKind};

use sse_core::{Ready, Subscription};

use crate::flags::Flags;
use crate::proto::{SizeLine, StreamFraming};
use crate::shared_chunk::SharedChunk;
use crate::socket::{Socket, read, write};
use crate::stream_end::{EndReason, StreamEnd, StreamView};
use crate::topic::Places;

/// Bytes a stream is given in one pass: enough that a call's fixed cost vanishes, and so little that a thousand
/// connections far behind still take turns within milliseconds. A little less than what one segment of TCP carries over
/// loopback, 65,483 bytes, and one offloaded to a network card: 64 KiB would leave a second packet of some bytes, and
/// packets are what costs (a quarter of the throughput, docs/PERFORMANCE.md).
pub(crate) const FLUSH_BYTES: usize = 63 << 10;

/// Writes to a stream in one pass. One, as a rule; more where several logs are read in turns.
const FLUSH_WRITES: usize = 16;

/// Reads of what a client says on an open stream, per turn. There should be nothing: it is read to notice the end.
const DISCARD_READS: usize = 4;

/// A comment that keeps proxies and clients from thinking the stream dead (WHATWG HTML §9.2.7). No blank line after it:
/// many clients make an event of that.
const KEEPALIVE: &[u8] = b":keepalive\n";

pub(crate) struct Stream<S> {
    pub(crate) session: S,
    /// Its places, one in the topic of each of its patterns.
    pub(crate) places: Places,
    subscription: Subscription,
    /// What must be sent before any frame, in its framing: the rest of the head and the opening, of a comment, or of what
    /// stands between the data of two chunks.
    owed: Vec<u8>,
    /// Where the body stands, once what is owed is sent.
    framing: StreamFraming,
    pub(crate) flags: Flags,
    /// The tick of the last byte accepted by the kernel, or of becoming blocked: what keepalives and stalls count from.
    active_at: u64,
    /// The stream ends when its cursor gets here.
    leave_at: u64,
}

/// What a flush came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Flush {
    /// Everything is sent, or the connection's turn comes elsewhere.
    Done,
    /// The turn is spent: there may be more.
    More,
    /// The socket is full.
    Blocked,
    /// The reader was too far behind, and has jumped to the present.
    Skipped,
    /// The stream is over.
    End(EndReason),
}

/// What the flushes of one pass have in common.
pub(crate) struct Round<'a> {
    /// The tick of the pass.
    pub(crate) tick: u64,
    /// Bytes that a reader whose socket is full may fall behind.
    pub(crate) max_lag: u64,
    /// The chunk that was sent before.
    pub(crate) shared: &'a mut SharedChunk,
}

impl<S> Stream<S> {
    /// A stream that begins at this tick, and owes its head and its opening.
    pub(crate) fn new(
        session: S,
        subscription: Subscription,
        places: Places,
        (owed, framing): (Vec<u8>, StreamFraming),
        tick: u64,
    ) -> Stream<S> {
        Stream { session, places, subscription, owed, framing, flags: Flags::default(), active_at: tick, leave_at: 0 }
    }

    /// Sends what the subscription has, one turn of so many bytes.
    #[inline]
    pub(crate) fn flush(&mut self, socket: &mut impl Socket, round: &mut Round<'_>, turn: usize) -> Flush {
        if !self.flags.is_plain()
            && let Some(outcome) = self.flush_specially(socket, round.max_lag)
        {
            return outcome;
        }
        let outcome = match self.send_frames(socket, round, turn) {
            Ok(outcome) => outcome,
            Err(error) => return Flush::End(end_of(&error)),
        };
        if outcome == Flush::Blocked {
            self.flags.insert(Flags::BLOCKED);
        }
        if self.subscription.is_replaying() {
            // A crowd that replays must not hold a slice each until its next turn.
            self.subscription.park();
        }
        if self.flags.contains(Flags::LEAVING) && self.may_leave(outcome) {
            return Flush::End(EndReason::Drained);
        }
        outcome
    }

    #[inline]
    fn send_frames(&mut self, socket: &mut impl Socket, round: &mut Round<'_>, turn: usize) -> io::Result<Flush> {
        let mut budget = turn;
        let mut writes = 0;
        // Ends: each round takes from the budget, or returns.
        loop {
            // A slice of the history is a turn; so are many pieces.
            if writes == FLUSH_WRITES || (writes > 0 && self.subscription.is_replaying()) {
                return Ok(Flush::More);
            }
            if budget == 0 {
                return Ok(Flush::More);
            }
            let ready = match self.subscription.ready() {
                Ready::Bytes(ready) => ready,
                Ready::Again => return Ok(Flush::More),
                Ready::Ended => return Ok(Flush::End(EndReason::Drained)),
                _ if self.framing.is_open() => return Ok(self.fill_chunk(socket)),
                _ => return Ok(Flush::Done),
            };
            let [first, second] = ready.pieces;
            let most = budget.min(FLUSH_BYTES);
            let first = &first[..first.len().min(most)];
            let second = &second[..second.len().min(most - first.len())];
            let mut line = SizeLine::default();
            let wrapped = self.framing.wrap([first, second], &mut line);
            let bytes = match round.shared.write(socket, &ready, &wrapped) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.active_at = round.tick;
                    return Ok(Flush::Blocked);
                }
                Err(error) => return Err(error),
            };
            let is_short = bytes < wrapped.bytes();
            let sent = self.framing.settle(&wrapped, bytes);
            if !sent.rest.is_empty() {
                self.owed.extend_from_slice(sent.rest);
                self.flags.insert(Flags::OWING);
            }
            let data = sent.data;
            self.subscription.advance(data);
            self.active_at = round.tick;
            budget -= data;
            writes += 1;
            // A short write has found the socket full: an edge will come (epoll(7), question 9).
            if is_short {
                return Ok(Flush::Blocked);
            }
        }
    }

    /// The first part of a flush with any flag up. `None`: go on with its frames.
    #[cold]
    fn flush_specially(&mut self, socket: &mut impl Socket, max_lag: u64) -> Option<Flush> {
        if self.flags.contains(Flags::BLOCKED) {
            return Some(self.fall_behind(max_lag));
        }
        if self.flags.contains(Flags::QUEUED) {
            // Its turn comes from the backlog. If that takes long, what it has yet to read must not pile up.
            if !self.subscription.is_replaying() && self.subscription.lag() > max_lag {
                self.subscription.park();
            }
            return Some(Flush::Done);
        }
        self.send_owed(socket)
    }

    /// There is something new for a reader whose socket is full.
    fn fall_behind(&mut self, max_lag: u64) -> Flush {
        let outcome = match self.subscription.lag() > max_lag {
            false => Flush::Done,
            true if self.flags.contains(Flags::SKIPPING) => {
                self.subscription.skip();
                Flush::Skipped
            }
            true => return Flush::End(EndReason::Lagged),
        };
        if !self.subscription.is_replaying() {
            self.subscription.park();
        }
        outcome
    }

    /// Sends what comes before frames. `None`: nothing is owed any more.
    fn send_owed(&mut self, socket: &mut impl Socket) -> Option<Flush> {
        if self.owed.is_empty() {
            return None;
        }
        match write(socket, &self.owed) {
            Ok(sent) if sent == self.owed.len() => {
                self.owed = Vec::new();
                self.flags.remove(Flags::OWING);
                None
            }
            Ok(sent) => {
                self.owed.drain(..sent);
                self.flags.insert(Flags::OWING | Flags::BLOCKED);
                Some(Flush::Blocked)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.flags.insert(Flags::OWING | Flags::BLOCKED);
                Some(Flush::Blocked)
            }
            Err(error) => Some(Flush::End(end_of(&error))),
        }
    }

    /// Fills a chunk that is still open when there is no more to send: what it was begun for has been skipped, and some
    /// clients hand out a chunk only when it is whole.
    #[cold]
    fn fill_chunk(&mut self, socket: &mut impl Socket) -> Flush {
        if !self.subscription.at_frame_boundary() {
            return Flush::Done; // The rest of the frame is to come.
        }
        self.framing.fill(&mut self.owed);
        self.send_owed(socket).unwrap_or(Flush::Done)
    }

    /// Whether all that was pending when the stream was told to leave is sent, and the last frame is whole.
    fn may_leave(&self, outcome: Flush) -> bool {
        let reached = outcome == Flush::Done || self.subscription.bytes_read() >= self.leave_at;
        reached && self.owed.is_empty() && self.subscription.at_frame_boundary()
    }

    /// Sends a comment if nothing else is there to be sent. `tick`: when it was due.
    pub(crate) fn keep_alive(&mut self, socket: &mut impl Socket, tick: u64) -> Flush {
        if !self.flags.is_plain() || !self.subscription.chunk().is_empty() || !self.subscription.at_frame_boundary() {
            return Flush::Done;
        }
        self.framing.encode(KEEPALIVE, &mut self.owed);
        // As if sent when due, however late we are: the next one is counted from there.
        self.active_at = tick;
        self.send_owed(socket).unwrap_or(Flush::Done)
    }

    /// Sends the head of a stream just opened. [`Flush::More`]: there are frames for it already.
    pub(crate) fn send_head(&mut self, socket: &mut impl Socket) -> Flush {
        let outcome = self.send_owed(socket);
        let has_more = self.subscription.is_replaying() || !self.subscription.chunk().is_empty();
        outcome.unwrap_or(if has_more { Flush::More } else { Flush::Done })
    }

    /// Sends a last line, if there is one, and the end of the body, if that can be done at once: the stream is about to
    /// end.
    pub(crate) fn send_last(&mut self, socket: &mut impl Socket, line: &[u8]) {
        if self.flags.is_plain() && self.subscription.at_frame_boundary() {
            let mut last = Vec::new();
            self.framing.finish(line, &mut last);
            // Without an answer: the client knows without it when to come back, if only with all the others.
            let _ = write(socket, &last);
        }
    }

    /// Reads past what the client says. [`Flush::More`]: there may be more.
    pub(crate) fn discard_input(&mut self, socket: &mut impl Socket, scratch: &mut [u8]) -> Flush {
        for _ in 0..DISCARD_READS {
            match read(socket, scratch) {
                Ok(0) => return Flush::End(EndReason::ClientClosed),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Flush::Done,
                Err(error) => return Flush::End(end_of(&error)),
            }
        }
        Flush::More
    }

    /// Tries again a socket that was full, whose edge has not come: it calls only when a good part of its buffer is free.
    /// Ends the stream if it takes nothing.
    pub(crate) fn retry(&mut self, socket: &mut impl Socket, round: &mut Round<'_>) -> Flush {
        let before = (self.subscription.bytes_read(), self.owed.len(), self.framing);
        self.flags.remove(Flags::BLOCKED);
        match self.flush(socket, round, FLUSH_BYTES) {
            Flush::Blocked if before == (self.subscription.bytes_read(), self.owed.len(), self.framing) => {
                Flush::End(EndReason::Stalled)
            }
            outcome => outcome,
        }
    }

    /// The socket has room again. Whether that was waited for.
    pub(crate) fn handle_room(&mut self) -> bool {
        let was_blocked = self.flags.contains(Flags::BLOCKED);
        self.flags.remove(Flags::BLOCKED);
        was_blocked
    }

    /// The stream ends once what is pending now is sent.
    pub(crate) fn start_leaving(&mut self) {
        if !self.flags.contains(Flags::LEAVING) {
            // Who is owed more than can be counted yet leaves when it has everything.
            let pending = if self.subscription.is_catching_up() { u64::MAX } else { self.subscription.lag() };
            self.leave_at = self.subscription.bytes_read().saturating_add(pending);
            self.flags.insert(Flags::LEAVING);
        }
    }

    pub(crate) fn active_at(&self) -> u64 {
        self.active_at
    }

    /// Whether the reader is still owed what it had missed when it came back.
    pub(crate) fn is_catching_up(&self) -> bool {
        self.subscription.is_catching_up()
    }

    /// Whether it was catching up by its flag, and is no longer.
    #[must_use]
    pub(crate) fn has_caught_up(&mut self) -> bool {
        let has_caught_up = self.flags.contains(Flags::CATCHING_UP) && !self.is_catching_up();
        if has_caught_up {
            self.flags.remove(Flags::CATCHING_UP);
        }
        has_caught_up
    }

    #[cfg(test)]
    pub(crate) fn is_within_a_chunk(&self) -> bool {
        self.framing.is_open()
    }

    /// Bytes that wait to be sent.
    pub(crate) fn lag(&self) -> u64 {
        self.subscription.lag()
    }

    pub(crate) fn view(&self) -> StreamView<'_, S> {
        StreamView {
            session: &self.session,
            events_sent: self.subscription.events_read(),
            bytes_sent: self.subscription.bytes_read(),
            lag: self.subscription.lag(),
        }
    }

    /// The end of the stream: what the service gets back, and is told.
    pub(crate) fn end(self, reason: EndReason) -> (S, StreamEnd) {
        let (events_sent, bytes_sent) = (self.subscription.events_read(), self.subscription.bytes_read());
        (self.session, StreamEnd { reason, events_sent, bytes_sent })
    }
}

/// Clients that vanish are no failure of the socket.
fn end_of(error: &io::Error) -> EndReason {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => EndReason::ClientClosed,
        // The kernel has given it up: it took nothing any more.
        ErrorKind::TimedOut => EndReason::Stalled,
        kind => EndReason::Failed(kind),
    }
}

#[cfg(test)]
mod tests;
