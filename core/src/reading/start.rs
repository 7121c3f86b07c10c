//! How a subscription begins: now, or where its reader broke off.

use std::fmt;

use crate::delivery::engine::Engine;
use crate::events::event_id::EventId;
use crate::events::gap::GapReason;

/// How a subscription has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// With what is published from now on. Nothing else was asked for, or there is no history.
    Live,
    /// With the first event after the last one that the reader had.
    Exact,
    /// With a gap, which its first frame tells.
    Gap(GapReason),
}

impl Start {
    /// How a subscription begins that is to go on after `last_event_id`, and the sequence after which it begins.
    /// `position` is the last sequence announced.
    pub(crate) fn after(last_event_id: Option<&str>, engine: &Engine, position: u64) -> (Self, u64) {
        let (Some(journal), Some(text)) = (&engine.journal, last_event_id) else {
            return (Self::Live, position);
        };
        let oldest = journal.after();
        match text.parse::<EventId>() {
            Ok(id) if id.epoch != engine.epoch() => (Self::Gap(GapReason::Restarted), oldest),
            // Publishers know their ids before anyone else can.
            Ok(id) if id.sequence > engine.sequencer.queued() => (Self::Gap(GapReason::Unknown), position),
            Ok(id) if id.sequence < oldest => (Self::Gap(GapReason::Evicted), oldest),
            Ok(id) => (Self::Exact, id.sequence),
            Err(_) => (Self::Gap(GapReason::Unknown), position),
        }
    }

    /// `live`, `exact` or `gap`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Exact => "exact",
            Self::Gap(_) => "gap",
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
