//! HTTP/1.1 as a state machine without I/O.
//!
//! # The law
//! No mio, no socket, no clock in this module, and no thread: time is an argument. Bytes and time go in by
//! `handle_*`, what is to be done comes out by `poll_*`. What a peer sends never panics. A test holds the module's
//! source to it.
//!
//! ```text
//!             handle_bytes  handle_end  handle_timeout          poll_action       poll_timeout
//!   socket ─────────────────────────────────────────▶ Http1 ─────────────────▶ service
//!   socket ◀───────────────────────────────────────── Http1 ◀───────────────── service
//!             poll_output / handle_written                      handle_admission  handle_response  handle_stream
//! ```
//!
//! [`parse_head`] and [`BodyDecoder`] can be used by themselves, as the fuzz targets do.

mod action;
mod admission;
mod answer_form;
mod body;
mod chunk_extension;
mod field;
mod framing;
mod head;
mod host;
mod http1;
mod input;
mod output;
mod pace;
mod partial_request;
mod request_error;
mod request_line;
mod response;
mod scanner;
mod stream_framing;
mod target;
mod timeouts;

pub use action::Action;
pub use admission::Admission;
pub use body::{BodyDecoder, BodyProgress};
pub use framing::Framing;
pub use head::{Head, parse_head};
pub use http1::Http1;
pub(crate) use output::own_bytes;
pub use request_error::RequestError;
pub use response::DateLine;
pub use scanner::HeadScanner;
pub use stream_framing::{Sent, SizeLine, StreamFraming, Wrapped};
pub use timeouts::Timeouts;

/// What a request may measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head, its blank line included. Default 16 KiB.
    pub head_bytes: usize,
    /// Header fields of a head, at most [`Limits::MOST_HEADERS`]. Default 100.
    pub headers: usize,
    /// Bytes of a body, after its transfer coding is undone. Default 1 MiB.
    pub body_bytes: usize,
}

impl Limits {
    /// No head is parsed with more header fields than this, whatever [`Limits::headers`] says: the parser's table
    /// is on the stack.
    pub const MOST_HEADERS: usize = 256;
}

impl Default for Limits {
    fn default() -> Self {
        Limits { head_bytes: 16 << 10, headers: 100, body_bytes: 1 << 20 }
    }
}
