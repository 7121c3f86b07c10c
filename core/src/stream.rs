//! A subscription as a `futures_core::Stream`, for asynchronous servers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use crate::log::Cursor;
use crate::segment::Segment;
use crate::subscription::Subscription;

/// Yields all that is ready as one piece that shares the log's own bytes: nothing is copied but what is replayed. It
/// ends when the hub is [closed](crate::Hub::close).
///
/// A consumer that does not poll falls behind; [`Subscription::lag`] tells how far, and what to do about it is the
/// consumer's to say.
impl Stream for Subscription {
    type Item = Bytes;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = self.get_mut();
        if this.chunk().is_empty() {
            this.set_waker(cx.waker());
            if this.chunk().is_empty() {
                if this.is_replaying() {
                    cx.waker().wake_by_ref();
                } else if this.has_ended() {
                    return Poll::Ready(None);
                }
                return Poll::Pending;
            }
        }
        let chunk = this.chunk();
        let length = chunk.len();
        let bytes = match this.cursor().map(Cursor::place) {
            Some((segment, start)) => Bytes::from_owner(Piece { segment: segment.clone(), start, length }),
            None => Bytes::copy_from_slice(this.chunk()),
        };
        this.advance(length);
        Poll::Ready(Some(bytes))
    }
}

/// Committed bytes of a segment, which lives as long as they do.
struct Piece {
    segment: Arc<Segment>,
    start: usize,
    length: usize,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.segment.view().bytes_from(self.start)[..self.length]
    }
}
