//! Middleware and routes of the embedder's own.

use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;

use sse_server::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, VARY};
use sse_server::http::{HeaderName, HeaderValue, Method, StatusCode};
use sse_server::{BindError, Builder, Config, Filter, Reply, Server, Verdict};

use crate::support::{Running, Stream, config, with_history};

fn builder() -> Builder {
    Server::builder().config(config())
}

#[test]
fn middleware_sees_every_request_and_its_client() {
    let (sender, seen) = mpsc::channel();
    let sender = Mutex::new(sender);
    let config = Config { trusted_proxies: vec!["127.0.0.1".to_owned()], ..config() };
    let server = Running::build(Server::builder().config(config).middleware(move |request| {
        let line = format!("{} {} {} {}", request.client(), request.peer().ip(), request.method(), request.uri());
        sender.lock().unwrap().send(line).unwrap();
        Verdict::pass()
    }));
    let _ = Stream::open(server.address(), "/subscribe/a?b=c", &["X-Forwarded-For: 192.0.2.7"]);
    let _ = server.get("/nowhere");
    assert_eq!(seen.recv().unwrap(), "192.0.2.7 127.0.0.1 GET /subscribe/a?b=c");
    assert_eq!(seen.recv().unwrap(), "127.0.0.1 127.0.0.1 GET /nowhere");
}

#[test]
fn middleware_may_refuse() {
    let server = Running::build(builder().middleware(|request| {
        match request.header("authorization") {
            Some("Bearer open-sesame") => Verdict::pass(),
            _ => Verdict::refuse(StatusCode::UNAUTHORIZED, "Send the token.")
                .header(HeaderName::from_static("www-authenticate"), HeaderValue::from_static("Bearer")),
        }
    }));
    let refused = server.get("/subscribe/a");
    assert_eq!(refused.status, 401);
    assert_eq!(refused.problem(), "Send the token.");
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    assert_eq!(refused.header("access-control-allow-origin"), Some("*"));
    let stream = Stream::open(server.address(), "/subscribe/a", &["Authorization: Bearer open-sesame"]);
    assert_eq!(stream.head.status, 200);
}

