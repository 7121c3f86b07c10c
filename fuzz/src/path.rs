//! Paths of namespaces, by the simplest reading of the rules.

use sse_core::Limits;

/// The segments of `path`, if it is the path of a namespace or, with `*` among them, of a pattern.
pub fn segments(path: &str) -> Option<Vec<&str>> {
    let limits = Limits::default();
    if path == "/" {
        return Some(Vec::new());
    }
    let relative = path.strip_prefix('/')?;
    let relative = relative.strip_suffix('/').unwrap_or(relative);
    let segments: Vec<&str> = relative.split('/').collect();
    let fits = "/".len() + relative.len() <= limits.bytes && segments.len() <= limits.segments;
    let is_segment = |segment: &&str| {
        !matches!(*segment, "" | "." | "..")
            && segment.len() <= limits.segment_bytes
            && !segment.chars().any(char::is_control)
    };
    (fits && segments.iter().all(is_segment)).then_some(segments)
}

/// Whether a pattern of these segments covers a namespace of those.
pub fn covers(pattern: &[&str], namespace: &[&str]) -> bool {
    pattern.len() <= namespace.len()
        && pattern.iter().zip(namespace).all(|(wanted, segment)| *wanted == "*" || wanted == segment)
}

/// The text behind percent escapes, if each is whole and all is UTF-8.
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        decoded.push(if byte == b'%' { (digit()? * 16 + digit()?) as u8 } else { byte });
    }
    String::from_utf8(decoded).ok()
}

#[test]
fn examples() {
    assert_eq!(segments("/pets/dogs/"), Some(vec!["pets", "dogs"]));
    assert_eq!(segments("//"), None);
    assert!(covers(&["pets", "*"], &["pets", "dogs", "corgi"]) && !covers(&["pets", "*"], &["pets"]));
    assert_eq!(percent_decoded("caf%c3%A9%2525").as_deref(), Some("café%25"));
    assert!(["%", "%4", "%zz", "%+1", "%ff"].iter().all(|text| percent_decoded(text).is_none()));
}
