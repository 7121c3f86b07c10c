//! Publishing over HTTP.

use sse_server::{Config, Event};

use crate::support::{Response, Running, config, exchange};

const NDJSON: &str = "Content-Type: application/x-ndjson";

fn batch(server: &Running, body: &str) -> Response {
    server.request("POST", "/publish", &[NDJSON], body)
}

#[test]
fn the_body_is_the_data_and_the_query_names_the_event() {
    let server = Running::new(config());
    let mut stream = server.subscribe("/subscribe");
    for (target, body, frame) in [
        ("/publish/pets/dogs?event=new-dog", "Corgi", "event:new-dog\ndata:Corgi\n\n"),
        ("/publish/pets?event=", "no name", "data:no name\n\n"),
        ("/publish/pets/", "slash", "data:slash\n\n"),
        ("/publish/", "root", "data:root\n\n"),
        ("/publish", "root, too", "data:root, too\n\n"),
        ("/publish/a?event=new+dog%21", "a=b&c", "event:new dog!\ndata:a=b&c\n\n"),
        ("/publish/a?event=%E2%82%AC", "", "event:€\ndata:\n\n"),
        ("/publish/a", "", "data:\n\n"),
        ("/publish/a", "two\nlines", "data:two\ndata:lines\n\n"),
    ] {
        let response = server.post(target, body);
        assert_eq!(response.status, 200, "{target}: {response:?}");
        assert_eq!(response.header("content-type"), Some("application/json"));
        stream.expect(frame);
    }
    assert_eq!(server.published(), 9);
}

#[test]
fn ids_name_one_history_and_rise_by_one() {
    let server = Running::new(config());
    let ids = [0, 1].map(|_| server.post("/publish/a", "x").json()["id"].as_str().unwrap().to_owned());
    let [(epoch, first), (same, second)] = ids.each_ref().map(|id| id.split_once('-').unwrap());
    assert_eq!(epoch, same);
    assert_eq!(first.parse::<u64>().unwrap() + 1, second.parse::<u64>().unwrap());
}

#[test]
fn what_can_not_be_framed_is_refused_whole() {
    let server = Running::new(config());
    for (target, body, status) in [
        ("/publish/a?event=a%0Ab", "x", 422),
        ("/publish/a?event=a%0Db", "x", 422),
        ("/publish/a?event=a%00b", "x", 422),
        ("/publish/a?event=gap", "x", 422),
        ("/publish/a?event=%FF", "x", 400),
        ("/publish/a//b", "x", 400),
        ("/publish/*", "x", 400),
    ] {
        let response = server.post(target, body);
        assert_eq!(response.status, status, "{target}");
        assert!(!response.problem().is_empty());
    }
    assert_eq!(server.published(), 0);
}

#[test]
fn a_batch_is_one_event_a_line() {
    let server = Running::new(config());
    let mut stream = server.subscribe("/subscribe/pets");
    let response = batch(
        &server,
        concat!(
            r#"{"namespace":"/pets/dogs","event":"new-dog","data":"Corgi"}"#,
            "\n\n",
            r#"{"namespace":"/pets","event":"","data":{ "n": 1.50, "a": [null, "x y"] }}"#,
            "\r\n",
            r#"{"namespace":"/elsewhere","data":"unseen"}"#,
            "\n",
            r#"{"data":"two\nlines","namespace":"/pets/cats","event":null}"#,
        ),
    );
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["published"], 4);
    assert!(response.json()["last_id"].as_str().unwrap().ends_with("-4"));
    stream.expect("event:new-dog\ndata:Corgi\n\n");
    stream.expect("data:{\"n\":1.50,\"a\":[null,\"x y\"]}\n\n");
    stream.expect("data:two\ndata:lines\n\n");
}

#[test]
fn an_event_s_name_is_read_as_strictly_as_a_path() {
    let server = Running::new(config());
    for (query, words) in [
        ("event=%zz", "two hexadecimal digits"),
        ("event=50%", "two hexadecimal digits"),
        ("event=%FF", "UTF-8"),
        ("event=a&event=b", "twice"),
        ("event=a&event=a", "twice"),
        ("event=a&%65vent=", "twice"),
    ] {
        let response = server.post(&format!("/publish/a?{query}"), "");
        assert_eq!(response.status, 400, "{query}");
        assert!(response.problem().contains(words), "{query}: {}", response.problem());
    }
    assert_eq!(server.published(), 0);
}

