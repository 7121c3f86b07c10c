//! What a client network has of the server, as far as it is counted.

use sse_core::Filter;

/// A filter of at most so many segments is ordinary if it has few wildcards, too.
const ORDINARY_SEGMENTS: usize = 16;

/// The same for its wildcards. For each of them an event goes down one path more.
const ORDINARY_WILDCARDS: usize = 4;

/// What a network, one of its connections or one of its streams has; or the most that a network may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) connections: usize,
    /// Of its streams' filters, those that are counted.
    pub(crate) segments: usize,
    /// Those of the segments that are `*`.
    pub(crate) wildcards: usize,
}

impl Holding {
    pub(super) const CONNECTION: Holding = Holding { connections: 1, segments: 0, wildcards: 0 };

    /// What a stream with this filter has beside its connection: its size, unless it is ordinary. So the many clients behind one
    /// address are never in each other's way, as long as they ask for what people ask for.
    pub(super) fn of_filter(filter: &Filter) -> Option<Holding> {
        let (segments, wildcards) = (filter.segments(), filter.wildcards());
        let is_ordinary = segments <= ORDINARY_SEGMENTS && wildcards <= ORDINARY_WILDCARDS;
        (!is_ordinary).then_some(Holding { connections: 0, segments, wildcards })
    }

    pub(super) fn is_within(self, most: Holding) -> bool {
        self.connections <= most.connections && self.segments <= most.segments && self.wildcards <= most.wildcards
    }

    pub(super) fn plus(self, more: Holding) -> Holding {
        Holding {
            connections: self.connections.saturating_add(more.connections),
            segments: self.segments.saturating_add(more.segments),
            wildcards: self.wildcards.saturating_add(more.wildcards),
        }
    }

    /// Without `part`, which is in it.
    pub(super) fn less(self, part: Holding) -> Holding {
        Holding {
            connections: self.connections - part.connections,
            segments: self.segments - part.segments,
            wildcards: self.wildcards - part.wildcards,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_filters_count_nothing_and_others_in_full() {
        let of = |text: &str| Holding::of_filter(&Filter::parse(text).unwrap());
        assert_eq!(of("/"), None);
        assert_eq!(of(&"/a".repeat(16)), None);
        assert_eq!(of("/*/*/*/*"), None);
        assert_eq!(of(&"/a".repeat(17)), Some(Holding { connections: 0, segments: 17, wildcards: 0 }));
        assert_eq!(of("/*/*/*/*/*"), Some(Holding { connections: 0, segments: 5, wildcards: 5 }));
    }
}
