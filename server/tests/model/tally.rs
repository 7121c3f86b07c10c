//! What has happened, counted.

use std::fmt;

use crate::counter::Counter;

/// One number for each kind of thing that a run is to see.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) published: Counter,
    pub(crate) events: Counter,
    pub(crate) connections: Counter,
    pub(crate) live: Counter,
    pub(crate) exact: Counter,
    pub(crate) gap_heads: Counter,
    pub(crate) evicted_by_size: Counter,
    pub(crate) evicted_by_age: Counter,
    pub(crate) unknown: Counter,
    pub(crate) restarted: Counter,
    pub(crate) lagged: Counter,
    /// Gaps told within a stream, not at its beginning.
    pub(crate) gaps_midway: Counter,
    pub(crate) cut_off: Counter,
    pub(crate) turned_away: Counter,
    pub(crate) restarts: Counter,
}

impl Tally {
    /// The kinds that every run of half a minute must have seen, and that this one has not.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let kinds = [
            ("exact resumes", &self.exact),
            ("gaps: evicted by size", &self.evicted_by_size),
            ("gaps: evicted by age", &self.evicted_by_age),
            ("gaps: restarted", &self.restarted),
            ("gaps: lagged", &self.lagged),
            ("gaps: unknown", &self.unknown),
            ("readers cut off", &self.cut_off),
        ];
        kinds.into_iter().filter(|(_, count)| count.get() == 0).map(|(kind, _)| kind).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} events published, {} received; {} connections: {} live, {} resumed exactly, {} with a gap; gaps: {} evicted \
             by size, {} by age, {} restarted, {} lagged, {} unknown, {} of all midway; {} cut off as too slow; {} turned away; {} restarts",
            self.published,
            self.events,
            self.connections,
            self.live,
            self.exact,
            self.gap_heads,
            self.evicted_by_size,
            self.evicted_by_age,
            self.restarted,
            self.lagged,
            self.unknown,
            self.gaps_midway,
            self.cut_off,
            self.turned_away,
            self.restarts,
        )
    }
}
