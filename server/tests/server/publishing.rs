//! Publishing over HTTP.

use crate::support::{Response, Running, config};

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
        ("/publish/a?event=new+dog%21", "a=b&c", "event:new dog!\ndata:a=b&c\n\n"),
        ("/publish/a", "", "data:\n\n"),
        ("/publish/a", "two\nlines", "data:two\ndata:lines\n\n"),
    ] {
        let response = server.post(target, body);
        assert_eq!(response.status, 200, "{target}: {response:?}");
        assert_eq!(response.header("content-type"), Some("application/json"));
        stream.expect(frame);
    }
    assert_eq!(server.published(), 7);
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
    for (bad, status) in [
        ("{", 400),
        (r#"{"namespace":"/a"}"#, 400),
        (r#"{"namespace":"a","data":1}"#, 400),
        (r#"{"namespace":"/a//b","data":1}"#, 400),
        (r#"{"namespace":"/a","event":"x\ny","data":1}"#, 422),
        (r#"{"namespace":"/a","event":"gap","data":1}"#, 422),
    ] {
        let response = batch(&server, &format!("{good}\n{good}\n{bad}\n{good}\n"));
        assert_eq!(response.status, status, "{bad}: {response:?}");
        assert!(response.problem().starts_with("Line 3: "), "{bad}: {response:?}");
        assert_eq!(response.json()["line"], 3);
    }
    assert_eq!(server.published(), 0);
}

#[test]
fn a_batch_must_say_that_it_is_one() {
    let server = Running::new(config());
    let response = server.post("/publish", r#"{"namespace":"/a","data":1}"#);
    assert_eq!(response.status, 415);
    assert!(response.problem().contains("application/x-ndjson"));
    let typed = ["Content-Type: Application/X-NDJSON; charset=utf-8"];
    let response = server.request("POST", "/publish/", &typed, r#"{"namespace":"/a","data":1}"#);
    assert_eq!(response.json()["published"], 1);
}
