//! An event's place in the one order, as clients know it.

use std::fmt;
use std::str::FromStr;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_has_one_spelling() {
        let id = EventId { epoch: 0x18f3_c2a9, sequence: 42 };
        assert_eq!(id.to_string(), "18f3c2a9-42");
        assert_eq!("18f3c2a9-42".parse(), Ok(id));
        for text in ["", "-", "18f3c2a9", "18F3C2A9-42", "018-1", "18-+1", "18-01", "18-1 ", "x-1", "-1-1"] {
            assert_eq!(text.parse::<EventId>(), Err(EventIdError), "{text:?}");
        }
    }
}
