//! The admin page and its JSON.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use sse_server::Config;

use crate::support::{Running, Stream, config};

#[test]
fn the_status_has_the_names_that_dashboards_read() {
    let server = Running::new(Config { workers: 2, ..config() });
    let mut dogs = Stream::open(server.address(), "/subscribe/pets/dogs?x=1", &["User-Agent: first \"agent\""]);
    let mut pets = Stream::open(server.address(), "/subscribe/pets/", &["User-Agent: second"]);
    server.publish("/pets/dogs", "", "1");
    server.publish("/pets/cats", "", "2");
    dogs.expect("data:1\n\n");
    pets.expect("data:1\n\ndata:2\n\n");

    let response = server.get("/admin/status.json");
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let status = response.json();
    assert!(!status["node"].as_str().unwrap().is_empty());
    assert_eq!(status["status"], "OK");
    assert_eq!(status["msgs_broadcast"], 2);
    assert_recent(&status["reported_at"]);
    assert_recent(&status["startup_time"]);
    assert_eq!(status["channels"], 2);
    assert_eq!(status["draining"], false);
    assert_eq!(status["lag"], serde_json::json!({ "greatest": 0, "mean": 0 }));
    assert_eq!(status["slow_consumers"], serde_json::json!({ "disconnected": 0, "skipped": 0 }));

    let connections = status["connections"].as_array().unwrap();
    let fields = ["request_path", "namespace", "client_ip", "user_agent", "msgs_sent", "lag"];
    let rows: Vec<_> = connections.iter().map(|row| fields.map(|field| row[field].clone())).collect();
    assert_eq!(
        serde_json::to_string(&rows).unwrap(),
        concat!(
            r#"[["/subscribe/pets/dogs","/pets/dogs","127.0.0.1","first \"agent\"",1,0],"#,
            r#"["/subscribe/pets/","/pets","127.0.0.1","second",2,0]]"#,
        )
    );
    connections.iter().for_each(|row| assert_recent(&row["created_at"]));
}

#[track_caller]
fn assert_recent(unix_secs: &Value) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let age = now - unix_secs.as_u64().unwrap();
    assert!(age < 3600, "{unix_secs} is {age} s ago");
}

#[test]
fn connections_are_oldest_first_over_all_workers() {
    let server = Running::new(Config { workers: 3, ..config() });
    let paths: Vec<_> = (0..20).map(|n| format!("/subscribe/{n}")).collect();
    let _streams: Vec<_> = paths.iter().map(|path| server.subscribe(path)).collect();
    let status = server.get("/admin/status.json").json();
    let listed: Vec<_> =
        status["connections"].as_array().unwrap().iter().map(|row| row["request_path"].clone()).collect();
    assert_eq!(listed, paths);
}

#[test]
fn many_may_ask_at_once() {
    let server = Running::new(Config { workers: 2, ..config() });
    let _stream = server.subscribe("/subscribe/a");
    std::thread::scope(|scope| {
        let ask = || server.get("/admin/status.json").json()["connections"].as_array().unwrap().len();
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        for answer in asked {
            assert_eq!(answer.join().unwrap(), 1);
        }
    });
}

/// Scripts do something and look what has come of it.
#[test]
fn an_ordinary_answer_is_fresh() {
    let server = Running::new(Config { workers: 2, ..config() });
    for published in 1..=50 {
        server.publish("/a", "", "1");
        assert_eq!(server.get("/admin/status.json").json()["msgs_broadcast"], published);
    }
}

/// Each connection is counted as accepted, so the answers of two rounds differ. The readers take the head of their answer, so
/// that it is made before the next asks, and leave the rest.
#[test]
fn readers_of_a_large_answer_share_it() {
    let server = Running::new(Config { workers: 2, ..config() });
    let long = ["x".repeat(250).as_str(); 4].join("/");
    let target = format!("/subscribe?namespace=/a/{long}&namespace=/b/{long}");
    let _streams: Vec<_> = (0..300).map(|_| server.subscribe(&target)).collect();
    let readers: Vec<_> = (0..50).map(|_| server.subscribe("/admin/status.json")).collect();
    let mut made: Vec<_> = readers
        .into_iter()
        .map(|reader| {
            let length: usize = reader.head.header("content-length").unwrap().parse().unwrap();
            assert!(length > 1 << 20, "{length} bytes are no large answer");
            serde_json::from_str::<Value>(&reader.bytes(length)).unwrap()["accepted"].as_u64().unwrap()
        })
        .collect();
    made.dedup();
    // One a second at most. A test that takes more than ten has other troubles.
    assert!(made.len() <= 10, "{} for 50 readers", made.len());
}

#[test]
fn the_page_allows_nothing_but_itself() {
    let server = Running::new(Config { prefix: "/a&b".to_owned(), ..config() });
    let response = server.get("/admin/");
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = response.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("script-src 'self'"), "{policy}");
    assert!(response.body.contains("/a&amp;b"));
    assert_eq!(server.get("/admin/").header("content-security-policy"), Some(policy));

    let redirect = server.get("/admin");
    assert_eq!((redirect.status, redirect.header("location")), (308, Some("/admin/")));
}
