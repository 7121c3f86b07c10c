//! A client gets the name, the data and the id of what was published, line ends aside, and nothing else.

#![no_main]

use std::task::Waker;

use libfuzzer_sys::fuzz_target;
use sse_core::{Event, Filter, Frame, Hub, HubConfig};
use sse_fuzz::event_stream::{Message, normalised, parse};

fuzz_target!(|event: (Option<&str>, &[u8])| {
    let (name, data) = event;
    let name = name.unwrap_or_default();
    let sendable = !name.contains(['\r', '\n', '\0']) && !matches!(name, "gap" | "auth-expired");
    match (Frame::encode(Some(name), data), str::from_utf8(data)) {
        (Ok(frame), Ok(text)) if sendable => {
            let frame = str::from_utf8(frame.as_bytes()).expect("UTF-8 goes in and comes out");
            let kind = if name.is_empty() { "message" } else { name };
            let message = Message { kind: kind.into(), data: normalised(text), id: String::new() };
            // Between others: a frame neither leans on what is before it nor leaks into what follows.
            let stream = format!("{frame}:keepalive\n{frame}");
            assert_eq!(parse(&stream).messages, [message.clone(), message.clone()]);
            assert_eq!(parse(&published(name, data)).messages, [Message { id: "ab-1".into(), ..message }]);
        }
        (Err(_), Ok(_)) if !sendable => {}
        (Err(_), Err(_)) => {}
        (frame, data) => panic!("{name:?}, {data:?} became {frame:?}"),
    }
});

/// What a subscriber gets of one event, where there is history.
fn published(name: &str, data: &[u8]) -> String {
    let hub =
        Hub::new(HubConfig { epoch: Some(0xab), history_bytes: 1 << 20, queue_events: 1, ..HubConfig::default() });
    let filter = Filter::parse("/").expect("the root is a path");
    let mut subscription = hub.subscribe(filter, Waker::noop().clone()).expect("the root is within the limits");
    hub.publish(&Event::new("/a", data).named(name)).expect("it can be framed");
    let mut stream = Vec::new();
    while let chunk @ [_, ..] = subscription.chunk() {
        let length = chunk.len();
        stream.extend_from_slice(chunk);
        subscription.advance(length);
    }
    String::from_utf8(stream).expect("UTF-8 goes in and comes out")
}
