//! An event's bytes as they go on the wire, made once and shared by all readers.
//!
//! ```text
//!   ("new-dog", "Corgi\nfrom Wales")       event:new-dog\n
//!                                          data:Corgi\n
//!                                          data:from Wales\n
//!                                          \n
//! ```
//!
//! Where events have ids, a frame ends with `id:18f3c2a9-42\n` and the blank line. All that is written of this syntax
//! is written here: frames of events, notices, and the block of an id alone.
//!
//! The format is the event stream of WHATWG HTML §9.2.5. A parser drops one space after the colon (§9.2.6), so a
//! line that begins with a space is written with one more: what a client gets is what was published, with every line
//! end as LF.

use std::fmt;

use memchr::memchr2;
use smallvec::SmallVec;

use crate::events::event_id::EventId;

/// An event on the wire. A frame that exists parses back to the event it was made of, up to line ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(Box<[u8]>);

impl Frame {
    /// Most bytes of data in one event: 64 MiB.
    pub const MAX_DATA_BYTES: usize = 64 << 20;

    /// Frames an event. Data is split into lines at CRLF, CR and LF; the empty name is none.
    pub fn encode(name: Option<&str>, data: &[u8]) -> Result<Self, FrameError> {
        let name = name.filter(|name| !name.is_empty());
        if let Some(name) = name {
            check_name(name)?;
        }
        if data.len() > Self::MAX_DATA_BYTES {
            return Err(FrameError::DataTooLong { limit: Self::MAX_DATA_BYTES });
        }
        if let Err(error) = std::str::from_utf8(data) {
            return Err(FrameError::DataNotUtf8 { valid_up_to: error.valid_up_to() });
        }
        let named = name.map_or(0, |name| "event:".len() + 1 + name.len() + 1);
        let mut bytes = Vec::with_capacity(named + "data:".len() + data.len() + 2);
        if let Some(name) = name {
            field(&mut bytes, b"event:", name.as_bytes());
        }
        lines(data, |line| field(&mut bytes, b"data:", line));
        bytes.push(b'\n');
        Ok(Self(bytes.into_boxed_slice()))
    }

    /// The bytes to write.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same without the blank line, for more fields to follow.
    #[must_use]
    pub fn fields(&self) -> &[u8] {
        &self.0[..self.0.len() - 1]
    }
}

/// The block of an id alone: its client remembers that, and dispatches nothing.
pub(crate) fn id_block(id: EventId) -> String {
    id_line(id) + "\n"
}

/// A frame that the server itself writes. Name and data are of one line, and begin with no space.
pub(crate) fn notice(name: &str, data: &str, id: Option<EventId>) -> String {
    format!("event:{name}\ndata:{data}\n") + &id.map(id_line).unwrap_or_default() + "\n"
}

/// The field that tells a client where it is.
pub(crate) fn id_line(id: EventId) -> String {
    format!("id:{id}\n")
}

/// What ends the frame of one event after another where events have ids: the `id:` line and the blank line. Last, since
/// some clients take an id before its block has ended, and would come back one event too far if the line broke within
/// it.
#[derive(Clone)]
pub(crate) struct IdEnd {
    bytes: SmallVec<[u8; 64]>,
    /// Bytes before the sequence.
    prefix: usize,
}

impl IdEnd {
    pub(crate) fn new(epoch: u64) -> Self {
        let id = EventId { epoch, sequence: 0 };
        let bytes = SmallVec::from_slice(id_line(id).trim_end_matches("0\n").as_bytes());
        Self { prefix: bytes.len(), bytes }
    }

    /// The end of the frame with this sequence.
    pub(crate) fn of(&mut self, sequence: u64) -> &[u8] {
        self.bytes.truncate(self.prefix);
        self.bytes.extend_from_slice(itoa::Buffer::new().format(sequence).as_bytes());
        self.bytes.extend_from_slice(b"\n\n");
        &self.bytes
    }
}

/// The name of the event that tells a gap.
pub(crate) const GAP: &str = "gap";

/// The names under which the server itself speaks to a reader: events are missing; the reader's access has ended.
const RESERVED_NAMES: [&str; 2] = [GAP, "auth-expired"];

fn check_name(name: &str) -> Result<(), FrameError> {
    if name.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0')) {
        return Err(FrameError::NameHasControl);
    }
    match RESERVED_NAMES.iter().find(|reserved| **reserved == name) {
        Some(name) => Err(FrameError::NameReserved { name }),
        None => Ok(()),
    }
}

