//! What a subscriber asks for.

use std::fmt;

use smallvec::SmallVec;

use crate::names::namespace::{Limits, Namespace, NamespaceError};
use crate::names::pattern::Pattern;

/// How large a filter may be, all of its patterns together.
///
/// Patterns become paths in the hub's trie. The limit on segments bounds how many segments an event is held against for
/// one subscription; the limit on wildcards, how many of these paths it may have to go down: one, and one more for each
/// wildcard.
///
/// By default 100 patterns with 1,024 segments in all, 128 of which may be wildcards. A pattern of 64 wildcards alone
/// is within that: it is one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterLimits {
    /// Most patterns.
    pub patterns: usize,
    /// Most segments in all patterns, wildcards included.
    pub segments: usize,
    /// Most wildcards in all patterns.
    pub wildcards: usize,
}

impl Default for FilterLimits {
    fn default() -> Self {
        Self { patterns: 100, segments: 1024, wildcards: 128 }
    }
}

impl FilterLimits {
    /// Whether patterns of this size in all may be a filter.
    fn check(&self, size: Size) -> Result<(), FilterError> {
        let Size { patterns, segments, wildcards } = size;
        if patterns > self.patterns {
            return Err(FilterError::TooManyPatterns { limit: self.patterns });
        }
        if segments > self.segments {
            return Err(FilterError::TooManySegments { segments, limit: self.segments });
        }
        if wildcards > self.wildcards {
            return Err(FilterError::TooManyWildcards { wildcards, limit: self.wildcards });
        }
        Ok(())
    }
}

/// What [`FilterLimits`] are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Size {
    patterns: usize,
    segments: usize,
    wildcards: usize,
}

impl Size {
    fn of(patterns: &[Pattern]) -> Self {
        let mut size = Self { patterns: patterns.len(), segments: 0, wildcards: 0 };
        for segment in patterns.iter().flat_map(Pattern::segments) {
            size.segments += 1;
            size.wildcards += usize::from(segment.is_none());
        }
        size
    }
}

/// What one connection asks for: the patterns whose events it gets, each event once.
///
/// ```
/// use sse_core::{Filter, Pattern};
///
/// let filter = Filter::any_of([Pattern::parse("/time")?, Pattern::parse("/pets/*/new")?])?;
/// assert_eq!(filter.to_string(), "/pets/*/new,/time");
/// assert_eq!((filter.segments(), filter.wildcards()), (4, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Filter {
    patterns: SmallVec<[Pattern; 1]>,
    size: Size,
    overlaps: bool,
}

impl Filter {
    /// Parses the path of one pattern within the default [`Limits`].
    pub fn parse(text: &str) -> Result<Self, NamespaceError> {
        Pattern::parse(text).map(Self::from)
    }

    /// Parses the path of one pattern within `limits`.
    pub fn parse_within(text: &str, limits: &Limits) -> Result<Self, NamespaceError> {
        Pattern::parse_within(text, limits).map(Self::from)
    }

    /// A filter for all events of these patterns, within the default [`FilterLimits`].
    pub fn any_of(patterns: impl IntoIterator<Item = Pattern>) -> Result<Self, FilterError> {
        Self::any_of_within(patterns, &FilterLimits::default())
    }

    /// A filter for all events of these patterns. Those that another of them includes count towards the limits, and are
    /// then left out: they change nothing.
    pub fn any_of_within(
        patterns: impl IntoIterator<Item = Pattern>,
        limits: &FilterLimits,
    ) -> Result<Self, FilterError> {
        // One more than may be says that they are too many: no more is done for who asks for ten thousand.
        let mut patterns: Vec<Pattern> = patterns.into_iter().take(limits.patterns.saturating_add(1)).collect();
        limits.check(Size::of(&patterns))?;
        patterns.sort();
        patterns.dedup();
        let needed = |pattern: &&Pattern| !patterns.iter().any(|other| other != *pattern && other.includes(pattern));
        let patterns: SmallVec<_> = patterns.iter().filter(needed).cloned().collect();
        if patterns.is_empty() { Err(FilterError::Empty) } else { Ok(Self::of(patterns)) }
    }

    /// A filter for patterns none of which includes another, in order.
    pub(crate) fn of(patterns: SmallVec<[Pattern; 1]>) -> Self {
        let size = Size::of(&patterns);
        // Without a wildcard those that meet are within one another, and of these only one is left.
        let meets_another = |(index, one): (usize, &Pattern)| patterns[..index].iter().any(|other| one.meets(other));
        let overlaps = size.wildcards > 0 && patterns.iter().enumerate().any(meets_another);
        Self { patterns, size, overlaps }
    }

    /// Whether the filter, however it was made, is within these limits.
    pub(crate) fn check(&self, limits: &FilterLimits) -> Result<(), FilterError> {
        limits.check(self.size)
    }

    /// Whether there is a namespace that two of its patterns cover, as `/a/b` is covered by `/a/*` and `/*/b`.
    pub(crate) fn overlaps(&self) -> bool {
        self.overlaps
    }

    /// The patterns asked for: at least one, in order, none within another.
    #[must_use]
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Segments of all its patterns, wildcards included. They were counted when the filter was made.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.size.segments
    }

    /// Wildcards in all its patterns. They were counted when the filter was made.
    #[must_use]
    pub fn wildcards(&self) -> usize {
        self.size.wildcards
    }

    /// Whether events of `namespace` are asked for.
    #[must_use]
    pub fn covers(&self, namespace: &Namespace) -> bool {
        self.patterns().iter().any(|pattern| pattern.covers(namespace))
    }
}

