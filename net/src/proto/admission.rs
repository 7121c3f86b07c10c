//! What is taken of a body, said before it is.

/// What a service takes of a request's body, decided at the end of the request's head: before a byte of the body is kept,
/// and before the client is told to send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// The body, if it has no more bytes than this, nor than [`Limits::body_bytes`](super::Limits::body_bytes) allows. A
    /// larger one is refused ([`RequestError::BodyTooLarge`](super::RequestError::BodyTooLarge)).
    Body {
        /// Bytes, after the transfer coding is undone.
        most_bytes: usize,
    },
    /// Nothing. The request is put to the service at once, with an empty body, and its answer is the connection's last:
    /// where the next request would begin is only known to one who reads the body.
    Nothing,
}
