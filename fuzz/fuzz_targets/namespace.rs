//! Paths are taken or refused exactly as the simplest reading of the rules says, and a pattern covers what it must.
//! The input is a path and, on a second line, another.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sse_core::{Limits, Namespace, Pattern};

fuzz_target!(|lines: &str| {
    let (path, other) = lines.split_once('\n').unwrap_or((lines, "/"));
    let expected = segments(path);
    let pattern = Pattern::parse(path);
    assert_eq!(pattern.is_ok(), expected.is_some(), "{path:?}: {pattern:?}");

    let namespace = Namespace::parse(path);
    let plain = expected.filter(|segments| !segments.contains(&"*"));
    assert_eq!(namespace.is_ok(), plain.is_some(), "{path:?}: {namespace:?}");
    if let (Ok(namespace), Some(plain)) = (namespace, plain) {
        assert_eq!(namespace.segments().collect::<Vec<_>>(), plain);
        assert_eq!(namespace.as_str(), format!("/{}", plain.join("/")));
        assert_eq!(Namespace::parse(namespace.as_str()), Ok(namespace));
    }

    if let (Ok(pattern), Ok(namespace)) = (pattern, Namespace::parse(other)) {
        let pattern_segments = segments(path).expect("it was parsed");
        let mut segments = namespace.segments();
        let covers = pattern_segments
            .iter()
            .all(|&wanted| segments.next().is_some_and(|segment| wanted == "*" || wanted == segment));
        assert_eq!(pattern.covers(&namespace), covers, "{pattern} and {namespace}");
    }
});

/// The segments of `path`, if it is one.
fn segments(path: &str) -> Option<Vec<&str>> {
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
