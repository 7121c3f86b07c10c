//! What a publisher hands in.

use std::fmt;

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
    pub(crate) fn prepare(&self, limits: &Limits, max_frame_bytes: usize) -> Result<PreparedEvent, EventError> {
        let namespace = Namespace::parse_within(self.namespace, limits)?;
        let frame = Frame::encode(self.name, self.data)?;
        let bytes = frame.as_bytes().len();
        if bytes > max_frame_bytes {
            return Err(FrameError::FrameTooLong { bytes, limit: max_frame_bytes }.into());
        }
        Ok(PreparedEvent { namespace, frame })
    }
}

/// An event that is checked and encoded: nothing but a [closed](crate::Hub::close) hub refuses it any more.
///
/// Prepare a batch, then publish it: all or nothing, unless the hub is closed meanwhile.
#[derive(Clone, Debug)]
pub struct PreparedEvent {
    pub(crate) namespace: Namespace,
    pub(crate) frame: Frame,
}

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
}
