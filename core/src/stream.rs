//! A subscription as a `futures_core::Stream`, for asynchronous servers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use crate::segment::Segment;
use crate::subscription::Subscription;

/// Yields all that is ready as one piece that shares the log's own bytes: nothing is copied. It never ends.
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
                return Poll::Pending;
            }
        }
        let length = this.chunk().len();
        let (segment, start) = this.cursor().place();
        let piece = Piece { segment: segment.clone(), start, length };
        this.advance(length);
        Poll::Ready(Some(Bytes::from_owner(piece)))
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