#[inline]
fn field(bytes: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    bytes.extend_from_slice(name);
    if value.first() == Some(&b' ') {
        bytes.push(b' ');
    }
    bytes.extend_from_slice(value);
    bytes.push(b'\n');
}

/// Calls `each` for every line of `data`; empty data is one empty line.
fn lines(data: &[u8], mut each: impl FnMut(&[u8])) {
    let mut rest = data;
    while let Some(end) = memchr2(b'\r', b'\n', rest) {
        each(&rest[..end]);
        let crlf = rest[end..].starts_with(b"\r\n");
        rest = &rest[end + 1 + usize::from(crlf)..];
    }
    each(rest);
}

/// Why an event can't be framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The name has a CR, LF or NUL.
    NameHasControl,
    /// Only the server itself may send events of this name.
    NameReserved {
        /// The name.
        name: &'static str,
    },
    /// The data is not UTF-8, the only encoding of an event stream.
    DataNotUtf8 {
        /// Bytes before the first that is wrong.
        valid_up_to: usize,
    },
    /// The data has more than `limit` bytes.
    DataTooLong {
        /// Most bytes allowed.
        limit: usize,
    },
    /// The event takes more bytes on the wire than its hub allows.
    FrameTooLong {
        /// Bytes that it would take. Each line of data takes six more than its text.
        bytes: usize,
        /// Most bytes allowed.
        limit: usize,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameHasControl => f.write_str("an event name has no CR, LF or NUL"),
            Self::NameReserved { name } => {
                write!(f, "the event name '{name}' is reserved for the server's own notices")
            }
            Self::DataNotUtf8 { valid_up_to } => {
                write!(f, "an event's data is UTF-8, but byte {valid_up_to} begins something else")
            }
            Self::DataTooLong { limit } => write!(f, "an event's data has at most {limit} bytes"),
            Self::FrameTooLong { bytes, limit } => {
                write!(f, "an event takes at most {limit} bytes on the wire, and this one would take {bytes}")
            }
        }
    }
}

impl std::error::Error for FrameError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(name: Option<&str>, data: &str) -> String {
        String::from_utf8(Frame::encode(name, data.as_bytes()).unwrap().as_bytes().into()).unwrap()
    }

    #[test]
    fn the_documented_bytes() {
        assert_eq!(encoded(Some("new-dog"), "Corgi"), "event:new-dog\ndata:Corgi\n\n");
        assert_eq!(encoded(None, "Corgi"), "data:Corgi\n\n");
        assert_eq!(encoded(Some(""), "Corgi"), "data:Corgi\n\n");
        assert_eq!(Frame::encode(None, b"Corgi").unwrap().fields(), b"data:Corgi\n");
    }

    #[test]
    fn the_documented_bytes_of_ids() {
        let id = |sequence| EventId { epoch: 0x18f3_c2a9, sequence };
        let mut end = IdEnd::new(id(0).epoch);
        assert_eq!(end.of(7), b"id:18f3c2a9-7\n\n");
        assert_eq!(end.of(42), b"id:18f3c2a9-42\n\n");
        assert_eq!(id_block(id(42)), "id:18f3c2a9-42\n\n");
        assert_eq!(IdEnd::new(0).of(1), b"id:0-1\n\n");
    }

    #[test]
    fn every_line_end_splits_and_none_is_lost() {
        assert_eq!(encoded(None, ""), "data:\n\n");
        assert_eq!(encoded(None, "a\nb\rc\r\nd"), "data:a\ndata:b\ndata:c\ndata:d\n\n");
        assert_eq!(encoded(None, "\n\r"), "data:\ndata:\ndata:\n\n");
        assert_eq!(encoded(None, "a\r\n"), "data:a\ndata:\n\n");
    }

    #[test]
    fn a_leading_space_survives_the_parser() {
        assert_eq!(encoded(Some(" x"), " a\n  b\nc"), "event:  x\ndata:  a\ndata:   b\ndata:c\n\n");
    }

    #[test]
    fn what_would_be_altered_is_refused() {
        for name in ["a\nb", "a\rb", "a\0b"] {
            assert_eq!(Frame::encode(Some(name), b""), Err(FrameError::NameHasControl));
        }
        for name in RESERVED_NAMES {
            assert_eq!(Frame::encode(Some(name), b""), Err(FrameError::NameReserved { name }));
        }
        assert_eq!(Frame::encode(None, b"ab\xff"), Err(FrameError::DataNotUtf8 { valid_up_to: 2 }));
    }
}
