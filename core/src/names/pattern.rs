//! Namespaces with wildcards: what channels are of.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::names::namespace::{Limits, Namespace, NamespaceError, WILDCARD, canonical, segments};

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
    pub(crate) fn includes(&self, other: &Self) -> bool {
        let mut below = other.segments();
        self.segments().all(|wanted| match below.next() {
            Some(segment) => wanted.is_none() || wanted == segment,
            None => false,
        })
    }

    /// Whether some namespace is covered by both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.segments().zip(other.segments()).all(|(one, other)| one.is_none() || other.is_none() || one == other)
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

#[cfg(test)]
mod tests {
    use super::*;

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