#[test]
fn middleware_may_decide_on_origins() {
    let server = Running::build(builder().middleware(|request| {
        match request.header("origin") {
            Some(origin) => Verdict::pass()
                .header(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_str(origin).unwrap())
                .header(HeaderName::from_static("access-control-allow-credentials"), HeaderValue::from_static("true"))
                .header(VARY, HeaderValue::from_static("Origin")),
            None => Verdict::pass(),
        }
    }));
    let stream = Stream::open(server.address(), "/subscribe/a", &["Origin: https://tenant.example"]);
    assert_eq!(stream.head.header("access-control-allow-origin"), Some("https://tenant.example"));
    assert_eq!(stream.head.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(
        stream.head.header_names(),
        [
            "access-control-allow-credentials",
            "access-control-allow-origin",
            "access-control-expose-headers",
            "cache-control",
            "connection",
            "content-type",
            "date",
            "sse-resume",
            "transfer-encoding",
            "vary",
            "x-accel-buffering",
        ]
    );
}

#[test]
fn middleware_goes_in_order_until_one_answers() {
    let add = |value| (HeaderName::from_static("x-seen-by"), HeaderValue::from_static(value));
    let with = move |verdict: Verdict, value| {
        let (name, value) = add(value);
        verdict.header(name, value)
    };
    let server = Running::build(
        builder()
            .middleware(move |_| with(Verdict::pass(), "first"))
            .middleware(|request| match request.path() {
                "/stop" => Verdict::refuse(StatusCode::GONE, "No more."),
                _ => Verdict::pass(),
            })
            .middleware(move |_| with(Verdict::pass(), "third")),
    );
    assert_eq!(server.get("/stop").header("x-seen-by"), Some("first"));
    assert_eq!(server.get("/health").header("x-seen-by"), Some("third"));
}

/// What guards a path guards all its spellings.
#[test]
fn middleware_sees_paths_as_routing_does() {
    let server = Running::build(builder().middleware(|request| match request.path() {
        path if path.starts_with("/admin") || path.starts_with("/publish") => {
            Verdict::refuse(StatusCode::UNAUTHORIZED, "Who are you?")
        }
        _ => Verdict::pass(),
    }));
    for path in ["/admin/", "/%61dmin/", "/admin/status.json", "/admin/%73tatus.json", "/%61%64min"] {
        assert_eq!(server.get(path).status, 401, "{path}");
    }
    assert_eq!(server.post("/%70ublish/a", "x").status, 401);
    assert_eq!(server.get("/admin%2F").status, 400);
}

#[test]
fn routes_stand_beside_ours_and_before_them() {
    let server = Running::build(
        builder()
            .route(Method::GET, "/", |_| Reply::html("<p>Hello"))
            .route(Method::POST, "/echo", |request| Reply::text(request.body().clone()))
            .route(Method::GET, "/assets/*", |request| Reply::text(request.path().to_owned()))
            .route(Method::GET, "/healthz", |_| Reply::text("mine")),
    );
    let page = server.get("/");
    assert_eq!((page.status, page.body.as_str()), (200, "<p>Hello"));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("access-control-allow-origin"), Some("*"));
    assert_eq!(server.post("/echo", "ping").body, "ping");
    assert_eq!(server.get("/assets/a/%62.css").body, "/assets/a/b.css");
    assert_eq!(server.get("/assets/a//b.css").status, 400);
    assert_eq!(server.get("/healthz").body, "mine");
    assert_eq!(server.get("/health").body, "Active connections: 0");

    let head = server.request("HEAD", "/", &[], "");
    assert_eq!((head.status, head.header("content-length")), (200, Some("8")));
    let wrong = server.get("/echo");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST, OPTIONS")));
    assert_eq!(server.request("OPTIONS", "/", &[], "").status, 204);
}

#[test]
fn a_route_may_be_a_stream() {
    let events = Filter::parse("/news").unwrap();
    let server = Running::build(builder().route(Method::GET, "/events", move |_| Reply::subscribe(events.clone())));
    let mut stream = server.subscribe("/events");
    server.publish("/news/today", "", "1");
    stream.expect("data:1\n\n");
    let status = server.get("/admin/status.json").json();
    assert_eq!(status["connections"][0]["request_path"], "/events");
    assert_eq!(status["connections"][0]["namespace"], "/news");
}

#[test]
fn a_stream_on_a_route_resumes_as_ours_do() {
    let events = Filter::parse("/news").unwrap();
    let later = events.clone();
    let builder = Server::builder()
        .config(Config { retry: None, ..with_history() })
        .route(Method::GET, "/events", move |_| Reply::subscribe(events.clone()))
        .route(Method::GET, "/later", move |_| {
            let filter = later.clone();
            Reply::later(|responder| drop(thread::spawn(move || responder.send(Reply::subscribe(filter)))))
        });
    let server = Running::build(builder);
    let first = server.publish("/news", "", "1");
    let second = server.publish("/news", "", "2");
    for (target, header) in [
        ("/events", format!("Last-Event-ID: {first}")),
        ("/later", format!("Last-Event-ID: {first}")),
        (&format!("/events?last_event_id={first}"), "X-Other: 1".to_owned()),
    ] {
        let mut stream = Stream::open(server.address(), target, &[&header]);
        assert_eq!(stream.head.header("sse-resume"), Some("exact"), "{target}");
        stream.expect(&format!("id:{first}\n\ndata:2\nid:{second}\n\n"));
    }
}

