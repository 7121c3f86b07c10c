//! A request whose head is whole, and whose body is on its way.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;

use super::Limits;
use super::body::{BodyDecoder, BodyProgress};
use super::head::Head;
use super::pace::Pace;
use super::request_error::RequestError;

/// A head, the body as far as it has come, and how it comes.
#[derive(Debug)]
pub(super) struct PartialRequest {
    request: Request<()>,
    body: BodyDecoder,
    pace: Pace,
}

impl PartialRequest {
    /// The body begins now, and may rest for as long as `patience`.
    pub(super) fn new(now: Instant, head: Head, limits: &Limits, patience: Duration) -> PartialRequest {
        let body = BodyDecoder::new(head.framing, limits);
        PartialRequest { request: head.request, body, pace: Pace::new(now, patience) }
    }

    /// Takes what belongs to the body from the front of `input`.
    pub(super) fn handle_bytes(&mut self, now: Instant, input: &[u8]) -> Result<BodyProgress, RequestError> {
        let progress = self.body.handle_bytes(input)?;
        self.pace.handle_moved(now, progress.consumed);
        Ok(progress)
    }

    /// Bytes of the body that are held.
    pub(super) fn held(&self) -> usize {
        self.body.held()
    }

    /// When the body has come too slowly.
    pub(super) fn deadline(&self) -> Instant {
        self.pace.deadline()
    }

    /// The request, once it is whole.
    pub(super) fn into_request(self) -> Request<Bytes> {
        debug_assert!(self.body.is_done(), "half a body");
        self.request.map(|()| Bytes::from(self.body.into_body()))
    }
}
