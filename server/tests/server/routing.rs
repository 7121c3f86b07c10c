//! Which path and method get which answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use sse_server::http::Method;
use sse_server::{Config, Reply, Server};

use crate::support::{PATIENCE, Running, config, eventually, exchange};

#[test]
fn paths_that_could_be_read_in_two_ways_are_refused() {
    let server = Running::new(config());
    for target in [
        "/subscribe//pets",
        "/subscribe/pets//",
        "/subscribe/../admin/",
        "/subscribe/%2e%2e/pets",
        "/subscribe/a%2Fb",
        "/subscribe/a%00b",
        "/subscribe/a%0ab",
        "/subscribe/%ff",
        "/subscribe/50%",
    ] {
        let response = server.get(target);
        assert_eq!(response.status, 400, "{target}");
        assert!(response.problem().ends_with('.'), "{target}");
    }
}

#[test]
fn namespaces_have_limits() {
    let server = Running::new(config());
    let deep = "/a".repeat(65);
    assert_eq!(server.get(&format!("/subscribe{deep}")).status, 400);
    let long = "a".repeat(257);
    assert_eq!(server.get(&format!("/subscribe/{long}")).status, 400);
    assert_eq!(server.post(&format!("/publish/{long}"), "x").status, 400);
}

#[test]
fn nothing_there_is_404() {
    let server = Running::new(config());
    for target in ["/favicon.ico", "/subscriber", "/admin/x"] {
        let response = server.get(target);
        assert_eq!(response.status, 404, "{target}");
        assert_eq!(response.problem(), format!("There is nothing at {target}."));
    }
}

#[test]
fn the_wrong_method_is_told_the_right_ones() {
    let server = Running::new(config());
    for (method, target, allow) in [
        ("POST", "/subscribe/a", "GET, HEAD, OPTIONS"),
        ("PUT", "/subscribe/a", "GET, HEAD, OPTIONS"),
        ("DELETE", "/publish/a", "POST, OPTIONS"),
        ("POST", "/admin/", "GET, HEAD, OPTIONS"),
        ("POST", "/admin/status.json", "GET, HEAD, OPTIONS"),
        ("POST", "/health", "GET, HEAD, OPTIONS"),
        ("GET", "/publish/a", "POST, OPTIONS"),
        ("HEAD", "/publish", "POST, OPTIONS"),
    ] {
        let response = server.request(method, target, &[], "");
        assert_eq!(response.status, 405, "{method} {target}");
        assert_eq!(response.header("allow"), Some(allow), "{method} {target}");
    }
}

#[test]
fn a_method_that_nothing_knows_is_501() {
    let server = Running::new(config());
    for (method, target) in [("BREW", "/subscribe/a"), ("get", "/healthz"), ("PROPFIND", "/nowhere")] {
        let response = server.request(method, target, &[], "");
        assert_eq!(response.status, 501, "{method} {target}");
        assert!(response.problem().starts_with(&format!("{method} is no method of this server")), "{method} {target}");
    }
    let purge = Method::from_bytes(b"PURGE").unwrap();
    let server = Running::build(Server::builder().config(config()).route(purge, "/cache", |_| Reply::text("gone")));
    assert_eq!(server.request("PURGE", "/cache", &[], "").body, "gone");
    assert_eq!(server.request("PURGE", "/healthz", &[], "").status, 405);
    assert_eq!(server.request("BREW", "/cache", &[], "").status, 501);
}

#[test]
fn options_is_answered_everywhere() {
    let server = Running::new(Config { cors_max_age: Some(Duration::from_secs(60)), ..config() });
    for target in
        ["/subscribe/a", "/publish/a", "/publish", "/admin/", "/admin/status.json", "/health", "/healthz", "/readyz"]
    {
        let response = server.request("OPTIONS", target, &[], "");
        assert_eq!(response.status, 204, "{target}");
        assert!(response.header("allow").unwrap().contains("OPTIONS"), "{target}");
        // Nobody has asked what a page may do.
        let of_cors = response.header_names().into_iter().filter(|name| name.starts_with("access-control-"));
        assert!(of_cors.eq((!target.starts_with("/admin")).then_some("access-control-allow-origin")), "{target}");
    }
}

/// HAProxy's default check is `OPTIONS / HTTP/1.0`.
#[test]
fn a_check_of_no_particular_thing_is_answered() {
    let server = Running::new(config());
    for target in ["*", "/"] {
        for rest in ["HTTP/1.0\r\n\r\n", "HTTP/1.1\r\nHost: x\r\n\r\n"] {
            let response = exchange(server.address(), format!("OPTIONS {target} {rest}").as_bytes());
            assert_eq!(response.status, 204, "{target} {rest}");
            assert!(response.header("allow").unwrap().contains("GET"), "{target} {rest}");
        }
    }
}

#[test]
fn the_root_says_where_things_are() {
    let server = Running::new(Config { prefix: "/events".to_owned(), ..config() });
    let page = server.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.body.contains("GET /events/&lt;namespace&gt;") && page.body.contains("/admin/"), "{}", page.body);
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    // Subscriptions may live there, or an embedder's page.
    let server = Running::new(Config { prefix: "/".to_owned(), ..config() });
    assert_eq!(server.subscribe("/").head.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let builder = Server::builder().config(config()).route(Method::GET, "/", |_| Reply::html("mine"));
    assert_eq!(Running::build(builder).get("/").body, "mine");
}

#[test]
fn health_counts_open_streams() {
    let server = Running::new(config());
    let health = || server.get("/health").body;
    assert_eq!(health(), "Active connections: 0");
    let one = server.subscribe("/subscribe/a");
    let two = server.subscribe("/subscribe/b");
    assert_eq!(health(), "Active connections: 2");
    assert_eq!(server.connections(), 2);
    drop((one, two));
    eventually(|| (health() == "Active connections: 0").then_some(()));
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/readyz").status, 200);
    assert_eq!(server.request("HEAD", "/health", &[], "").status, 200);
}

/// What is true of a server now, a cache must not tell in a minute.
#[test]
fn probes_are_never_stored() {
    let server = Running::new(config());
    for target in ["/health", "/healthz", "/readyz"] {
        assert_eq!(server.get(target).header("cache-control"), Some("no-store"), "{target}");
    }
}

#[test]
fn endpoints_can_be_switched_off() {
    let server = Running::new(Config { admin: false, publish: false, ..config() });
    for target in ["/admin/", "/admin", "/admin/status.json"] {
        let response = server.get(target);
        assert_eq!(response.status, 403, "{target}");
        assert!(response.problem().contains("--no-admin"));
    }
    for target in ["/publish/a", "/publish"] {
        let response = server.post(target, "x");
        assert_eq!(response.status, 403, "{target}");
        assert!(response.problem().contains("--no-publish"));
    }
    assert_eq!(server.published(), 0);
    let mut stream = server.subscribe("/subscribe/a");
    server.publish("/a", "", "from within");
    stream.expect("data:from within\n\n");
}

#[test]
fn what_is_no_request_gets_a_problem_too() {
    let server = Running::new(config());
    let mut socket = TcpStream::connect(server.address()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(b"GET /\x01 HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("\r\nContent-Type: application/problem+json\r\n"), "{answer}");
    assert!(answer.contains("\r\nAccess-Control-Allow-Origin: *\r\n"), "{answer}");
}

#[test]
fn a_body_too_large_is_413() {
    let server = Running::new(config());
    let body = "x".repeat(1024 * 1024);
    assert_eq!(server.post("/publish/a", &body).status, 200);

    let mut socket = TcpStream::connect(server.address()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(b"POST /publish/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}
