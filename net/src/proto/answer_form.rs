//! An answer, put into bytes as its request wants it.

use bytes::Bytes;
use http::{Method, Response, StatusCode, Version};

use super::head::{Head, has_option};
use super::response::{BodyEnd, DateLine, Ending, encode_head, has_body};
use super::stream_framing::StreamFraming;

/// What a request asks of the form of its answer. By default, what suits the refusal of one that could not be read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AnswerForm {
    /// The body is left out.
    pub(super) head_only: bool,
    /// The connection may live on.
    pub(super) keep_alive: bool,
    /// The client assumes a close unless told otherwise, and knows no chunks.
    http10: bool,
}

impl AnswerForm {
    pub(super) fn of(head: &Head) -> AnswerForm {
        AnswerForm {
            head_only: head.request.method() == Method::HEAD,
            keep_alive: head.keep_alive,
            http10: head.request.version() == Version::HTTP_10,
        }
    }

    /// Whether the connection is to be closed after this answer.
    pub(super) fn closes(self, response: &Response<Bytes>) -> bool {
        !self.keep_alive || has_option(response.headers(), b"close")
    }

    /// Head and body as they go out.
    pub(super) fn encode(self, response: Response<Bytes>, close: bool, date: &DateLine) -> (Vec<u8>, Bytes) {
        let (mut head, mut body) = response.into_parts();
        if head.status.is_informational() {
            // No final answer, and none of our making: the service is at fault.
            head.status = StatusCode::INTERNAL_SERVER_ERROR;
        }
        if !has_body(head.status) {
            body = Bytes::new();
        }
        let connection = match close {
            true => Some("close"),
            false => self.http10.then_some("keep-alive"),
        };
        let ending = Ending { body: BodyEnd::Length(body.len()), connection };
        let head = encode_head(&Response::from_parts(head, ()), ending, date);
        (head, if self.head_only { Bytes::new() } else { body })
    }

    /// The head of a stream, and how its body is framed.
    pub(super) fn encode_stream(self, response: &Response<()>, date: &DateLine) -> (Vec<u8>, StreamFraming) {
        let (framing, end) = match self.http10 {
            true => (StreamFraming::UntilClose, BodyEnd::Close),
            false => (StreamFraming::CHUNKED, BodyEnd::Chunked),
        };
        (encode_stream_head(response, end, date), framing)
    }
}

/// The head of a stream that is not to follow.
pub(super) fn encode_bare_stream_head(response: &Response<()>, date: &DateLine) -> Vec<u8> {
    encode_stream_head(response, BodyEnd::Close, date)
}

fn encode_stream_head(response: &Response<()>, body: BodyEnd, date: &DateLine) -> Vec<u8> {
    encode_head(response, Ending { body, connection: Some("close") }, date)
}
