//! Texts from outside, of which only so much is kept.

/// The longest beginning of at most `max_bytes` that is whole characters.
pub(crate) fn cut(text: &str, max_bytes: usize) -> &str {
    let end = (0..=text.len().min(max_bytes)).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_cut_between_characters() {
        assert_eq!(cut("", 4), "");
        assert_eq!(cut("café", 5), "café");
        assert_eq!(cut("café", 4), "caf");
        assert_eq!(cut("café", 3), "caf");
        assert_eq!(cut("é", 1), "");
    }
}
