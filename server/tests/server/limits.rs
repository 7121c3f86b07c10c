//! Who is turned away, and how.

use sse_server::http::Method;
use sse_server::{Config, Filter, FilterLimits, Reply, Server, Verdict};

use crate::support::{Response, Running, Stream, config, eventually};

/// A stream that says when to return and ends.
#[track_caller]
fn assert_shed(stream: Stream) {
    assert_eq!(stream.head.status, 200);
    assert_eq!(stream.head.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(stream.head.header("access-control-allow-origin"), Some("*"));
    assert_eq!(stream.head.header("connection"), Some("close"));
    let body = stream.rest();
    let retry: u32 = body.strip_prefix("retry:").unwrap().strip_suffix("\n\n").unwrap().parse().unwrap();
    assert!((2_000..=10_000).contains(&retry), "{retry}");
}

fn is_shed(head: &Response) -> bool {
    head.header("content-length").is_some()
}

#[test]
fn a_full_server_tells_subscribers_when_to_return() {
    let events = Filter::parse("/events").unwrap();
    let builder = Server::builder().config(Config { max_connections: Some(1), ..config() }).route(
        Method::GET,
        "/events",
        move |_| Reply::subscribe(events.clone()),
    );
    let server = Running::build(builder);
    let mut first = server.subscribe("/subscribe/a");

    assert_shed(server.subscribe("/subscribe/a"));
    assert_shed(server.subscribe("/subscribe"));
    assert_shed(Stream::open(server.address(), "/events", &["Accept: text/event-stream"]));

    for (method, target) in [("GET", "/health"), ("GET", "/events"), ("POST", "/publish/a"), ("GET", "/nowhere")] {
        let response = server.request(method, target, &[], "");
        assert_eq!(response.status, 503, "{method} {target}");
        let retry: u32 = response.header("retry-after").unwrap().parse().unwrap();
        assert!((2..=10).contains(&retry));
        assert_eq!(response.header("connection"), Some("close"));
        assert!(!response.problem().is_empty());
    }
    assert_eq!(server.get("/healthz").status, 200);

    server.publish("/a", "", "still here");
    first.expect("data:still here\n\n");
    drop(first);
    eventually(|| Some(server.subscribe("/subscribe/a")).filter(|stream| !is_shed(&stream.head)));
}

#[test]
fn an_address_has_its_share() {
    let server = Running::new(Config {
        max_connections_per_ip: Some(2),
        trusted_proxies: vec!["127.0.0.0/8".to_owned()],
        ..config()
    });
    let from = |client: &str| Stream::open(server.address(), "/subscribe/a", &[&format!("X-Forwarded-For: {client}")]);
    let one = from("192.0.2.1");
    let _two = from("192.0.2.1");
    assert_shed(from("192.0.2.1"));
    assert!(!is_shed(&from("192.0.2.2").head));
    assert_eq!(server.get("/health").status, 200);

    drop(one);
    eventually(|| Some(from("192.0.2.1")).filter(|stream| !is_shed(&stream.head)));
}

#[test]
fn who_does_not_read_is_let_go() {
    let server = Running::new(Config { max_lag: 64 * 1024, ..config() });
    let _stream = server.subscribe("/subscribe/a");
    // In all more than the socket's buffers take, and than the reader may lag.
    let data = "x".repeat(64 * 1024);
    eventually(|| {
        server.publish("/a", "", &data);
        (server.connections() == 0).then_some(())
    });
    let status = server.get("/admin/status.json").json();
    assert_eq!(status["disconnected"]["lagged"], 1, "{status}");
    assert_eq!(status["slow_consumers"], serde_json::json!({ "disconnected": 1, "skipped": 0 }));
}

/// The query of a subscription to so many patterns of 64 segments, each `a` or `*`.
fn large_filter(patterns: u64, stranger: u64) -> String {
    let pattern = |n: u64| {
        let bits = (stranger * patterns + n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let segments: String = (0..64).map(|place| if bits >> place & 1 == 0 { "/a" } else { "/*" }).collect();
        format!("namespace={segments}")
    };
    (0..patterns).map(pattern).collect::<Vec<_>>().join("&")
}

#[test]
fn filters_that_would_fill_the_trie_are_refused_at_the_door() {
    let server = Running::new(config());
    let mut all = server.subscribe("/subscribe");
    for stranger in 0..800 {
        let refused = server.get(&format!("/subscribe?{}", large_filter(100, stranger)));
        assert_eq!(refused.status, 400);
        assert!(refused.problem().contains("at most 1024 segments in all, and these have 6400"), "{refused:?}");
    }
    let refused = server.get(&format!("/subscribe?{}", large_filter(6, 0)));
    assert_eq!(refused.status, 400);
    assert!(refused.problem().contains("at most 128 wildcards"), "{refused:?}");

    assert_eq!(server.get("/admin/status.json").json()["channels"], 1);
    server.publish(&"/a".repeat(64), "", "deep");
    all.expect("data:deep\n\n");
}

#[test]
fn filters_have_the_limits_that_are_set() {
    let filter_limits = FilterLimits { segments: 4, wildcards: 1, ..FilterLimits::default() };
    let events = Filter::parse("/*/*").unwrap();
    let builder = Server::builder()
        .config(Config { filter_limits, ..config() })
        .middleware(|_| Verdict::pass().header("x-seen".parse().unwrap(), "yes".parse().unwrap()))
        .route(Method::GET, "/events", move |_| Reply::subscribe(events.clone()));
    let server = Running::build(builder);
    for target in ["/subscribe/a/b/c/*", "/subscribe?namespace=/a/*&namespace=/b/c"] {
        assert!(!is_shed(&server.subscribe(target).head));
    }
    for (target, words) in [
        ("/subscribe/a/b/c/d/e", "at most 4 segments"),
        ("/subscribe?namespace=/a/b/c&namespace=/b/c", "at most 4 segments"),
        ("/subscribe/*/*", "at most 1 wildcards"),
        // An embedder's, which the hub refuses.
        ("/events", "at most 1 wildcards"),
    ] {
        let refused = server.get(target);
        assert_eq!(refused.status, 400, "{target}");
        assert!(refused.problem().contains(words), "{refused:?}");
        assert_eq!(refused.headers("access-control-allow-origin"), ["*"]);
        assert_eq!(refused.header("x-seen"), Some("yes"));
        assert_eq!(refused.headers("cache-control"), ["no-store"]);
    }
    assert_eq!(server.request("HEAD", "/subscribe/*/*", &[], "").status, 400);
}

#[test]
fn who_needs_a_channel_too_many_is_told_when_to_return() {
    let server = Running::new(Config { max_channels: 2, max_connections_per_ip: Some(3), ..config() });
    let mut first = server.subscribe("/subscribe/a");
    let second = server.subscribe("/subscribe/b");
    for target in ["/subscribe/c", "/subscribe?namespace=/a&namespace=/c", "/subscribe/*"] {
        assert_shed(server.subscribe(target));
    }
    // A channel that is there has room, and those who were turned away are not counted among the streams.
    let mut third = server.subscribe("/subscribe/a");
    server.publish("/a", "", "1");
    first.expect("data:1\n\n");
    third.expect("data:1\n\n");
    let status = server.get("/admin/status.json").json();
    assert_eq!((&status["channels"], &status["max_channels"]), (&2.into(), &2.into()), "{status}");
    assert_eq!((&status["shed"], &status["shed_for_channels"]), (&3.into(), &3.into()), "{status}");
    assert_eq!(server.connections(), 3);

    drop(second);
    let mut new = eventually(|| Some(server.subscribe("/subscribe/c")).filter(|stream| !is_shed(&stream.head)));
    server.publish("/c", "", "2");
    new.expect("data:2\n\n");
}
