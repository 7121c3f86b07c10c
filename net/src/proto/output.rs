//! Bytes on their way out.

use bytes::{Buf, Bytes};

/// Bodies up to this size are put behind their head, to go out in one call. Copying so much costs less than a call.
pub(super) const SMALL_BODY_BYTES: usize = 16 << 10;

/// Bytes to send: heads and small bodies, then perhaps one large body.
#[derive(Debug, Default)]
pub(super) struct Output {
    front: Vec<u8>,
    written: usize,
    body: Bytes,
    /// Bytes of the body that nobody else has.
    own: usize,
}

impl Output {
    pub(super) fn is_empty(&self) -> bool {
        self.front().is_empty()
    }

    /// The next bytes to send.
    pub(super) fn front(&self) -> &[u8] {
        if self.written < self.front.len() { &self.front[self.written..] } else { &self.body }
    }

    /// Adds a head or an interim answer, and the body behind it.
    pub(super) fn push(&mut self, head: Vec<u8>, body: Bytes) {
        debug_assert!(self.body.is_empty(), "one answer at a time");
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
    pub(super) fn advance(&mut self, bytes: usize) {
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
    }

    /// What is not sent yet, there being no large body.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.front.drain(..self.written);
        self.front
    }
}

/// Bytes of a body that nobody else has: a page or a snapshot that others have too was not made for this peer.
pub(crate) fn own_bytes(body: &Bytes) -> usize {
    if body.is_unique() { body.len() } else { 0 }
}
