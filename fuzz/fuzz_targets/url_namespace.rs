//! A subscription's URL stands for the namespace that the simplest reading finds in it, or is refused. The input is what
//! comes after `/subscribe`: more of the path, or a query.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sse_fuzz::path::{percent_decoded, segments};
use sse_net::proto::{Limits, parse_head};
use sse_server::{Config, fuzzing};

fuzz_target!(|tail: &str| {
    // The space ends the URL: what comes after it is another matter.
    if tail.contains(' ') {
        return;
    }
    let head = format!("GET /subscribe{tail} HTTP/1.1\r\nHost: a\r\n\r\n");
    // What is no URL gets no farther.
    let Ok(head) = parse_head(head.as_bytes(), &Limits::default()) else { return };
    let filter = fuzzing::subscription(head.request, &Config::default());
    let named = filter.map(|filter| filter.to_string());
    match tail.split_once('?') {
        None => assert_eq!(named, in_path(tail)),
        Some((path @ ("" | "/"), query)) => {
            if let Some(value) = query.strip_prefix("namespace=").filter(|value| !value.contains('&')) {
                assert_eq!(named, in_query(value), "{path}");
            }
        }
        // Other parameters name something else or are refused: of the path there is no other reading.
        Some((path, _)) => assert!(named.is_none() || named == in_path(path), "{named:?}"),
    }
});

/// What a path beneath the prefix names.
fn in_path(tail: &str) -> Option<String> {
    if matches!(tail, "" | "/") {
        return Some("/".to_owned());
    }
    let relative = tail.strip_prefix('/')?;
    let relative = relative.strip_suffix('/').unwrap_or(relative);
    let decoded: Vec<String> = relative.split('/').map(percent_decoded).collect::<Option<_>>()?;
    let is_segment = |segment: &String| !segment.is_empty() && !segment.contains('/');
    if decoded.iter().all(is_segment) { canonical(&format!("/{}", decoded.join("/"))) } else { None }
}

/// What the value of a parameter names.
fn in_query(value: &str) -> Option<String> {
    canonical(&percent_decoded(&value.replace('+', " "))?)
}

fn canonical(path: &str) -> Option<String> {
    Some(format!("/{}", segments(path)?.join("/")))
}
