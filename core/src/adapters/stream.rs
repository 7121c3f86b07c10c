//! A subscription as a `futures_core::Stream`, for asynchronous servers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use crate::channels::segment::Segment;
use crate::reading::ready::Ready;
use crate::reading::subscription::Subscription;

/// Yields all that is ready as one piece that shares the block's own bytes: nothing is copied but what is replayed. It
/// ends when the hub is [closed](crate::Hub::close), and when the reader has lagged too far and is to end then
/// ([`Subscription::limit_lag`]).
///
/// A `Bytes` keeps its one block alive. What is published after it is not kept for its sake beyond the hub's budget:
/// [`HubConfig::backlog_bytes`](crate::HubConfig::backlog_bytes) without history.
impl Stream for Subscription {
    type Item = Bytes;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = self.get_mut();
        // Asked again below, a reader may have come from the history to the logs, where it waits.
        if matches!(this.ready(), Ready::Again | Ready::Wait) {
            this.set_waker(cx.waker());
        }
        let length = match this.ready() {
            Ready::Bytes(chunk) => chunk.pieces[0].len(),
            Ready::Again => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Ready::Wait => return Poll::Pending,
            Ready::Ended => return Poll::Ready(None),
        };
        let place = this.place().expect("what is ready is in a block");
        let piece = Piece { block: place.block().clone(), start: place.at(), length };
        this.advance(length);
        Poll::Ready(Some(Bytes::from_owner(piece)))
    }
}

/// Committed bytes of a block, which lives as long as they do.
struct Piece {
    block: Arc<Segment>,
    start: usize,
    length: usize,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.block.view().bytes_from(self.start)[..self.length]
    }
}
