//! One connection: an HTTP exchange, until perhaps it becomes a stream.
//!
//! What a flush touches lies together: socket, flags, time, subscription. An exchange lies behind a box, which is
//! dropped when the stream opens; a stream lies in the slab whole, for a box of its own costs more than the larger
//! entry (366 resident bytes instead of 482 at 15,000 idle streams). Neither keeps a buffer.

use std::io::{self, ErrorKind};
use std::ops::BitOr;

use sse_core::Subscription;

use crate::proto::{Http1, SizeLine, StreamFraming};
use crate::service::Peer;
use crate::shared_chunk::SharedChunk;
use crate::socket::{Socket, read, write};
use crate::stream::{EndReason, StreamEnd, StreamView};
use crate::topic::Places;

/// Bytes a stream is given in one pass: enough that a call's fixed cost vanishes, and so little that a thousand
/// connections far behind still take turns within milliseconds. A little less than what one segment of TCP carries over
/// loopback, 65,483 bytes, and one offloaded to a network card: 64 KiB would leave a second packet of some bytes, and
/// packets are what costs (a quarter of the throughput, docs/PERFORMANCE.md).
pub(crate) const FLUSH_BYTES: usize = 63 << 10;

/// Writes to a stream in one pass. One, as a rule; more where several logs are read in turns.
const FLUSH_WRITES: usize = 16;

/// Reads of what a client says on an open stream, per pass. There should be nothing: it is read to notice the end.
const DISCARD_READS: usize = 4;

/// A comment that keeps proxies and clients from thinking the stream dead (WHATWG HTML §9.2.7). No blank line after it:
/// many clients make an event of that.
const KEEPALIVE: &[u8] = b":keepalive\n";

/// A slab entry.
pub(crate) struct Connection<S> {
    pub(crate) socket: Socket,
    /// An exchange has none but [`Flags::ATTENTIVE`], which stands when it becomes a stream.
    pub(crate) flags: Flags,
    /// The tick of the last byte accepted by the kernel, or of becoming blocked: what keepalives and stalls count
    /// from.
    pub(crate) active_at: u64,
    /// Never used twice on a worker.
    pub(crate) serial: u64,
    pub(crate) role: Role<S>,
}

/// What a connection is.
pub(crate) enum Role<S> {
    Exchange(Box<Exchange>),
    Stream { subscription: Subscription, stream: Stream<S> },
}

/// Requests and answers.
pub(crate) struct Exchange {
    pub(crate) http: Http1,
    pub(crate) peer: Peer,
    /// The number of the request that awaits its answer.
    pub(crate) request: Option<u64>,
    /// The socket may have something to read: edges don't repeat, so this stands until a read has found it empty.
    pub(crate) readable: bool,
    /// The end of what the peer sends is in sight: reading on must find it.
    pub(crate) ending: bool,
    /// The peer is gone, not only done with sending: nothing reaches it any more.
    pub(crate) broken: bool,
    /// When the deadline timer armed last fires.
    pub(crate) armed_for: u64,
}

