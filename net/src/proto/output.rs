//! Bytes on their way out, and how the peer takes them.

use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};

use super::pace::Pace;

/// Bodies up to this size are put behind their head, to go out in one call. Copying so much costs less than a call.
pub(super) const SMALL_BODY_BYTES: usize = 16 << 10;

/// Bytes to send: heads and small bodies, then perhaps one large body.
#[derive(Debug)]
pub(super) struct Output {
    front: Vec<u8>,
    written: usize,
    body: Bytes,
    /// Bytes of the body that nobody else has.
    own: usize,
    /// How long the peer may take nothing.
    patience: Duration,
    /// How the peer has taken what came since the output was last empty.
    pace: Pace,
    /// The time is up, and the output is offered once more before it is given up: a socket calls only when a good part of
    /// its buffer is free, which an honest slow reader may take long for.
    is_last_offer: bool,
}

impl Output {
    pub(super) fn new(now: Instant, patience: Duration) -> Output {
        Output {
            front: Vec::new(),
            written: 0,
            body: Bytes::new(),
            patience,
            pace: Pace::new(now, patience),
            is_last_offer: false,
            own: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.front().is_empty()
    }

    /// The next bytes to send.
    pub(super) fn front(&self) -> &[u8] {
        if self.written < self.front.len() { &self.front[self.written..] } else { &self.body }
    }

    /// Adds a head or an interim answer, and the body behind it.
    pub(super) fn push(&mut self, now: Instant, head: Vec<u8>, body: Bytes) {
        debug_assert!(self.body.is_empty(), "one answer at a time");
        if self.is_empty() {
            self.pace = Pace::new(now, self.patience);
            self.is_last_offer = false;
        }
        if self.front.is_empty() {
            self.front = head;
        } else {
            self.front.extend_from_slice(&head);
        }
        if body.len() <= SMALL_BODY_BYTES {
            self.front.extend_from_slice(&body);
        } else {
            self.own = own_bytes(&body);
            self.body = body;
        }
    }

    /// Bytes that are kept for this peer alone. Those of a body are kept until all of it is sent.
    pub(super) fn held(&self) -> usize {
        self.front.capacity() + self.own
    }

    /// This much of the front is sent.
    pub(super) fn handle_written(&mut self, now: Instant, bytes: usize) {
        if self.written < self.front.len() {
            self.written += bytes;
        } else {
            self.body.advance(bytes);
            if self.body.is_empty() {
                // An empty rest of it would hold all of it, for as long as the connection rests.
                self.body = Bytes::new();
                self.own = 0;
            }
        }
        if self.written == self.front.len() {
            self.front = Vec::new();
            self.written = 0;
        }
        self.pace.handle_moved(now, bytes);
        self.is_last_offer &= self.pace.deadline() <= now;
    }

    /// When the peer has taken too little for too long; `None` if there is nothing to take.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        (!self.is_empty()).then(|| self.pace.deadline())
    }

    /// The time is up. Gives whether the output is to be given up: not before it was offered once more.
    #[must_use]
    pub(super) fn handle_timeout(&mut self) -> bool {
        std::mem::replace(&mut self.is_last_offer, true)
    }

    /// Takes what is not sent yet, there being no large body.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.front.drain(..self.written);
        self.written = 0;
        std::mem::take(&mut self.front)
    }

    /// Drops all of it.
    pub(super) fn clear(&mut self) {
        self.front = Vec::new();
        self.written = 0;
        self.body = Bytes::new();
        self.own = 0;
    }
}

/// Bytes of a body that nobody else has: a page or a snapshot that others have too was not made for this peer.
pub(crate) fn own_bytes(body: &Bytes) -> usize {
    if body.is_unique() { body.len() } else { 0 }
}
