//! Paths are taken or refused exactly as the simplest reading of the rules says, and a pattern covers what it must.
//! The input is a path and, on a second line, another.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sse_core::{Namespace, Pattern};
use sse_fuzz::path::{covers, segments};

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
        let wanted = segments(path).expect("it was parsed");
        let covers = covers(&wanted, &namespace.segments().collect::<Vec<_>>());
        assert_eq!(pattern.covers(&namespace), covers, "{pattern} and {namespace}");
    }
});