/// The cold side of a stream.
pub(crate) struct Stream<S> {
    pub(crate) session: S,
    /// Its places, one in the topic of each of its patterns.
    pub(crate) places: Places,
    /// What must be sent before any frame, in its framing: the rest of the head and the opening, of a comment, or of what
    /// stands between the data of two chunks.
    pub(crate) owed: Vec<u8>,
    /// Where the body stands, once what is owed is sent.
    pub(crate) framing: StreamFraming,
    /// The stream ends when its cursor gets here.
    pub(crate) leave_at: u64,
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

impl<S> Connection<S> {
    /// Sends what the subscription has, one turn of so many bytes. `shared`: the chunk that was sent before this.
    pub(crate) fn flush(&mut self, tick: u64, max_lag: u64, turn: usize, shared: &mut SharedChunk) -> Flush {
        let Role::Stream { subscription, stream } = &mut self.role else { return Flush::Done };
        if !self.flags.is_plain()
            && let Some(outcome) = flush_specially(&mut self.socket, &mut self.flags, subscription, stream, max_lag)
        {
            return outcome;
        }
        let mut budget = turn;
        let mut writes = 0;
        // Ends: each round takes from the budget, or returns.
        let outcome = loop {
            // A slice of the history is a turn; so are many pieces.
            if writes == FLUSH_WRITES || (writes > 0 && subscription.is_replaying()) {
                break Flush::More;
            }
            shared.meet(subscription);
            let [first, second] = subscription.chunks();
            let most = budget.min(FLUSH_BYTES);
            let first = &first[..first.len().min(most)];
            let second = &second[..second.len().min(most - first.len())];
            let length = first.len() + second.len();
            if length == 0 {
                break match budget == 0 || subscription.is_replaying() {
                    true => Flush::More,
                    false if stream.framing.is_open() => {
                        fill_chunk(&mut self.socket, &mut self.flags, subscription, stream)
                    }
                    false => Flush::Done,
                };
            }
            let mut line = SizeLine::default();
            let wrapped = stream.framing.wrap([first, second], &mut line);
            match shared.write(&mut self.socket, &wrapped) {
                Ok(bytes) => {
                    let is_short = bytes < wrapped.bytes();
                    let sent = stream.framing.settle(&wrapped, bytes);
                    if !sent.rest.is_empty() {
                        stream.owed.extend_from_slice(sent.rest);
                        self.flags.insert(Flags::OWING);
                    }
                    let data = sent.data;
                    subscription.advance(data);
                    self.active_at = tick;
                    budget -= data;
                    writes += 1;
                    // A short write has found the socket full: an edge will come (epoll(7), question 9).
                    if is_short {
                        break Flush::Blocked;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.active_at = tick;
                    break Flush::Blocked;
                }
                Err(error) => return Flush::End(end_of(&error)),
            }
        };
        if outcome == Flush::Blocked {
            self.flags.insert(Flags::BLOCKED);
        }
        if subscription.is_replaying() {
            // A crowd that replays must not hold a slice each until its next turn.
            subscription.park();
        }
        if self.flags.contains(Flags::LEAVING) && may_leave(subscription, stream, outcome) {
            return Flush::End(EndReason::Drained);
        }
        outcome
    }

    /// Sends a comment if nothing else is there to be sent. `tick`: when it was due.
    pub(crate) fn keep_alive(&mut self, tick: u64) -> Flush {
        let Role::Stream { subscription, stream } = &mut self.role else { return Flush::Done };
        if !self.flags.is_plain() || !subscription.chunk().is_empty() || !subscription.at_frame_boundary() {
            return Flush::Done;
        }
        stream.framing.encode(KEEPALIVE, &mut stream.owed);
        // As if sent when due, however late we are: the next one is counted from there.
        self.active_at = tick;
        let outcome = send_owed(&mut self.socket, &mut self.flags, &mut stream.owed);
        outcome.unwrap_or(Flush::Done)
    }

    /// Sends the head of a stream just opened. [`Flush::More`]: there are frames for it already.
    pub(crate) fn send_head(&mut self) -> Flush {
        let Role::Stream { subscription, stream } = &mut self.role else { return Flush::Done };
        let outcome = send_owed(&mut self.socket, &mut self.flags, &mut stream.owed);
        let has_more = subscription.is_replaying() || !subscription.chunk().is_empty();
        outcome.unwrap_or(if has_more { Flush::More } else { Flush::Done })
    }

    /// Sends a last line, if there is one, and the end of the body, if that can be done at once: the stream is about to
    /// end.
    pub(crate) fn send_last(&mut self, line: &[u8]) {
        if let Role::Stream { subscription, stream } = &mut self.role
            && self.flags.is_plain()
            && subscription.at_frame_boundary()
        {
            let mut last = Vec::new();
            stream.framing.finish(line, &mut last);
            // Without an answer: the client knows without it when to come back, if only with all the others.
            let _ = write(&mut self.socket, &last);
        }
    }

    /// Reads past what the client says on an open stream. [`Flush::More`]: there may be more.
    pub(crate) fn discard_input(&mut self, scratch: &mut [u8]) -> Flush {
        for _ in 0..DISCARD_READS {
            match read(&mut self.socket, scratch) {
                Ok(0) => return Flush::End(EndReason::ClientClosed),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Flush::Done,
                Err(error) => return Flush::End(end_of(&error)),
            }
        }
        Flush::More
    }

    /// The stream ends once what is pending now is sent.
    pub(crate) fn start_leaving(&mut self) {
        let Role::Stream { subscription, stream } = &mut self.role else { return };
        if !self.flags.contains(Flags::LEAVING) {
            // Who is owed more than can be counted yet leaves when it has everything.
            let pending = if subscription.is_catching_up() { u64::MAX } else { subscription.lag() };
            stream.leave_at = subscription.bytes_read().saturating_add(pending);
            self.flags.insert(Flags::LEAVING);
        }
    }

    /// Whether a stream's reader is still owed what it had missed when it came back.
    pub(crate) fn is_catching_up(&self) -> bool {
        matches!(&self.role, Role::Stream { subscription, .. } if subscription.is_catching_up())
    }

    /// Bytes that wait to be sent; none for an exchange.
    pub(crate) fn lag(&self) -> u64 {
        match &self.role {
            Role::Stream { subscription, .. } => subscription.lag(),
            Role::Exchange(_) => 0,
        }
    }

    /// What changes whenever the socket takes something of a stream; none for an exchange.
    pub(crate) fn sent(&self) -> Option<(u64, usize, StreamFraming)> {
        match &self.role {
            Role::Stream { subscription, stream } => {
                Some((subscription.bytes_read(), stream.owed.len(), stream.framing))
            }
            Role::Exchange(_) => None,
        }
    }

    pub(crate) fn view(&self) -> Option<StreamView<'_, S>> {
        let Role::Stream { subscription, stream } = &self.role else { return None };
        Some(StreamView {
            session: &stream.session,
            events_sent: subscription.events_read(),
            bytes_sent: subscription.bytes_read(),
            lag: subscription.lag(),
        })
    }
}

/// The end of a stream, as its service is told.
pub(crate) fn end_of_stream(subscription: &Subscription, reason: EndReason) -> StreamEnd {
    StreamEnd { reason, events_sent: subscription.events_read(), bytes_sent: subscription.bytes_read() }
}

/// The first part of a flush for a connection with any flag up. `None`: go on with its frames.
#[cold]
fn flush_specially<S>(
    socket: &mut Socket,
    flags: &mut Flags,
    subscription: &mut Subscription,
    stream: &mut Stream<S>,
    max_lag: u64,
) -> Option<Flush> {
    if flags.contains(Flags::BLOCKED) {
        return Some(fall_behind(*flags, subscription, max_lag));
    }
    if flags.contains(Flags::QUEUED) {
        // Its turn comes from the backlog. If that takes long, what it has yet to read must not pile up.
        if !subscription.is_replaying() && subscription.lag() > max_lag {
            subscription.park();
        }
        return Some(Flush::Done);
    }
    send_owed(socket, flags, &mut stream.owed)
}

/// There is something new for a reader whose socket is full.
fn fall_behind(flags: Flags, subscription: &mut Subscription, max_lag: u64) -> Flush {
    let outcome = match subscription.lag() > max_lag {
        false => Flush::Done,
        true if flags.contains(Flags::SKIPPING) => {
            subscription.skip();
            Flush::Skipped
        }
        true => return Flush::End(EndReason::Lagged),
    };
    if !subscription.is_replaying() {
        subscription.park();
    }
    outcome
}

/// Sends what comes before frames. `None`: nothing is owed any more.
fn send_owed(socket: &mut Socket, flags: &mut Flags, owed: &mut Vec<u8>) -> Option<Flush> {
    if owed.is_empty() {
        return None;
    }
    match write(socket, owed) {
        Ok(sent) if sent == owed.len() => {
            *owed = Vec::new();
            flags.remove(Flags::OWING);
            None
        }
        Ok(sent) => {
            owed.drain(..sent);
            flags.insert(Flags::OWING | Flags::BLOCKED);
            Some(Flush::Blocked)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            flags.insert(Flags::OWING | Flags::BLOCKED);
            Some(Flush::Blocked)
        }
        Err(error) => Some(Flush::End(end_of(&error))),
    }
}

/// Fills a chunk that is still open when there is no more to send: what it was begun for has been skipped, and some clients
/// hand out a chunk only when it is whole.
#[cold]
fn fill_chunk<S>(socket: &mut Socket, flags: &mut Flags, subscription: &Subscription, stream: &mut Stream<S>) -> Flush {
    if !subscription.at_frame_boundary() {
        return Flush::Done; // The rest of the frame is to come.
    }
    stream.framing.fill(&mut stream.owed);
    send_owed(socket, flags, &mut stream.owed).unwrap_or(Flush::Done)
}

/// Whether all that was pending when the stream was told to leave is sent, and the last frame is whole.
fn may_leave<S>(subscription: &Subscription, stream: &Stream<S>, outcome: Flush) -> bool {
    let reached = outcome == Flush::Done || subscription.bytes_read() >= stream.leave_at;
    reached && stream.owed.is_empty() && subscription.at_frame_boundary()
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

/// Where a connection stands, as far as its socket and the worker's lists go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

impl Flags {
    /// The socket is full; an edge will say when it no longer is.
    pub(crate) const BLOCKED: Flags = Flags(1);
    /// In the worker's backlog.
    pub(crate) const QUEUED: Flags = Flags(1 << 1);
    /// Something is owed before the next frame.
    pub(crate) const OWING: Flags = Flags(1 << 2);
    /// The stream ends as soon as its cursor is far enough.
    pub(crate) const LEAVING: Flags = Flags(1 << 3);
    /// A stall timer is armed.
    pub(crate) const WATCHED: Flags = Flags(1 << 4);
    /// On the worker's attention list: it has no turn before that one.
    pub(crate) const ATTENTIVE: Flags = Flags(1 << 5);
    /// The reader jumps to the present when it is too far behind.
    pub(crate) const SKIPPING: Flags = Flags(1 << 6);

    /// Whether frames may be sent without further ado.
    pub(crate) fn is_plain(self) -> bool {
        self.0 & (Flags::BLOCKED.0 | Flags::QUEUED.0 | Flags::OWING.0) == 0
    }

    pub(crate) fn contains(self, flags: Flags) -> bool {
        self.0 & flags.0 == flags.0
    }

    pub(crate) fn insert(&mut self, flags: Flags) {
        self.0 |= flags.0;
    }

    pub(crate) fn remove(&mut self, flags: Flags) {
        self.0 &= !flags.0;
    }
}

impl BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle stream is its slab entry, a timer and a place in its topic.
    #[test]
    fn an_idle_stream_is_small() {
        let entry = size_of::<Connection<()>>();
        let stream = size_of::<Stream<()>>();
        assert!(entry <= 208 && stream <= 56, "{entry} + {stream} bytes");
    }

    #[test]
    fn flags() {
        let mut flags = Flags::default();
        flags.insert(Flags::LEAVING | Flags::WATCHED);
        assert!(flags.is_plain() && flags.contains(Flags::LEAVING));
        flags.insert(Flags::OWING);
        assert!(!flags.is_plain() && !flags.contains(Flags::OWING | Flags::BLOCKED));
        flags.remove(Flags::OWING | Flags::LEAVING);
        assert!(flags.is_plain() && !flags.contains(Flags::LEAVING));
    }
}
