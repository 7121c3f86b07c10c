//! What a subscriber gets, byte by byte.

use std::time::Duration;

use sse_server::Config;

use crate::support::{Running, Stream, config};

#[test]
fn the_head_comes_at_once_and_says_what_it_must() {
    let server = Running::new(config());
    let stream = server.subscribe("/subscribe/pets");
    assert!(stream.began_with_comment, "at least one byte of body");
    assert_eq!(stream.head.status, 200);
    assert_eq!(stream.head.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(stream.head.header("cache-control"), Some("no-cache, no-store, no-transform"));
    assert_eq!(stream.head.header("x-accel-buffering"), Some("no"));
    assert_eq!(stream.head.header("access-control-allow-origin"), Some("*"));
    assert_eq!(stream.head.header("content-length"), None);
    assert_eq!(stream.head.header("transfer-encoding"), Some("chunked"));
}

/// Its client knows of no chunks: the stream ends with the connection.
#[test]
fn http_1_0_gets_no_chunks() {
    let server = Running::new(config());
    let mut stream = Stream::open_as(server.address(), "/subscribe/pets", &[], "HTTP/1.0");
    assert_eq!(stream.head.header("transfer-encoding"), None);
    server.publish("/pets", "", "Corgi");
    stream.expect("data:Corgi\n\n");
    server.drain(Duration::ZERO);
    assert_eq!(stream.rest(), "");
}

#[test]
fn frames_are_exact() {
    let server = Running::new(config());
    let mut stream = server.subscribe("/subscribe/pets");
    server.publish("/pets/dogs", "new-dog", "Corgi");
    server.publish("/pets", "", "no name");
    server.publish("/pets/cats", "lines", "one\ntwo\r\nthree\rfour");
    server.publish("/pets", "", "");
    stream.expect("event:new-dog\ndata:Corgi\n\n");
    stream.expect("data:no name\n\n");
    stream.expect("event:lines\ndata:one\ndata:two\ndata:three\ndata:four\n\n");
    stream.expect("data:\n\n");
}

#[test]
fn a_namespace_covers_what_is_beneath_it() {
    let server = Running::new(config());
    let mut everything = server.subscribe("/subscribe");
    let mut root = server.subscribe("/subscribe/");
    let mut pets = server.subscribe("/subscribe/pets/");
    let mut young = server.subscribe("/subscribe/*/dogs");
    for namespace in ["/pets", "/petshop", "/pets/dogs/corgi", "/ranch/dogs", "/", "/end/dogs", "/pets/end"] {
        server.publish(namespace, "", namespace);
    }
    let all = "data:/pets\n\ndata:/petshop\n\ndata:/pets/dogs/corgi\n\ndata:/ranch/dogs\n\ndata:/\n\ndata:/end/dogs\n\ndata:/pets/end\n\n";
    everything.expect(all);
    root.expect(all);
    pets.expect("data:/pets\n\ndata:/pets/dogs/corgi\n\ndata:/pets/end\n\n");
    young.expect("data:/pets/dogs/corgi\n\ndata:/ranch/dogs\n\ndata:/end/dogs\n\n");
}

#[test]
fn a_namespace_is_decoded_once() {
    let server = Running::new(config());
    let mut stream = server.subscribe("/subscribe/caf%C3%A9/100%25");
    server.publish("/café/100%", "", "Crème");
    stream.expect("data:Crème\n\n");
}

#[test]
fn the_prefix_is_free_to_choose() {
    let server = Running::new(Config { prefix: "/v1/events/".to_owned(), ..config() });
    let mut stream = server.subscribe("/v1/events/pets");
    server.publish("/pets", "", "Corgi");
    stream.expect("data:Corgi\n\n");
    assert_eq!(server.get("/subscribe/pets").status, 404);
}

#[test]
fn every_worker_serves_the_same_events() {
    let server = Running::new(Config { workers: 3, ..config() });
    let mut streams: Vec<_> = (0..12).map(|_| server.subscribe("/subscribe/a")).collect();
    server.publish("/a", "", "1");
    server.publish("/a", "", "2");
    for stream in &mut streams {
        stream.expect("data:1\n\ndata:2\n\n");
    }
}

#[test]
fn silence_is_filled_with_comments() {
    let server = Running::new(Config { keepalive: Some(Duration::from_millis(10)), ..config() });
    let mut stream = server.subscribe("/subscribe/a");
    stream.expect(":keepalive\n:keepalive\n");
}

#[test]
fn unknown_parameters_are_ignored() {
    let server = Running::new(config());
    let mut stream = server.subscribe("/subscribe/a?lastEventId=1&x&_=17&access_token=y");
    server.publish("/a", "", "1");
    stream.expect("data:1\n\n");
}

/// A client would get everything where it asks for something, or miss what it asks for, and not be told.
#[test]
fn parameters_that_seem_to_mean_another_are_refused() {
    let server = Running::new(config());
    for (query, right) in [
        ("namespaces=/pets", "namespace"),
        ("namespace=/a&Namespace=/b", "namespace"),
        ("namespace[]=/pets", "namespace"),
        ("namespace%5B%5D=/pets", "namespace"),
        ("last-event-id=1-2", "last_event_id"),
        ("Last-Event-ID=1-2", "last_event_id"),
    ] {
        for target in [format!("/subscribe?{query}"), format!("/subscribe/a?{query}")] {
            let response = server.get(&target);
            assert_eq!(response.status, 400, "{target}");
            assert!(response.problem().contains(&format!("`{right}=`")), "{target}: {}", response.problem());
        }
    }
    // Other words for it are refused only where everything would come instead, and may be somebody else's elsewhere.
    assert_eq!(server.get("/subscribe?topic=/pets").status, 400);
    assert_eq!(server.get("/subscribe/?x=1&Channels=/pets").status, 400);
    assert_eq!(server.subscribe("/subscribe/a?topic=/pets").head.status, 200);
    assert_eq!(server.subscribe("/subscribe?namespace=/a&topic=/pets").head.status, 200);
    let many = "n&".repeat(300);
    assert!(server.get(&format!("/subscribe/a?{many}")).problem().contains("too many"));
    let long = server.get(&format!("/subscribe?namespace[{}]=/pets", "x".repeat(20)));
    assert!(long.problem().len() < 500, "{}", long.problem());
}

#[test]
fn head_gives_the_head() {
    let server = Running::new(config());
    let response = server.request("HEAD", "/subscribe/a", &[], "");
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(server.connections(), 0);
}
