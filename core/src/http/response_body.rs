//! The bodies of a service's answers.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::permits::Permit;
use crate::adapters::event_stream::EventStream;

/// The body of an answer of an [`EventService`](super::EventService): a stream, or a few bytes.
#[derive(Debug)]
pub struct ResponseBody(Content);

#[derive(Debug)]
enum Content {
    /// `None`: sent, or empty.
    Whole(Option<Bytes>),
    /// The stream counts as one for as long as its body is there.
    Stream { stream: EventStream, _permit: Permit },
}

impl ResponseBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self(Content::Whole((!bytes.is_empty()).then_some(bytes)))
    }

    pub(super) fn empty() -> Self {
        Self(Content::Whole(None))
    }

    pub(super) fn stream(stream: EventStream, permit: Permit) -> Self {
        Self(Content::Stream { stream, _permit: permit })
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.get_mut().0 {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Stream { stream, .. } => Pin::new(stream).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Whole(bytes) => bytes.is_none(),
            Content::Stream { stream, .. } => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Content::Stream { stream, .. } => stream.size_hint(),
        }
    }
}

impl Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.get_mut().poll_bytes(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_ended()
    }
}
