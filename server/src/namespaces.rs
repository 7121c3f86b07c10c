//! The namespaces of one stream, as one text that is taken apart without a doubt.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use sse_core::Filter;
use sse_core::http::cut;

/// Between namespaces: a kind of character that none has in it. A comma is as good in a name as any other.
const SEPARATOR: char = '\n';

/// The namespaces of one stream, all in one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Namespaces<'a>(&'a str);

impl<'a> Namespaces<'a> {
    /// What a filter asks for: as many of its namespaces as fit, each of them whole unless it is the only one.
    pub(crate) fn join(filter: &Filter, max_bytes: usize) -> Cow<'_, str> {
        let mut texts = filter.patterns().iter().map(|pattern| pattern.as_str());
        let mut joined = Cow::Borrowed(cut(texts.next().unwrap_or_default(), max_bytes));
        for text in texts {
            if joined.len() + SEPARATOR.len_utf8() + text.len() > max_bytes {
                break;
            }
            let joined = joined.to_mut();
            joined.push(SEPARATOR);
            joined.push_str(text);
        }
        joined
    }

    /// Those that were joined to this text.
    pub(crate) fn of(joined: &'a str) -> Namespaces<'a> {
        Namespaces(joined)
    }

    pub(crate) fn as_joined(self) -> &'a str {
        self.0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'a str> {
        self.0.split(SEPARATOR)
    }

    /// For people: who has a comma in a name can't be told from two.
    pub(crate) fn with_commas(self) -> Cow<'a, str> {
        match self.0.contains(SEPARATOR) {
            true => self.0.replace(SEPARATOR, ",").into(),
            false => self.0.into(),
        }
    }
}

/// As a list.
impl Serialize for Namespaces<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use sse_core::Pattern;

    use super::*;

    fn join(namespaces: &[&str], max_bytes: usize) -> String {
        let patterns = namespaces.iter().map(|text| Pattern::parse(text).unwrap());
        Namespaces::join(&Filter::any_of(patterns).unwrap(), max_bytes).into_owned()
    }

    #[test]
    fn a_list_is_taken_apart_as_it_was() {
        for namespaces in [&["/"][..], &["/a"], &["/a,/b"], &["/a,", "/b"], &["/*/x", "/a", "/b c"]] {
            let joined = join(namespaces, 4096);
            assert_eq!(Namespaces::of(&joined).iter().collect::<Vec<_>>(), namespaces);
            assert_eq!(Namespaces::of(&joined).with_commas(), namespaces.join(","));
        }
    }

    #[test]
    fn a_long_list_is_cut_between_namespaces() {
        let list = ["/a", "/bbbb", "/c"];
        assert_eq!(join(&list, 11), "/a\n/bbbb\n/c");
        assert_eq!(join(&list, 10), "/a\n/bbbb");
        assert_eq!(join(&list, 7), "/a");
        assert_eq!(join(&["/bbbb"], 4), "/bbb");
    }
}
