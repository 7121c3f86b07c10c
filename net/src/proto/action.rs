//! What an HTTP/1 connection asks of who drives it.

use bytes::Bytes;
use http::Request;

use super::head::Head;
use super::request_error::RequestError;

/// What is to be done next. Output comes first: while there is any, it is [`Action::Write`].
#[derive(Debug)]
#[must_use]
pub enum Action {
    /// Send what [`Http1::poll_output`](super::Http1::poll_output) gives.
    Write,
    /// Give it more of the peer's bytes.
    Read,
    /// A body follows this head: say by [`Http1::handle_admission`](super::Http1::handle_admission) what is taken of it.
    Admit(Head),
    /// Answer this request, now or later.
    Answer(Request<Bytes>),
    /// Answer this error.
    Refuse(RequestError),
    /// The answer is owed: nothing to do until it comes.
    Wait,
    /// Close the sending side of the socket, then go on.
    Finish,
    /// Close the socket.
    Close,
}
