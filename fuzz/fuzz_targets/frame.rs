//! A client gets the name and the data that were published, line ends aside, and nothing else.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sse_core::Frame;
use sse_fuzz::{Message, normalised, parse};

fuzz_target!(|event: (Option<&str>, &[u8])| {
    let (name, data) = event;
    let name = name.unwrap_or_default();
    let sendable = !name.contains(['\r', '\n', '\0']) && name != "gap";
    match (Frame::encode(Some(name), data), str::from_utf8(data)) {
        (Ok(frame), Ok(data)) if sendable => {
            let frame = str::from_utf8(frame.as_bytes()).expect("UTF-8 goes in and comes out");
            let kind = if name.is_empty() { "message" } else { name };
            let message = Message { kind: kind.into(), data: normalised(data) };
            // Between others: a frame neither leans on what is before it nor leaks into what follows.
            let stream = format!("{frame}:keepalive\n\n{frame}");
            assert_eq!(parse(&stream), [message.clone(), message]);
        }
        (Err(_), Ok(_)) if !sendable => {}
        (Err(_), Err(_)) => {}
        (frame, data) => panic!("{name:?}, {data:?} became {frame:?}"),
    }
});
