//! Texts from outside, of which only so much is kept or told.

use std::borrow::Cow;

/// What the log and answers tell of a text that may be thousands of bytes long.
const TOLD_BYTES: usize = 256;

/// The longest beginning of at most `max_bytes` that is whole characters.
#[must_use]
pub fn cut(text: &str, max_bytes: usize) -> &str {
    let end = (0..=text.len().min(max_bytes)).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or_default()]
}

/// A text to be told, with an ellipsis for what is left out.
#[must_use]
pub fn shortened(text: &str) -> Cow<'_, str> {
    match cut(text, TOLD_BYTES) {
        whole if whole.len() == text.len() => Cow::Borrowed(text),
        cut => Cow::Owned(format!("{cut}…")),
    }
}

/// Words of an error, which have no capital and no full stop, as a sentence.
#[must_use]
pub fn sentence(mut words: String) -> String {
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if !words.ends_with('.') {
        words.push('.');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_shows() {
        let whole = "é".repeat(TOLD_BYTES / 2);
        assert_eq!(shortened(&whole), whole);
        assert_eq!(shortened(&format!("{whole}x")), format!("{whole}…"));
    }

    #[test]
    fn is_cut_between_characters() {
        assert_eq!(cut("", 4), "");
        assert_eq!(cut("café", 5), "café");
        assert_eq!(cut("café", 4), "caf");
        assert_eq!(cut("café", 3), "caf");
        assert_eq!(cut("é", 1), "");
    }
}
