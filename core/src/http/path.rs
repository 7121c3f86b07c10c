//! Paths of requests, percent-decoded exactly once.
//!
//! A path that two programs could read differently (a proxy in front of us and we, say) is refused rather than
//! interpreted: an empty segment, `.` and `..`, control characters, escapes that are no UTF-8, and a slash that
//! only appears after decoding.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;

/// A decoded path.
///
/// ```
/// use sse_core::http::{Path, PathError};
///
/// assert_eq!(Path::decode("/caf%C3%A9/").unwrap().as_str(), "/café");
/// assert_eq!(Path::decode("/a%2Fb"), Err(PathError::HiddenSlash));
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Path {
    /// Without a slash at its end, but for the root's.
    text: String,
    trailing_slash: bool,
}

impl Path {
    /// Decodes the path of a request's target.
    pub fn decode(raw: &str) -> Result<Path, PathError> {
        let segments = raw.strip_prefix('/').ok_or(PathError::NotAbsolute)?;
        if segments.is_empty() {
            return Ok(Path { text: "/".to_owned(), trailing_slash: true });
        }
        let (segments, trailing_slash) = match segments.strip_suffix('/') {
            Some(segments) => (segments, true),
            None => (segments, false),
        };
        let mut text = String::with_capacity(raw.len());
        for segment in segments.split('/') {
            text.push('/');
            push_segment(&mut text, segment)?;
        }
        Ok(Path { text, trailing_slash })
    }

    /// `/`, or `/a/b` without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the request wrote a slash at the end. It names the same thing as without: for the links of a page
    /// alone it makes a difference.
    #[must_use]
    pub fn trailing_slash(&self) -> bool {
        self.trailing_slash
    }

    /// What comes after `prefix` (itself a decoded path): `/` for the prefix alone, nothing if the path lies elsewhere.
    #[must_use]
    pub fn below(&self, prefix: &str) -> Option<&str> {
        if prefix == "/" {
            return Some(self.as_str());
        }
        match self.as_str().strip_prefix(prefix)? {
            "" => Some("/"),
            rest if rest.starts_with('/') => Some(rest),
            _ => None,
        }
    }
}

/// The text of a query's value, decoded once as `application/x-www-form-urlencoded` has it (`+` is a space), with the
/// strictness of paths. What it names is for its parser to judge.
pub fn decode_query_value(raw: &str) -> Result<String, PathError> {
    if !escapes_are_whole(raw) {
        return Err(PathError::BadEscape);
    }
    let spaced = raw.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().map(Cow::into_owned).map_err(|_| PathError::NotUtf8)
}

fn push_segment(text: &mut String, raw: &str) -> Result<(), PathError> {
    if raw.is_empty() {
        return Err(PathError::EmptySegment);
    }
    if !escapes_are_whole(raw) {
        return Err(PathError::BadEscape);
    }
    let segment = percent_decode_str(raw).decode_utf8().map_err(|_| PathError::NotUtf8)?;
    if segment == "." || segment == ".." {
        return Err(PathError::DotSegment);
    }
    if segment.contains('/') {
        return Err(PathError::HiddenSlash);
    }
    if segment.chars().any(char::is_control) {
        return Err(PathError::Control);
    }
    text.push_str(&segment);
    Ok(())
}

/// `percent_encoding` lets `%zz` through as it stands; we don't guess what was meant.
fn escapes_are_whole(raw: &str) -> bool {
    raw.split('%').skip(1).all(|after| {
        let mut digits = after.bytes();
        matches!((digits.next(), digits.next()), (Some(a), Some(b)) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
    })
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathError {
    /// It does not begin with `/`.
    NotAbsolute,
    /// Two slashes follow each other.
    EmptySegment,
    /// A segment is `.` or `..`, however it is written.
    DotSegment,
    /// A slash appears only after decoding.
    HiddenSlash,
    /// A character is a control character (Unicode category Cc).
    Control,
    /// A `%` has no two hexadecimal digits after it.
    BadEscape,
    /// The escapes are no UTF-8.
    NotUtf8,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PathError::NotAbsolute => "The path must begin with a slash.",
            PathError::EmptySegment => "The path has an empty segment: remove the doubled slash.",
            PathError::DotSegment => "The path has a segment `.` or `..`: write it out in full.",
            PathError::HiddenSlash => {
                "The path has an escaped slash (%2F) inside a segment: a segment can't contain one."
            }
            PathError::Control => "The path has a control character: remove it.",
            PathError::BadEscape => {
                "There is a `%` without two hexadecimal digits after it: write %25 for a percent sign."
            }
            PathError::NotUtf8 => "The percent escapes don't decode to UTF-8.",
        })
    }
}

impl std::error::Error for PathError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &str) -> Result<String, PathError> {
        Path::decode(raw).map(|path| path.as_str().to_owned())
    }

    #[test]
    fn names_one_thing_with_and_without_a_slash_at_the_end() {
        assert_eq!(text("/pets/dogs").as_deref(), Ok("/pets/dogs"));
        assert_eq!(text("/pets/dogs/").as_deref(), Ok("/pets/dogs"));
        assert_eq!(text("/").as_deref(), Ok("/"));
        assert!(Path::decode("/pets/").unwrap().trailing_slash());
        assert!(!Path::decode("/pets").unwrap().trailing_slash());
    }

    #[test]
    fn decodes_once() {
        assert_eq!(text("/caf%C3%A9").as_deref(), Ok("/café"));
        assert_eq!(text("/100%25").as_deref(), Ok("/100%"));
        assert_eq!(text("/%252F").as_deref(), Ok("/%2F"));
        assert_eq!(text("/a+b").as_deref(), Ok("/a+b"));
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        use PathError::*;
        for (raw, why) in [
            ("", NotAbsolute),
            ("pets", NotAbsolute),
            ("*", NotAbsolute),
            ("//", EmptySegment),
            ("//pets", EmptySegment),
            ("/pets//", EmptySegment),
            ("/pets//dogs", EmptySegment),
            ("/.", DotSegment),
            ("/pets/..", DotSegment),
            ("/pets/%2e%2E/", DotSegment),
            ("/a%2Fb", HiddenSlash),
            ("/a%00", Control),
            ("/a%0a", Control),
            ("/a%7f", Control),
            ("/%C2%85", Control),
            ("/50%", BadEscape),
            ("/%zz", BadEscape),
            ("/%4", BadEscape),
            ("/%ff", NotUtf8),
            ("/%C3", NotUtf8),
        ] {
            assert_eq!(text(raw), Err(why), "{raw}");
        }
    }

    #[test]
    fn query_values_are_decoded_as_forms_and_as_strictly_as_paths() {
        assert_eq!(decode_query_value("%2Fa%2Fb").as_deref(), Ok("/a/b"));
        assert_eq!(decode_query_value("/new+york/a%2Bb/100%2525").as_deref(), Ok("/new york/a+b/100%25"));
        assert_eq!(decode_query_value("/%4"), Err(PathError::BadEscape));
        assert_eq!(decode_query_value("/%ff"), Err(PathError::NotUtf8));
    }

    #[test]
    fn below_stops_at_segment_boundaries() {
        let path = Path::decode("/subscribe/pets/dogs").unwrap();
        assert_eq!(path.below("/subscribe"), Some("/pets/dogs"));
        assert_eq!(path.below("/subscribe/pets/dogs"), Some("/"));
        assert_eq!(path.below("/sub"), None);
        assert_eq!(path.below("/"), Some("/subscribe/pets/dogs"));
    }
}
