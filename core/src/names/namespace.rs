//! Paths: where events are published, and the limits every path keeps.

use std::fmt;
use std::str::FromStr;

/// How large a path may be.
///
/// The defaults are those of the server's interface: 64 segments, 256 bytes a segment, 1,024 bytes in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most segments in a path. A hub allows at most 1,024.
    pub segments: usize,
    /// Most bytes in one segment.
    pub segment_bytes: usize,
    /// Most bytes in the whole path, slashes included.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { segments: 64, segment_bytes: 256, bytes: 1024 }
    }
}

/// Where an event is published: a canonical path such as `/pets/dogs`, or `/`, the root.
///
/// A path begins with `/`; one `/` at its end is allowed and dropped. Empty segments, `.`, `..`, control characters and
/// the wildcard `*` are refused, so that a namespace that exists is valid.
///
/// ```
/// use sse_core::Namespace;
///
/// let namespace = Namespace::parse("/pets/dogs/")?;
/// assert_eq!(namespace.as_str(), "/pets/dogs");
/// assert_eq!(namespace.segments().collect::<Vec<_>>(), ["pets", "dogs"]);
/// assert!(Namespace::parse("/pets//dogs").is_err());
/// # Ok::<(), sse_core::NamespaceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace(Box<str>);

impl Namespace {
    /// Parses a path within the default [`Limits`].
    pub fn parse(text: &str) -> Result<Self, NamespaceError> {
        Self::parse_within(text, &Limits::default())
    }

    /// Parses a path within `limits`.
    pub fn parse_within(text: &str, limits: &Limits) -> Result<Self, NamespaceError> {
        let path = canonical(text, limits)?;
        if segments(path).any(|segment| segment == WILDCARD) {
            return Err(NamespaceError::Wildcard);
        }
        Ok(Self(path.into()))
    }

    /// The canonical path: `/`, or segments that each follow a slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments from the root down; none for the root itself.
    pub fn segments(&self) -> impl Iterator<Item = &str> + Clone {
        segments(&self.0)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Namespace {
    type Err = NamespaceError;

    fn from_str(text: &str) -> Result<Self, NamespaceError> {
        Self::parse(text)
    }
}

/// The segment that, in a pattern, stands for exactly one segment of any name.
pub(crate) const WILDCARD: &str = "*";

/// Checks `text` against everything that namespaces and patterns have in common; gives it without a slash at the end.
pub(crate) fn canonical<'a>(text: &'a str, limits: &Limits) -> Result<&'a str, NamespaceError> {
    let Some(relative) = text.strip_prefix('/') else {
        return Err(NamespaceError::NotAbsolute);
    };
    let relative = relative.strip_suffix('/').unwrap_or(relative);
    if relative.is_empty() {
        return if text.len() <= 1 { Ok("/") } else { Err(NamespaceError::EmptySegment) };
    }
    let path = &text[..=relative.len()];
    if path.len() > limits.bytes {
        return Err(NamespaceError::TooLong { limit: limits.bytes });
    }
    for (index, segment) in relative.split('/').enumerate() {
        if index == limits.segments {
            return Err(NamespaceError::TooDeep { limit: limits.segments });
        }
        match segment {
            "" => return Err(NamespaceError::EmptySegment),
            "." | ".." => return Err(NamespaceError::DotSegment),
            _ if segment.len() > limits.segment_bytes => {
                return Err(NamespaceError::SegmentTooLong { limit: limits.segment_bytes });
            }
            _ if segment.contains(char::is_control) => return Err(NamespaceError::ControlCharacter),
            _ => {}
        }
    }
    Ok(path)
}

/// The segments of a canonical path.
pub(crate) fn segments(path: &str) -> impl Iterator<Item = &str> + Clone {
    let relative = &path[1..];
    // The root is a path without segments, but "" splits into one.
    let take = if relative.is_empty() { 0 } else { usize::MAX };
    relative.split('/').take(take)
}

/// Why a path is not a namespace, or not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamespaceError {
    /// It does not begin with `/`.
    NotAbsolute,
    /// Two slashes follow each other.
    EmptySegment,
    /// A segment is `.` or `..`.
    DotSegment,
    /// A character is a control character (Unicode category Cc).
    ControlCharacter,
    /// A segment is `*`, which only a subscription may have.
    Wildcard,
    /// It has more than `limit` segments.
    TooDeep {
        /// Most segments allowed.
        limit: usize,
    },
    /// A segment has more than `limit` bytes.
    SegmentTooLong {
        /// Most bytes allowed in one segment.
        limit: usize,
    },
    /// The whole path has more than `limit` bytes.
    TooLong {
        /// Most bytes allowed.
        limit: usize,
    },
}

impl fmt::Display for NamespaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAbsolute => f.write_str("a namespace begins with '/'"),
            Self::EmptySegment => f.write_str("a namespace has no empty segments: write one '/' between two names"),
            Self::DotSegment => f.write_str("a namespace has no '.' or '..' segments"),
            Self::ControlCharacter => f.write_str("a namespace has no control characters"),
            Self::Wildcard => f.write_str("'*' stands for any segment when subscribing; it can't be published to"),
            Self::TooDeep { limit } => write!(f, "a namespace has at most {limit} segments"),
            Self::SegmentTooLong { limit } => write!(f, "a segment of a namespace has at most {limit} bytes"),
            Self::TooLong { limit } => write!(f, "a namespace has at most {limit} bytes"),
        }
    }
}

impl std::error::Error for NamespaceError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_one_place_are_one_namespace() {
        for (text, canonical) in [("/", "/"), ("/pets", "/pets"), ("/pets/", "/pets"), ("/a/b/c/", "/a/b/c")] {
            assert_eq!(Namespace::parse(text).unwrap().as_str(), canonical);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        use NamespaceError::*;
        for (text, error) in [
            ("", NotAbsolute),
            ("pets", NotAbsolute),
            ("//", EmptySegment),
            ("/pets//", EmptySegment),
            ("//pets", EmptySegment),
            ("/./pets", DotSegment),
            ("/pets/..", DotSegment),
            ("/pe\tts", ControlCharacter),
            ("/pe\u{85}ts", ControlCharacter),
            ("/pets/*", Wildcard),
        ] {
            assert_eq!(Namespace::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn limits_are_the_last_that_passes() {
        let limits = Limits { segments: 3, segment_bytes: 4, bytes: 12 };
        let parse = |text| Namespace::parse_within(text, &limits);
        assert!(parse("/a/b/c").is_ok());
        assert_eq!(parse("/a/b/c/d"), Err(NamespaceError::TooDeep { limit: 3 }));
        assert!(parse("/abcd/").is_ok());
        assert_eq!(parse("/abcde"), Err(NamespaceError::SegmentTooLong { limit: 4 }));
        assert!(parse("/abcd/efg/hi/").is_ok());
        assert_eq!(parse("/abcd/efg/hij"), Err(NamespaceError::TooLong { limit: 12 }));
    }

    proptest! {
        #[test]
        fn parsing_again_changes_nothing(text in "(/[a-c.*]{0,3}){0,4}/?") {
            if let Ok(namespace) = Namespace::parse(&text) {
                prop_assert_eq!(Namespace::parse(namespace.as_str()), Ok(namespace.clone()));
                let joined: String = namespace.segments().flat_map(|segment| ["/", segment]).collect();
                prop_assert_eq!(if joined.is_empty() { "/" } else { &joined }, namespace.as_str());
            }
        }
    }
}
