//! Who is turned away, and how.

use std::io::{Read, Write};
use std::net::TcpStream;

use sse_server::http::Method;
use sse_server::{Config, Filter, FilterLimits, Reply, Server, Verdict};

use crate::support::{Response, Running, Stream, config, eventually, with_history};

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

/// All connections count, and one that becomes a stream counts once.
#[test]
fn an_address_has_its_share_of_connections() {
    let server = Running::new(Config { max_connections_per_ip: Some(3), ..config() });
    // Connections are accepted in the order in which they come.
    let idle = TcpStream::connect(server.address()).unwrap();
    let _one = server.subscribe("/subscribe/a");
    let mut two = server.subscribe("/subscribe/a");

    let refused = server.get("/health");
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").is_some() && refused.header("connection") == Some("close"), "{refused:?}");
    assert!(refused.problem().contains("--max-connections-per-ip"), "{refused:?}");
    assert_eq!(server.post("/publish/a", "unheard").status, 429);
    assert_shed(server.subscribe("/subscribe/a"));
    assert_eq!(server.get("/healthz").status, 200);

    drop(idle);
    eventually(|| (server.post("/publish/a", "1").status == 200).then_some(()));
    two.expect("data:1\n\n");
    eventually(|| (server.get("/health").status == 200).then_some(()));
    assert!(limit(&server, "connections_per_address") >= 4);
    assert_eq!(limit(&server, "connections_full"), 0);
}

/// Beyond what a socket takes, so that who doesn't read it isn't through.
const MUCH: usize = 32 << 20;

#[test]
fn a_crowd_that_resumes_comes_some_at_a_time() {
    let server = Running::new(Config { max_replays: 1, history_bytes: 2 * MUCH, ..with_history() });
    let data = "x".repeat(64 << 10);
    let id = server.publish("/a", "", "");
    for _ in 0..MUCH / data.len() {
        server.publish("/a", "", &data);
    }
    let resume = || Stream::open(server.address(), "/subscribe/a", &[&format!("Last-Event-ID: {id}")]);
    let first = resume();
    assert_eq!(limit(&server, "replays"), 1);

    let second = resume();
    assert!(is_shed(&second.head));
    let told = second.rest();
    assert!(told.starts_with("retry:") && told.ends_with(&format!("\nid:{id}\n\n")), "it keeps its place: {told}");
    assert_eq!(limit(&server, "replays_refused"), 1);
    assert!(!is_shed(&server.subscribe("/subscribe/a").head), "who has missed nothing may come");

    drop(first);
    let mut second = eventually(|| Some(resume()).filter(|stream| !is_shed(&stream.head)));
    for _ in 0..MUCH / data.len() {
        assert_eq!(second.event(), format!("data:{data}"));
    }
    eventually(|| (limit(&server, "replays") == 0).then_some(()));
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
    let server = Running::new(Config { max_channels: 2, ..config() });
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
    assert_eq!((&status["shed"], &status["limits"]["channels_refused"]), (&3.into(), &3.into()), "{status}");
    assert_eq!(server.connections(), 3);

    drop(second);
    let mut new = eventually(|| Some(server.subscribe("/subscribe/c")).filter(|stream| !is_shed(&stream.head)));
    server.publish("/c", "", "2");
    new.expect("data:2\n\n");
}

/// Five wildcards are more than an ordinary filter has.
const WILD: &str = "/subscribe/*/*/*/*/*";

/// The same, and the most that one may have.
const VERY_WILD: &str = "/subscribe/*/*/*/*/*/*/*/*/*/*";

/// Each network may have ten wildcards in large filters, and clients are those that a header names.
fn ten_wildcards() -> Config {
    Config {
        filter_limits: FilterLimits { wildcards: 10, ..FilterLimits::default() },
        max_filter_wildcards_per_ip: 10,
        trusted_proxies: vec!["127.0.0.0/8".to_owned()],
        ..config()
    }
}

fn open_for(server: &Running, client: &str, target: &str) -> Stream {
    Stream::open(server.address(), target, &[&format!("X-Forwarded-For: {client}")])
}

#[test]
fn a_network_has_its_share_of_large_filters() {
    let server = Running::new(ten_wildcards());
    let serves = |client: &str, target: &str| {
        let stream = open_for(&server, client, target);
        assert!(!is_shed(&stream.head), "{client} {target}");
        stream
    };
    let refuses = |client: &str, target: &str| {
        let stream = open_for(&server, client, target);
        assert!(is_shed(&stream.head) && stream.head.status == 200, "{client} {target}");
        let told = stream.rest();
        assert!(told.starts_with(':') && told.contains("\nretry:") && told.ends_with("\n\n"), "{told}");
    };
    let mut one = serves("192.0.2.1", WILD);
    let mut two = serves("192.0.2.1", WILD);
    refuses("192.0.2.1", WILD);
    refuses("192.0.2.1", VERY_WILD);
    let _v6 = [serves("2001:db8::1", WILD), serves("2001:db8::2", WILD)];
    refuses("2001:db8::3", WILD);
    assert_eq!(limit(&server, "filters_refused"), 3);

    // Nobody else is: neither another network nor whoever asks for little.
    let mut others = vec![serves("192.0.2.2", VERY_WILD), serves("2001:db8:0:1::1", VERY_WILD)];
    for _ in 0..20 {
        others.push(serves("192.0.2.1", "/subscribe/*/*/*/*"));
        others.push(serves("192.0.2.1", &format!("/subscribe{}", "/a".repeat(16))));
    }
    server.publish(&"/a".repeat(16), "", "1");
    others.iter_mut().chain([&mut one, &mut two]).for_each(|stream| stream.expect("data:1\n\n"));

    drop(one);
    eventually(|| Some(open_for(&server, "192.0.2.1", WILD)).filter(|stream| !is_shed(&stream.head)));
    drop(two);
    let mut whole =
        eventually(|| Some(open_for(&server, "192.0.2.1", VERY_WILD)).filter(|stream| !is_shed(&stream.head)));
    server.publish(&"/a".repeat(16), "", "2");
    whole.expect("data:2\n\n");
}

