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
            self.body = body;
        }
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
