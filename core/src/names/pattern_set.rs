//! The patterns of one filter, in an order in which a path is held against all of them at once.
//!
//! ```text
//!   in order of their segments     /a/b   /a/c   /a-b   /b/*/d   /c
//!   a path /a/c/e                 └─ begin with a ─┘                  what stands side by side begins alike,
//!                                        └ then c ┘                   so each segment narrows by binary search
//! ```
//!
//! A pattern that ends where the path has been followed to covers it. A wildcard is one more way to go on.

use crate::names::namespace::{WILDCARD, segments};
use crate::names::pattern::Pattern;

/// Patterns, to ask whether one of them covers a path.
pub(crate) struct PatternSet<'a> {
    /// In order of their segments. The root is the empty text: it has no segments, each of which would follow a slash.
    patterns: Vec<&'a str>,
    has_wildcards: bool,
}

impl<'a> PatternSet<'a> {
    pub(crate) fn new(patterns: impl Iterator<Item = &'a Pattern>) -> Self {
        let mut patterns: Vec<&str> = patterns.map(Pattern::as_str).collect();
        patterns.sort_unstable_by(|one, other| segments(one).cmp(segments(other)));
        let has_wildcards = patterns.iter().any(|pattern| segments(pattern).any(|segment| segment == WILDCARD));
        patterns.iter_mut().for_each(|pattern| *pattern = pattern.strip_suffix('/').unwrap_or(pattern));
        Self { patterns, has_wildcards }
    }

    /// Paths, none below another: all that is covered is at or below one of them. The empty one is the root.
    pub(crate) fn places(&self) -> Vec<&'a str> {
        let mut places = self.patterns.clone();
        if self.has_wildcards {
            places.iter_mut().for_each(|pattern| *pattern = before_wildcards(pattern));
            // What is below a path follows it.
            places.sort_unstable_by(|one, other| one.split('/').cmp(other.split('/')));
            places.dedup_by(|next, kept| begins_with_segments(next.as_bytes(), kept.as_bytes()));
        }
        places
    }

    /// Whether one of them covers this canonical path. Adds to `looks` what it took, a few comparisons each.
    #[inline]
    pub(crate) fn covers(&self, path: &[u8], looks: &mut usize) -> bool {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        if let [only] = &self.patterns[..]
            && !self.has_wildcards
        {
            *looks += 1;
            return begins_with_segments(path, only.as_bytes());
        }
        self.covers_below(&self.patterns, 0, path, looks)
    }

    /// The same for patterns whose first `at` bytes have been followed, and what is left of the path.
    fn covers_below(&self, patterns: &[&str], at: usize, path: &[u8], looks: &mut usize) -> bool {
        let Some(first) = patterns.first() else { return false };
        *looks += 1 + patterns.len().ilog2() as usize;
        if first.len() == at {
            return true;
        }
        if path.is_empty() {
            return false;
        }
        let segment = segment_at(path, 1);
        let mut go_on = |with: &[u8]| {
            let below = going_on(patterns, at + 1, with);
            self.covers_below(below, at + 1 + with.len(), &path[1 + segment.len()..], looks)
        };
        go_on(segment) || (self.has_wildcards && go_on(WILDCARD.as_bytes()))
    }
}

/// The segments before the first wildcard.
fn before_wildcards(pattern: &str) -> &str {
    let is_wildcard = |(at, _): &(usize, &str)| segment_at(pattern.as_bytes(), at + 1) == WILDCARD.as_bytes();
    pattern.match_indices('/').find(is_wildcard).map_or(pattern, |(at, _)| &pattern[..at])
}

/// Whether `path` is `prefix`, or goes on after it with a segment.
fn begins_with_segments(path: &[u8], prefix: &[u8]) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
}

/// Those of `patterns` whose segment at byte `at` is this one. They are the same up to there.
fn going_on<'p, 'a>(patterns: &'p [&'a str], at: usize, segment: &[u8]) -> &'p [&'a str] {
    let of = |pattern: &&'a str| segment_at(pattern.as_bytes(), at);
    let from = &patterns[patterns.partition_point(|pattern| of(pattern) < segment)..];
    &from[..from.partition_point(|pattern| of(pattern) == segment)]
}

/// The segment that begins at byte `at`; empty at the end.
fn segment_at(path: &[u8], at: usize) -> &[u8] {
    let rest = path.get(at..).unwrap_or_default();
    &rest[..memchr::memchr(b'/', rest).unwrap_or(rest.len())]
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::names::filter::Filter;

    fn parsed(paths: &[String]) -> Vec<Pattern> {
        paths.iter().map(|path| Pattern::parse(path).unwrap()).collect()
    }

    /// Patterns none of which includes another, as a filter has them.
    fn filter(paths: &[String]) -> Vec<Pattern> {
        Filter::any_of(parsed(paths)).unwrap().patterns().to_vec()
    }

    /// Segments that are each other's beginning, and whose order as bytes is not their order as segments.
    const PATTERN: &str = "(/([ab]|a-|-|\\*|\\*a|é)){1,5}|/";
    const NAMESPACE: &str = "(/([ab]|a-|-|\\*a|é)){1,6}|/";

    proptest! {
        /// Against each pattern's own rule.
        #[test]
        fn a_path_is_covered_if_one_pattern_covers_it(
            patterns in prop::collection::vec(PATTERN, 0..12),
            path in NAMESPACE,
        ) {
            let patterns = parsed(&patterns);
            let covered = patterns.iter().any(|pattern| pattern.covers_path(&path));
            prop_assert_eq!(PatternSet::new(patterns.iter()).covers(path.as_bytes(), &mut 0), covered);
        }

        /// What is covered is at or below a place, and places are no larger than they have to be.
        #[test]
        fn places_are_the_patterns_up_to_their_wildcards(patterns in prop::collection::vec(PATTERN, 1..8)) {
            let patterns = filter(&patterns);
            let set = PatternSet::new(patterns.iter());
            let literal = |pattern: &Pattern| -> String {
                pattern.segments().map_while(|segment| Some(["/", segment?].concat())).collect()
            };
            let prefixes: Vec<String> = patterns.iter().map(literal).collect();
            let is_within = |path: &str, other: &str| {
                path != other && begins_with_segments(path.as_bytes(), other.as_bytes())
            };
            let is_place = |path: &&String| !prefixes.iter().any(|other| is_within(path, other));
            let due: BTreeSet<&str> = prefixes.iter().filter(is_place).map(String::as_str).collect();
            let places = set.places();
            prop_assert_eq!(places.len(), due.len(), "{:?}", places);
            prop_assert_eq!(places.into_iter().collect::<BTreeSet<_>>(), due);
        }
    }

    #[test]
    fn many_patterns_are_not_held_against_a_path_one_by_one() {
        let looks = |count: usize| {
            let patterns = parsed(&(0..count).map(|n| format!("/*/{n}/new")).collect::<Vec<_>>());
            let mut looks = 0;
            assert!(!PatternSet::new(patterns.iter()).covers(b"/shops/17/old", &mut looks));
            looks
        };
        assert!(looks(100) <= 4 * looks(1).max(5), "{} looks", looks(100));
    }
}
