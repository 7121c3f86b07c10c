//! What a publisher hands in.

use std::fmt;
use std::str::FromStr;

use smallvec::SmallVec;

use crate::events::frame::{Frame, FrameError};
use crate::names::namespace::{Limits, Namespace, NamespaceError};

/// An event as its publisher describes it: namespace, event name (optional), data.
///
/// Nothing is checked yet; [`Hub::publish`](crate::Hub::publish) does.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) data: &'a [u8],
}

impl<'a> Event<'a> {
    /// An unnamed event: browsers hand it to `onmessage`. The data is UTF-8 text of any number of lines.
    pub fn new(namespace: &'a str, data: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self { namespace, name: None, data: data.as_ref() }
    }

    /// Gives the event a name: browsers hand it to that name's listeners. The empty name is none.
    #[must_use]
    pub fn named(self, name: &'a str) -> Self {
        Self { name: (!name.is_empty()).then_some(name), ..self }
    }

    /// Checks the event and makes its frame.
    pub(crate) fn prepare(&self, limits: &Limits, max_frame_bytes: usize) -> Result<Prepared, EventError> {
        let namespace = Namespace::parse_within(self.namespace, limits)?;
        let frame = Frame::encode(self.name, self.data)?;
        let bytes = frame.as_bytes().len();
        if bytes > max_frame_bytes {
            return Err(FrameError::FrameTooLong { bytes, limit: max_frame_bytes }.into());
        }
        Ok(Prepared { namespace, frame })
    }
}

/// An event that is checked and encoded: nothing but a [closed](crate::Hub::close) hub refuses it any more.
///
/// Prepare a batch, then publish it: all or nothing, unless the hub is closed meanwhile.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(crate) namespace: Namespace,
    pub(crate) frame: Frame,
}

/// An event's place in the server's one history.
///
/// Written `epoch-sequence`: the epoch in hexadecimal, the sequence in decimal, as in `18f3c2a9-42`: at most 37 bytes,
/// all of which a CORS request may carry in `Last-Event-ID`. Ids of one epoch are ordered as their events are; epochs
/// follow no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId {
    /// Names the history, so that an id from another life is recognised instead of trusted.
    pub epoch: u64,
    /// Rises by one per event across the whole server; the first is 1.
    pub sequence: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.epoch, self.sequence)
    }
}

/// What ends the frame of one event after another where events have ids: the `id:` line and the blank line. Last, since
/// some clients take an id before its block has ended, and would come back one event too far if the line broke within it.
#[derive(Clone)]
pub(crate) struct IdEnd {
    bytes: SmallVec<[u8; 64]>,
    /// Bytes before the sequence.
    prefix: usize,
}

impl IdEnd {
    pub(crate) fn new(epoch: u64) -> Self {
        let bytes = SmallVec::from_slice(format!("id:{epoch:x}-").as_bytes());
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

impl FromStr for EventId {
    type Err = EventIdError;

    fn from_str(text: &str) -> Result<Self, EventIdError> {
        let (epoch, sequence) = text.split_once('-').ok_or(EventIdError)?;
        let id = Self {
            epoch: u64::from_str_radix(epoch, 16).map_err(|_| EventIdError)?,
            sequence: sequence.parse().map_err(|_| EventIdError)?,
        };
        // One spelling for each id: no signs, no leading zeros, no capitals.
        if id.to_string() == text { Ok(id) } else { Err(EventIdError) }
    }
}

/// The text is not an [`EventId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventIdError;

impl fmt::Display for EventIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event id is a hexadecimal epoch, '-', and a decimal sequence")
    }
}

impl std::error::Error for EventIdError {}

/// Why an event can't be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventError {
    /// Its namespace is none.
    Namespace(NamespaceError),
    /// Its name or data can't be framed.
    Frame(FrameError),
    /// The hub is [closed](crate::Hub::close).
    Closed,
}

impl From<NamespaceError> for EventError {
    fn from(error: NamespaceError) -> Self {
        Self::Namespace(error)
    }
}

impl From<FrameError> for EventError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(error) => error.fmt(f),
            Self::Frame(error) => error.fmt(f),
            Self::Closed => f.write_str("the hub is closed"),
        }
    }
}

impl std::error::Error for EventError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_is_what_counts() {
        let prepare = |data: &str| Event::new("/a", data).named("x").prepare(&Limits::default(), 24).map(drop);
        assert_eq!(prepare("123456789"), Ok(()), "event:x, data:123456789 and a blank line are 24 bytes");
        let error = |bytes| Err(FrameError::FrameTooLong { bytes, limit: 24 }.into());
        assert_eq!(prepare("1234567890"), error(25));
        assert_eq!(prepare("1\n2\n3"), error(30));
    }

    #[test]
    fn an_id_reads_back_and_has_one_spelling() {
        let id = EventId { epoch: 0x18f3_c2a9, sequence: 42 };
        assert_eq!(id.to_string(), "18f3c2a9-42");
        assert_eq!("18f3c2a9-42".parse(), Ok(id));
        let mut line = IdEnd::new(id.epoch);
        assert_eq!(line.of(7), b"id:18f3c2a9-7\n\n");
        assert_eq!(line.of(42), b"id:18f3c2a9-42\n\n");
        for text in ["", "-", "18f3c2a9", "18F3C2A9-42", "018-1", "18-+1", "18-01", "18-1 ", "x-1", "-1-1"] {
            assert_eq!(text.parse::<EventId>(), Err(EventIdError), "{text:?}");
        }
    }
}