/// Without a proxy it is the connection's own address that counts.
#[test]
fn who_is_behind_no_proxy_is_who_connects() {
    let server = Running::new(Config { trusted_proxies: Vec::new(), ..ten_wildcards() });
    let _stream = open_for(&server, "192.0.2.1", VERY_WILD);
    assert!(is_shed(&open_for(&server, "192.0.2.2", WILD).head));
}

#[test]
fn what_becomes_no_stream_has_no_share() {
    let too_wild = Filter::parse(&"/*".repeat(11)).unwrap();
    let builder = Server::builder().config(Config { max_channels: 1, ..ten_wildcards() }).route(
        Method::GET,
        "/events",
        move |_| Reply::subscribe(too_wild.clone()),
    );
    let server = Running::build(builder);
    for _ in 0..3 {
        let head = server.request("HEAD", VERY_WILD, &[], "");
        assert!(head.status == 200 && !is_shed(&head), "{head:?}");
    }
    let first = server.subscribe("/subscribe/a");
    for _ in 0..3 {
        assert_shed(server.subscribe(VERY_WILD));
    }
    // An embedder's that would never fit is not told to come back.
    let refused = server.get("/events");
    assert_eq!(refused.status, 400);
    assert!(refused.problem().contains("at most 10 wildcards"), "{refused:?}");
    let status = server.get("/admin/status.json").json();
    assert_eq!((&status["limits"]["channels_refused"], &status["limits"]["filters_refused"]), (&3.into(), &0.into()));

    drop(first);
    let _whole = eventually(|| Some(server.subscribe(VERY_WILD)).filter(|stream| !is_shed(&stream.head)));
}

/// What `status.json` says of this limit.
fn limit(server: &Running, name: &str) -> u64 {
    server.get("/admin/status.json").json()["limits"][name].as_u64().unwrap()
}

/// Whether anything has come.
fn is_answered(client: &TcpStream) -> bool {
    client.set_nonblocking(true).unwrap();
    let length = client.peek(&mut [0]);
    client.set_nonblocking(false).unwrap();
    length.is_ok_and(|length| length > 0)
}

/// Bodies of a mebibyte, of which the last byte never comes: no more than sixteen of them fit.
#[test]
fn what_strangers_make_us_hold_is_bounded() {
    const CLIENTS: usize = 300;
    let server = Running::new(Config { max_buffered: 16 << 20, ..config() });
    let head = format!("POST /publish/a HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n", server.address(), 1 << 20);
    let body = vec![b'x'; (1 << 20) - 1];
    let mut clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut client = TcpStream::connect(server.address()).unwrap();
            client.write_all(head.as_bytes()).unwrap();
            client.write_all(&body).unwrap();
            client
        })
        .collect();
    eventually(|| (clients.iter().filter(|client| is_answered(client)).count() >= CLIENTS - 16).then_some(()));
    let buffered = limit(&server, "buffered_bytes");
    assert!((8 << 20..=16 << 20).contains(&buffered), "{buffered}");
    assert!(limit(&server, "buffered_refused") >= CLIENTS as u64 - 16);

    let refused = clients.iter_mut().find(|client| is_answered(client)).unwrap();
    let mut answer = String::new();
    refused.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nRetry-After: "), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n") && answer.contains("--max-buffered"), "{answer}");

    let mut stream = server.subscribe("/subscribe/b");
    assert_eq!(server.post("/publish/b", "small").status, 200);
    stream.expect("data:small\n\n");
    assert_eq!(server.get("/health").status, 200);

    drop(clients);
    eventually(|| (limit(&server, "buffered_bytes") == 0).then_some(()));
    assert_eq!(server.post("/publish/b", &"x".repeat(60_000)).status, 200);
}

/// What is announced is not what is held.
#[test]
fn announcing_bodies_takes_no_room() {
    let server = Running::new(Config { max_buffered: 2 << 20, ..config() });
    let head = format!("POST /publish/a HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n", server.address(), 1 << 20);
    let _clients: Vec<_> = (0..100)
        .map(|_| {
            let mut client = TcpStream::connect(server.address()).unwrap();
            client.write_all(head.as_bytes()).unwrap();
            client
        })
        .collect();
    assert_eq!(server.post("/publish/b", &"x".repeat(1 << 19)).status, 200);
    assert_eq!(limit(&server, "buffered_refused"), 0);
}
