//! What a subscriber asks for.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::namespace::{Limits, Namespace, NamespaceError, WILDCARD, canonical, segments};

/// A namespace with, perhaps, `*` for exactly one segment. It covers what it matches and everything below that.
///
/// ```
/// use sse_core::{Namespace, Pattern};
///
/// let pattern = Pattern::parse("/pets/*/new")?;
/// assert!(pattern.covers(&Namespace::parse("/pets/dogs/new")?));
/// assert!(pattern.covers(&Namespace::parse("/pets/dogs/new/corgi")?));
/// assert!(!pattern.covers(&Namespace::parse("/pets/new")?));
/// # Ok::<(), sse_core::NamespaceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern(Arc<str>);

impl Pattern {
    /// Parses a path within the default [`Limits`].
    pub fn parse(text: &str) -> Result<Self, NamespaceError> {
        Self::parse_within(text, &Limits::default())
    }

    /// Parses a path within `limits`.
    pub fn parse_within(text: &str, limits: &Limits) -> Result<Self, NamespaceError> {
        Ok(Self(canonical(text, limits)?.into()))
    }

    /// The canonical path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments from the root down; `None` stands for any one segment.
    pub fn segments(&self) -> impl Iterator<Item = Option<&str>> {
        segments(&self.0).map(|segment| (segment != WILDCARD).then_some(segment))
    }

    /// Whether events of `namespace` belong to this pattern.
    ///
    /// The rule by itself; the engine does not ask each pattern but walks its trie.
    #[must_use]
    pub fn covers(&self, namespace: &Namespace) -> bool {
        self.covers_path(namespace.as_str())
    }

    /// The same for a canonical path.
    pub(crate) fn covers_path(&self, path: &str) -> bool {
        let mut below = segments(path);
        self.segments().all(|wanted| match below.next() {
            Some(segment) => wanted.is_none_or(|wanted| wanted == segment),
            None => false,
        })
    }

    /// Whether every namespace that `other` covers is covered by this pattern too.
    fn includes(&self, other: &Self) -> bool {
        let mut below = other.segments();
        self.segments().all(|wanted| match below.next() {
            Some(segment) => wanted.is_none() || wanted == segment,
            None => false,
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Pattern {
    type Err = NamespaceError;

    fn from_str(text: &str) -> Result<Self, NamespaceError> {
        Self::parse(text)
    }
}

/// What one connection asks for: the patterns whose events it gets, each event once.
///
/// ```
/// use sse_core::{Filter, Pattern};
///
/// let filter = Filter::any_of([Pattern::parse("/time")?, Pattern::parse("/pets/*/new")?])?;
/// assert_eq!(filter.to_string(), "/pets/*/new,/time");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Filter(SmallVec<[Pattern; 1]>);

impl Filter {
    /// Most patterns in a filter.
    pub const MAX_PATTERNS: usize = 100;

    /// Parses the path of one pattern within the default [`Limits`].
    pub fn parse(text: &str) -> Result<Self, NamespaceError> {
        Pattern::parse(text).map(Self::from)
    }

    /// Parses the path of one pattern within `limits`.
    pub fn parse_within(text: &str, limits: &Limits) -> Result<Self, NamespaceError> {
        Pattern::parse_within(text, limits).map(Self::from)
    }

    /// A filter for all events of these patterns. Those that another of them includes are left out: they change nothing.
    pub fn any_of(patterns: impl IntoIterator<Item = Pattern>) -> Result<Self, FilterError> {
        let mut patterns: Vec<Pattern> = patterns.into_iter().take(Self::MAX_PATTERNS + 1).collect();
        if patterns.len() > Self::MAX_PATTERNS {
            return Err(FilterError::TooMany { limit: Self::MAX_PATTERNS });
        }
        patterns.sort();
        patterns.dedup();
        let needed = |pattern: &&Pattern| !patterns.iter().any(|other| other != *pattern && other.includes(pattern));
        let patterns: SmallVec<_> = patterns.iter().filter(needed).cloned().collect();
        if patterns.is_empty() { Err(FilterError::Empty) } else { Ok(Self(patterns)) }
    }

    /// The patterns asked for: at least one, in order, none within another.
    #[must_use]
    pub fn patterns(&self) -> &[Pattern] {
        &self.0
    }

    /// Whether events of `namespace` are asked for.
    #[must_use]
    pub fn covers(&self, namespace: &Namespace) -> bool {
        self.patterns().iter().any(|pattern| pattern.covers(namespace))
    }
}

impl From<Pattern> for Filter {
    fn from(pattern: Pattern) -> Self {
        Self(SmallVec::from_buf([pattern]))
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
    TooMany {
        /// Most patterns allowed.
        limit: usize,
    },
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a subscription names at least one namespace"),
            Self::TooMany { limit } => write!(f, "a subscription names at most {limit} namespaces"),
        }
    }
}

impl std::error::Error for FilterError {}

#[cfg(test)]
mod tests {
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
        let many: Vec<String> = (0..=Filter::MAX_PATTERNS).map(|n| format!("/{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(any_of(&many), Err(FilterError::TooMany { limit: Filter::MAX_PATTERNS }));
        assert!(any_of(&many[1..]).is_ok());
    }

    #[test]
    fn a_pattern_covers_itself_and_below_and_no_namesake() {
        let covers =
            |pattern, namespace| Pattern::parse(pattern).unwrap().covers(&Namespace::parse(namespace).unwrap());
        assert!(covers("/", "/"));
        assert!(covers("/", "/pets/dogs"));
        assert!(covers("/pets", "/pets"));
        assert!(covers("/pets", "/pets/dogs"));
        assert!(!covers("/pets", "/petshop"));
        assert!(!covers("/pets/dogs", "/pets"));
        assert!(!covers("/pets", "/"));
        assert!(covers("/*", "/pets"));
        assert!(covers("/*", "/pets/dogs"));
        assert!(!covers("/*", "/"));
        assert!(covers("/*/dogs", "/pets/dogs/corgi"));
        assert!(!covers("/*/dogs", "/pets/cats/dogs"));
    }
}