#[test]
fn an_empty_batch_is_published_at_once() {
    let server = Running::new(config());
    let response = batch(&server, "\n");
    assert_eq!(response.status, 200);
    assert_eq!(response.body, r#"{"published":0,"last_id":null}"#);
}

#[test]
fn a_batch_goes_out_whole_or_not_at_all() {
    let server = Running::new(config());
    let good = r#"{"namespace":"/a","data":1}"#;
    for (bad, status, column) in [
        ("{", 400, 1),
        (r#"{"namespace":"/a"}"#, 400, 18),
        (r#"{"namespace":"/a","data":"Corgi \ud800"}"#, 400, 33),
        (r#"{"namespace":"a","data":1}"#, 400, 14),
        (r#"{"namespace":"/a//b","data":1}"#, 400, 14),
        (r#"{"namespace":"/a","event":"x\ny","data":1}"#, 422, 27),
        (r#"{"namespace":"/a","event":"gap","data":1}"#, 422, 27),
    ] {
        let response = batch(&server, &format!("{good}\n{good}\n{bad}\n{good}\n"));
        assert_eq!(response.status, status, "{bad}: {response:?}");
        assert!(response.problem().starts_with(&format!("Line 3, column {column}: ")), "{bad}: {response:?}");
        assert_eq!((&response.json()["line"], &response.json()["column"]), (&3.into(), &column.into()));
        let json = ["Content-Type: application/json"];
        let response = server.request("POST", "/publish", &json, &format!("[{good},\n{good},\n{bad}\n,{good}]"));
        assert_eq!((response.status, &response.json()["element"]), (status, &3.into()), "{bad}: {response:?}");
    }
    assert_eq!(server.published(), 0);
}

#[test]
fn a_batch_must_say_that_it_is_one() {
    let server = Running::new(config());
    let event = r#"{"namespace":"/a","data":1}"#;
    for (target, body) in [("/publish", event), ("/publish/", event), ("/publish", "\u{feff} [1]")] {
        let response = server.post(target, body);
        assert_eq!(response.status, 415, "{target} {body}");
        let problem = response.problem();
        assert!(problem.contains("application/x-ndjson") && problem.contains("application/json"), "{problem}");
    }

    let array = format!("[\n {event} ,\n {event}\n]\n");
    let pretty = event.replace(',', "\n ,\n");
    for (kind, body, published) in [
        ("Application/X-NDJSON; charset=utf-8", event, 1),
        ("application/ndjson", event, 1),
        ("application/jsonl", event, 1),
        ("application/json", event, 1),
        ("application/json;charset=UTF-8", &pretty, 1),
        ("application/json", &array, 2),
        ("application/json", "[]", 0),
    ] {
        for target in ["/publish", "/publish/"] {
            for mark in ["", "\u{FEFF}"] {
                let kind = format!("Content-Type: {kind}");
                let response = server.request("POST", target, &[&kind], &format!("{mark}{body}"));
                assert_eq!(response.json()["published"], published, "{kind}, {body}: {response:?}");
            }
        }
    }
}

#[test]
fn a_body_that_is_compressed_is_refused() {
    let server = Running::new(config());
    for coding in ["gzip", "br", "identity, gzip", "GZIP", "aes128gcm"] {
        for target in ["/publish/a", "/publish", "/publish/"] {
            let coding = format!("Content-Encoding: {coding}");
            let response = server.request("POST", target, &[NDJSON, &coding], "\n");
            assert_eq!(response.status, 415, "{coding}");
            assert_eq!(response.header("accept-encoding"), Some("identity"));
            assert!(response.problem().contains("uncompressed"));
        }
    }
    assert_eq!(server.published(), 0);
    for coding in ["identity", "Identity,identity", ""] {
        let coding = format!("Content-Encoding: {coding}");
        assert_eq!(server.request("POST", "/publish/a", &[&coding], "x").status, 200, "{coding}");
    }
}

#[test]
fn data_is_utf8_like_everything_else() {
    let server = Running::new(config());
    for (target, kind) in [("/publish/a", "text/plain"), ("/publish", "application/jsonl")] {
        let head =
            format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: 4\r\n\r\n");
        let response = exchange(server.address(), &[head.as_bytes(), b"caf\xE9"].concat());
        assert_eq!(response.status, 400, "{response:?}");
    }
    assert_eq!(server.published(), 0);
}

#[test]
fn a_body_has_the_size_that_is_set() {
    let server = Running::new(Config { max_body: 3 << 20, max_lag: 4 << 20, ..config() });
    let mut stream = server.subscribe("/subscribe/a");
    let largest = "x".repeat(3 << 20);
    assert_eq!(server.post("/publish/a", &largest).status, 200);
    stream.expect(&format!("data:{largest}\n\n"));

    let head = format!("POST /publish/a HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", largest.len() + 1);
    let response = exchange(server.address(), head.as_bytes());
    assert_eq!(response.status, 413);
    let problem = response.problem();
    assert!(problem.contains("3145728") && problem.contains("--max-body"), "{problem}");
}

#[test]
fn an_event_is_no_larger_than_readers_may_lag() {
    let server = Running::new(Config { max_body: 4 << 20, max_lag: 2 << 20, ..config() });
    let fits = "x".repeat(2 << 20);
    assert_eq!(server.post("/publish/a?event=named", &fits).status, 200);
    // Each line takes `data:` and its end.
    let grows = "\n".repeat(400_000);
    let response = server.post("/publish/a", &grows);
    assert_eq!(response.status, 413);
    let problem = response.problem();
    assert!(problem.contains("2400007") && problem.contains("--max-lag"), "{problem}");
    let line = serde_json::json!({ "namespace": "/a", "data": grows });
    let response = batch(&server, &format!("{{\"namespace\":\"/a\",\"data\":1}}\n{line}"));
    assert_eq!((response.status, &response.json()["line"]), (413, &2.into()));
    assert!(server.publisher().publish(Event::new("/a", &grows)).is_err());
    assert_eq!(server.published(), 1);
}

/// What the defaults allow as a body goes out as an event.
#[test]
fn by_default_a_mebibyte_is_an_event() {
    let server = Running::new(config());
    let data = "x".repeat(1 << 20);
    assert_eq!(server.post(&format!("/publish/a?event={}", "n".repeat(900)), &data).status, 200);
}

/// The same limit holds for what is published and for how far readers may lag, however low it is set.
#[test]
fn no_event_is_more_than_its_readers_may_lag() {
    let server = Running::new(Config { max_lag: 1, ..config() });
    assert_eq!(server.post("/publish/a", &"x".repeat(64 << 10)).status, 200);
    assert_eq!(server.post("/publish/a", &"x".repeat((64 << 10) + 1024)).status, 413);
}

/// Such a one takes a thread of its own.
#[test]
fn a_large_batch_is_whole_or_not_there() {
    let server = Running::new(Config { workers: 2, ..config() });
    let mut stream = server.subscribe("/subscribe/a");
    let lines: String = (0..20_000).map(|n| format!("{{\"namespace\":\"/a\",\"data\":{n}}}\n")).collect();

    let refused = batch(&server, &format!("{lines}{{\"namespace\":\"a\",\"data\":0}}"));
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["line"], 20_001, "{}", refused.body);
    assert_eq!(server.published(), 0);

    let answer = batch(&server, &lines);
    assert_eq!((answer.status, &answer.json()["published"]), (200, &20_000.into()), "{}", answer.body);
    assert_eq!(server.published(), 20_000, "all of it, when the answer comes");
    let after = batch(&server, "{\"namespace\":\"/a\",\"data\":\"after\"}");
    assert_eq!(after.status, 200);
    (0..20_000).for_each(|n| stream.expect(&format!("data:{n}\n\n")));
    stream.expect("data:after\n\n");
}