/// `/publish/orders/` is no way past a route `/publish/orders`, nor past middleware that watches it.
#[test]
fn a_slash_at_the_end_of_a_path_makes_no_difference() {
    let server = Running::build(
        builder()
            .middleware(|request| match request.path() {
                "/secret" => Verdict::refuse(StatusCode::FORBIDDEN, "Not for you."),
                _ => Verdict::pass(),
            })
            .route(Method::POST, "/publish/orders", |_| Reply::text("checked"))
            .route(Method::GET, "/ends/", |_| Reply::text("ends"))
            .route(Method::GET, "/files/*", |request| Reply::text(request.path().to_owned())),
    );
    for slash in ["", "/"] {
        assert_eq!(server.post(&format!("/publish/orders{slash}"), "x").body, "checked");
        assert_eq!(server.get(&format!("/ends{slash}")).body, "ends");
        assert_eq!(server.get(&format!("/secret{slash}")).status, 403);
        assert_eq!(server.get(&format!("/files{slash}")).body, "/files");
        assert_eq!(server.get(&format!("/files/a{slash}")).body, "/files/a");
    }
    assert_eq!(server.published(), 0);
}

/// What is seen of a repeated parameter is what counts.
#[test]
fn middleware_sees_all_values_of_a_parameter() {
    let server = Running::build(builder().middleware(|request| {
        match request.query("namespace").all(|namespace| namespace.starts_with("/open/")) {
            true => Verdict::pass(),
            false => Verdict::refuse(StatusCode::FORBIDDEN, "Not for you."),
        }
    }));
    assert_eq!(server.subscribe("/subscribe?namespace=/open/a&namespace=/open/b").head.status, 200);
    for query in ["namespace=/open/a&namespace=/secret", "namespace=/open/a&%6Eamespace=%2Fsecret"] {
        assert_eq!(server.get(&format!("/subscribe?{query}")).status, 403, "{query}");
    }
}

#[test]
fn middleware_may_expose_headers_beside_ours() {
    let expose = HeaderName::from_static("access-control-expose-headers");
    let server = Running::build(
        builder().middleware(move |_| Verdict::pass().header(expose.clone(), HeaderValue::from_static("X-Token"))),
    );
    let stream = server.subscribe("/subscribe/a");
    let exposed = stream.head.headers("access-control-expose-headers");
    assert_eq!(exposed, ["Sse-Resume", "X-Token"]);
}

#[test]
fn an_answer_may_come_later_from_any_thread() {
    let server = Running::build(
        builder()
            .route(Method::GET, "/slow", |_| {
                Reply::later(|responder| drop(thread::spawn(move || responder.send(Reply::text("done")))))
            })
            .route(Method::GET, "/slow-stream", |_| {
                Reply::later(|responder| {
                    thread::spawn(move || responder.send(Reply::subscribe(Filter::parse("/a").unwrap())));
                })
            })
            .route(Method::GET, "/twice", |_| {
                Reply::later(|first| first.send(Reply::later(|second| second.send(Reply::text("done")))))
            })
            .route(Method::GET, "/never", |_| Reply::later(drop)),
    );
    let slow = server.get("/slow");
    assert_eq!((slow.status, slow.body.as_str()), (200, "done"));
    assert_eq!(slow.header("access-control-allow-origin"), Some("*"));
    assert_eq!(server.get("/twice").body, "done");
    assert_eq!(server.get("/never").status, 500);
    let mut stream = server.subscribe("/slow-stream");
    server.publish("/a", "", "1");
    stream.expect("data:1\n\n");
}

#[test]
fn a_panic_costs_one_request_only() {
    let server = Running::build(builder().route(Method::GET, "/bug", |_| panic!("on purpose, by a test")).route(
        Method::GET,
        "/later-bug",
        |_| Reply::later(|_| panic!("on purpose, by a test")),
    ));
    let mut stream = server.subscribe("/subscribe/a");
    assert_eq!(server.get("/bug").status, 500);
    assert_eq!(server.get("/later-bug").status, 500);
    server.publish("/a", "", "still here");
    stream.expect("data:still here\n\n");
}

#[test]
fn bad_routes_are_found_when_binding() {
    for path in ["events", "/a*"] {
        let bound = builder().route(Method::GET, path, |_| Reply::text("")).bind();
        assert!(matches!(bound, Err(BindError::Config(error)) if error.setting() == "route"), "{path}");
    }
}
