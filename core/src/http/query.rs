//! The query of a request's target, decoded as forms are.

use std::borrow::Cow;

use http::Uri;
use percent_encoding::percent_decode_str;

/// The parameters of a query, in their order. A parameter may come several times.
///
/// ```
/// use sse_core::http::Query;
///
/// let query = Query::new("event=new+dog%21&event=x&flag");
/// assert_eq!(query.values("event").collect::<Vec<_>>(), ["new dog!", "x"]);
/// assert_eq!(query.values("flag").collect::<Vec<_>>(), [""]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Query<'q>(&'q str);

impl<'q> Query<'q> {
    /// A query as it was sent, without the `?`.
    #[must_use]
    pub fn new(raw: &'q str) -> Self {
        Self(raw)
    }

    /// The query of a target; an empty one if it has none.
    #[must_use]
    pub fn of(uri: &'q Uri) -> Self {
        Self(uri.query().unwrap_or_default())
    }

    /// All values of this name, decoded; what is no UTF-8 in them becomes `U+FFFD`.
    pub fn values(self, name: &str) -> impl Iterator<Item = Cow<'q, str>> {
        self.raw_values(name).map(decode)
    }

    /// All values of any of these names, decoded.
    pub fn values_of(self, names: &[&str]) -> impl Iterator<Item = Cow<'q, str>> {
        self.pairs().filter(|(key, _)| names.contains(&&*decode(key))).map(|(_, value)| decode(value))
    }

    /// All values of this name, as they were sent.
    pub fn raw_values(self, name: &str) -> impl Iterator<Item = &'q str> {
        self.pairs().filter(move |(key, _)| *decode(key) == *name).map(|(_, value)| value)
    }

    /// The names of all parameters, decoded.
    pub fn names(self) -> impl Iterator<Item = Cow<'q, str>> {
        self.pairs().map(|(key, _)| decode(key))
    }

    /// Names and values as they were sent.
    fn pairs(self) -> impl Iterator<Item = (&'q str, &'q str)> {
        self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }
}

/// As `application/x-www-form-urlencoded` has it: `+` is a space.
fn decode(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned());
    }
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_none_is_hidden() {
        let query = Query::new("event=new+dog%21&event=x&empty=&flag&a%2Bb=%ff");
        let values = |name| query.values(name).collect::<Vec<_>>();
        assert_eq!(values("event"), ["new dog!", "x"]);
        assert_eq!(values("empty"), [""]);
        assert_eq!(values("flag"), [""]);
        assert_eq!(values("a+b"), ["\u{FFFD}"]);
        assert!(values("other").is_empty());
        assert_eq!(query.values_of(&["flag", "event"]).collect::<Vec<_>>(), ["new dog!", "x", ""]);
        assert_eq!(query.raw_values("event").collect::<Vec<_>>(), ["new+dog%21", "x"]);
        assert_eq!(query.names().collect::<Vec<_>>(), ["event", "event", "empty", "flag", "a+b"]);
    }
}