impl From<Pattern> for Filter {
    fn from(pattern: Pattern) -> Self {
        Self::of(SmallVec::from_buf([pattern]))
    }
}

/// The patterns with commas between.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pattern) in self.patterns().iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{pattern}")?;
        }
        Ok(())
    }
}

/// Why patterns make no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FilterError {
    /// There is none.
    Empty,
    /// There are more than `limit`.
    TooManyPatterns {
        /// Most patterns allowed.
        limit: usize,
    },
    /// They have `segments` in all.
    TooManySegments {
        /// Segments of all patterns.
        segments: usize,
        /// Most segments allowed.
        limit: usize,
    },
    /// They have `wildcards` in all.
    TooManyWildcards {
        /// Wildcards in all patterns.
        wildcards: usize,
        /// Most wildcards allowed.
        limit: usize,
    },
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a subscription names at least one namespace"),
            Self::TooManyPatterns { limit } => write!(f, "a subscription names at most {limit} namespaces"),
            Self::TooManySegments { segments, limit } => write!(
                f,
                "the namespaces of a subscription have at most {limit} segments in all, and these have {segments}: \
                 name fewer or shorter ones"
            ),
            Self::TooManyWildcards { wildcards, limit } => write!(
                f,
                "the namespaces of a subscription have at most {limit} wildcards ('*') in all, and these have \
                 {wildcards}: name fewer, or segments in place of wildcards"
            ),
        }
    }
}

impl std::error::Error for FilterError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_of(patterns: &[&str]) -> Result<String, FilterError> {
        Filter::any_of(patterns.iter().map(|text| Pattern::parse(text).unwrap())).map(|filter| filter.to_string())
    }

    #[test]
    fn a_filter_keeps_only_patterns_that_say_something() {
        assert_eq!(any_of(&["/time", "/pets", "/pets/dogs", "/time"]).as_deref(), Ok("/pets,/time"));
        assert_eq!(any_of(&["/pets", "/"]).as_deref(), Ok("/"));
        assert_eq!(any_of(&["/*/new", "/pets/new", "/pets"]).as_deref(), Ok("/*/new,/pets"));
        assert_eq!(any_of(&[]), Err(FilterError::Empty));
    }

    #[test]
    fn the_default_limits_are_for_strangers_and_leave_room_for_everyone_else() {
        let every = |count: usize, path: &dyn Fn(usize) -> String| {
            Filter::any_of((0..count).map(|n| Pattern::parse(&path(n)).unwrap()))
        };
        let (named, wild) = ("/a".repeat(63), "/*".repeat(64));
        assert_eq!(every(100, &|n| format!("/shop/*/{n}/of/this/quite/ordinary/depth")).unwrap().wildcards(), 100);
        assert_eq!(every(101, &|n| format!("/{n}")), Err(FilterError::TooManyPatterns { limit: 100 }));
        assert_eq!(every(16, &|n| format!("/{n}{named}")).unwrap().segments(), 1024);
        let too_large = FilterError::TooManySegments { segments: 6400, limit: 1024 };
        assert_eq!(every(100, &|n| format!("/{n}{named}")), Err(too_large));
        assert_eq!(every(1, &|_| wild.clone()).unwrap(), Filter::parse(&wild).unwrap());
        let too_wild = FilterError::TooManyWildcards { wildcards: 129, limit: 128 };
        assert_eq!(every(43, &|n| format!("/*/*/*/{n}")), Err(too_wild));
        for error in [too_large, too_wild] {
            let words = error.to_string();
            assert!(words.contains("6400") && words.contains("1024") || words.contains("129") && words.contains("128"));
        }
    }

    /// A pattern's segments as its text has them.
    fn named(path: &str) -> impl Iterator<Item = &str> {
        path.split('/').filter(|segment| !segment.is_empty())
    }

    proptest! {
        /// What is accepted, against counts of the texts; and whatever is accepted covers what its patterns cover.
        #[test]
        fn a_filter_is_within_its_limits(
            paths in prop::collection::vec("(/[ab*]){1,5}|/", 0..8),
            (patterns, segments, wildcards) in (0usize..8, 0usize..20, 0usize..10),
            namespace in "(/[abc]){1,5}|/",
        ) {
            let limits = FilterLimits { patterns, segments, wildcards };
            let parsed: Vec<Pattern> = paths.iter().map(|path| Pattern::parse(path).unwrap()).collect();
            let all = || paths.iter().flat_map(|path| named(path));
            let stars = all().filter(|segment| *segment == "*").count();
            let fits = paths.len() <= patterns && all().count() <= segments && stars <= wildcards;
            let filter = Filter::any_of_within(parsed.clone(), &limits);
            prop_assert_eq!(filter.is_ok(), fits && !paths.is_empty(), "{:?}", filter);
            if let Ok(filter) = filter {
                let namespace = Namespace::parse(&namespace).unwrap();
                prop_assert_eq!(filter.covers(&namespace), parsed.iter().any(|pattern| pattern.covers(&namespace)));
                let kept = || filter.patterns().iter().flat_map(Pattern::segments);
                prop_assert_eq!(filter.segments(), kept().count());
                prop_assert_eq!(filter.wildcards(), kept().filter(Option::is_none).count());
                prop_assert_eq!(filter.check(&limits), Ok(()));
            }
        }
    }
}
