//! What pages of other origins may do.

use std::time::Duration;

use sse_server::Config;

use crate::support::{Running, Stream, config};

const ALLOW_ORIGIN: &str = "access-control-allow-origin";

#[test]
fn everyone_may_read_by_default_even_refusals() {
    let server = Running::new(config());
    let origin = ["Origin: https://anyone.example"];
    assert_eq!(server.request("GET", "/health", &origin, "").header(ALLOW_ORIGIN), Some("*"));
    assert_eq!(server.request("POST", "/publish/a", &origin, "x").header(ALLOW_ORIGIN), Some("*"));
    assert_eq!(server.request("GET", "/nowhere", &origin, "").header(ALLOW_ORIGIN), Some("*"));
    assert_eq!(server.request("GET", "/subscribe//", &origin, "").header(ALLOW_ORIGIN), Some("*"));
    assert_eq!(server.get("/health").header("vary"), None);
}

/// Which clients are connected is no other site's business.
#[test]
fn the_admin_page_is_for_its_own_origin() {
    let server = Running::new(config());
    for path in ["/admin/", "/admin/status.json", "/admin"] {
        let answer = server.request("GET", path, &["Origin: https://anyone.example"], "");
        assert_eq!(answer.header(ALLOW_ORIGIN), None, "{path}");
    }
}

#[test]
fn listed_origins_are_named_and_others_are_not() {
    let cors_origins = vec!["https://example.com".to_owned(), "https://*.example.org".to_owned()];
    let server = Running::new(Config { cors_origins, ..config() });
    let allowed = |origin: &str| {
        let stream = Stream::open(server.address(), "/subscribe/a", &[&format!("Origin: {origin}")]);
        assert_eq!(stream.head.status, 200);
        assert_eq!(stream.head.header("vary"), Some("Origin"));
        stream.head.header(ALLOW_ORIGIN).map(str::to_owned)
    };
    assert_eq!(allowed("https://example.com").as_deref(), Some("https://example.com"));
    assert_eq!(allowed("https://a.b.example.org").as_deref(), Some("https://a.b.example.org"));
    assert_eq!(allowed("https://example.org"), None);
    assert_eq!(allowed("http://example.com"), None);
    assert_eq!(allowed("null"), None);
    assert_eq!(server.get("/nowhere").header("vary"), Some("Origin"));
}

#[test]
fn a_page_may_see_how_its_stream_was_resumed() {
    let server = Running::new(config());
    let stream = Stream::open(server.address(), "/subscribe/a", &["Origin: https://anyone.example"]);
    assert_eq!(stream.head.header("access-control-expose-headers"), Some("Sse-Resume"));
    assert_eq!(server.get("/health").header("access-control-expose-headers"), None);
}

#[test]
fn a_preflight_is_answered_as_configured() {
    let server = Running::new(Config {
        cors_methods: vec!["GET".to_owned(), "POST".to_owned()],
        cors_headers: vec!["X-Token".to_owned()],
        cors_max_age: Some(Duration::from_secs(600)),
        ..config()
    });
    let headers = [
        "Origin: https://example.com",
        "Access-Control-Request-Method: GET",
        "Access-Control-Request-Headers: last-event-id",
    ];
    let response = server.request("OPTIONS", "/subscribe/a", &headers, "");
    assert_eq!(response.status, 204);
    assert_eq!(response.header(ALLOW_ORIGIN), Some("*"));
    assert_eq!(response.header("access-control-allow-methods"), Some("GET, POST"));
    assert_eq!(response.header("access-control-allow-headers"), Some("X-Token, Last-Event-ID"));
    assert_eq!(response.header("access-control-max-age"), Some("600"));
}

#[test]
fn a_preflight_names_what_fetch_clients_send_and_what_may_be_done() {
    let server = Running::new(config());
    let ask = |target: &str, method: &str| {
        let method = format!("Access-Control-Request-Method: {method}");
        let headers = "Access-Control-Request-Headers: authorization, cache-control, last-event-id";
        server.request("OPTIONS", target, &["Origin: https://app.example", &method, headers], "")
    };
    for (target, method, methods) in [
        ("/subscribe/a", "GET", "GET, OPTIONS"),
        ("/publish/a", "POST", "POST, OPTIONS"),
        ("/publish", "POST", "POST, OPTIONS"),
    ] {
        let response = ask(target, method);
        assert_eq!(response.status, 204, "{target}");
        assert_eq!(response.header("access-control-allow-methods"), Some(methods), "{target}");
        let reads = response.header("access-control-allow-headers").unwrap().contains("Authorization");
        assert_eq!(reads, method == "GET", "a token is for reading, from pages of any origin");
        let allowed = response.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
        for header in ["cache-control", "last-event-id", "content-type"] {
            assert!(allowed.split(", ").any(|name| name == header), "{header} in {allowed}");
        }
    }
}

#[test]
fn listed_origins_may_have_credentials() {
    let cors_origins = vec!["https://example.com".to_owned(), "http://localhost:*".to_owned()];
    let server = Running::new(Config { cors_origins, cors_credentials: true, ..config() });
    let credentials = "access-control-allow-credentials";
    for (origin, allowed) in
        [("https://example.com", Some("true")), ("http://localhost:5173", Some("true")), ("https://evil.example", None)]
    {
        let stream = Stream::open(server.address(), "/subscribe/a", &[&format!("Origin: {origin}")]);
        assert_eq!(stream.head.header(credentials), allowed, "{origin}");
        assert_eq!(stream.head.header(ALLOW_ORIGIN), allowed.map(|_| origin), "{origin}");
    }
    assert_eq!(Running::new(config()).get("/health").header(credentials), None);
}
