//! How a subscription begins: now, or where its reader broke off.

use std::fmt;

use crate::delivery::engine::Engine;
use crate::events::event::EventId;
use crate::events::gap::GapReason;

/// How a subscription has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resume {
    /// With what is published from now on. Nothing else was asked for, or there is no history.
    Live,
    /// With the first event after the last one that the reader had.
    Exact,
    /// With a gap, which its first frame tells.
    Gap(GapReason),
}

impl Resume {
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

impl fmt::Display for Resume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a subscription begins that was asked to go on after `last_event_id`: how, and after which sequence. `position`
/// is the last one announced.
pub(crate) fn start(last_event_id: Option<&str>, engine: &Engine, position: u64) -> (Resume, u64) {
    let (Some(journal), Some(text)) = (&engine.journal, last_event_id) else {
        return (Resume::Live, position);
    };
    let oldest = journal.after();
    match text.parse::<EventId>() {
        Ok(id) if id.epoch != engine.epoch() => (Resume::Gap(GapReason::Restarted), oldest),
        // Publishers know their ids before anyone else can.
        Ok(id) if id.sequence > engine.sequencer.queued() => (Resume::Gap(GapReason::Unknown), position),
        Ok(id) if id.sequence < oldest => (Resume::Gap(GapReason::Evicted), oldest),
        Ok(id) => (Resume::Exact, id.sequence),
        Err(_) => (Resume::Gap(GapReason::Unknown), position),
    }
}
