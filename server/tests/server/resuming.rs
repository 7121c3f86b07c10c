//! Clients that come back, byte by byte.

use std::fmt::Display;
use std::time::Duration;

use sse_server::{Config, EventId};

use crate::support::{Running, Stream, config, eventually, with_history};

/// Streams with ids, and nothing else that isn't an event.
fn server() -> Running {
    Running::new(Config { retry: None, ..with_history() })
}

fn resume(server: &Running, target: &str, id: &str) -> Stream {
    Stream::open(server.address(), target, &[&format!("Last-Event-ID: {id}")])
}

/// A stream that goes on after the id, of which it is told first.
#[track_caller]
fn resume_exactly(server: &Running, target: &str, id: &str) -> Stream {
    let mut stream = resume(server, target, id);
    assert_eq!(stream.head.header("sse-resume"), Some("exact"));
    stream.expect(&format!("id:{id}\n\n"));
    stream
}

/// An event without a name, on the wire.
fn frame(id: impl Display, data: &str) -> String {
    format!("data:{data}\nid:{id}\n\n")
}

/// The id of an event that a request publishes.
fn post(server: &Running, target: &str, data: &str) -> String {
    server.post(target, data).json()["id"].as_str().unwrap().to_owned()
}

fn gap(requested: &str, oldest: &str, reason: &str) -> String {
    format!(r#"event:gap{}data:{{"requested":"{requested}","oldest":"{oldest}","reason":"{reason}"}}"#, "\n")
}

#[test]
fn frames_carry_the_ids_that_publishing_gave() {
    let server = server();
    let mut stream = server.subscribe("/subscribe/pets");
    assert_eq!(stream.head.header("sse-resume"), Some("live"));
    let first = post(&server, "/publish/pets/dogs?event=new-dog", "Corgi");
    let (epoch, number) = first.split_once('-').unwrap();
    assert_eq!(number, "1");
    post(&server, "/publish/elsewhere", "unseen");
    let second = server.publish("/pets", "", "two\nlines").to_string();
    assert_eq!(second, format!("{epoch}-3"));
    // Before its first event a stream says where it begins, so that even then nothing is missed.
    stream.expect(&format!("id:{epoch}-0\n\n"));
    stream.expect(&format!("event:new-dog\ndata:Corgi\nid:{first}\n\n"));
    stream.expect(&format!("data:two\ndata:lines\nid:{second}\n\n"));
}

#[test]
fn who_comes_back_gets_what_was_missed() {
    let server = server();
    let ids = ["1", "2", "3"].map(|data| server.publish("/pets", "", data).to_string());
    server.publish("/elsewhere", "", "unseen");
    let mut stream = resume_exactly(&server, "/subscribe/pets", &ids[0]);
    stream.expect(&(frame(&ids[1], "2") + &frame(&ids[2], "3")));
    let live = server.publish("/pets", "", "4");
    stream.expect(&frame(live, "4"));

    let mut nothing_missed = resume_exactly(&server, "/subscribe/pets", &live.to_string());
    let next = server.publish("/pets", "", "5");
    nothing_missed.expect(&frame(next, "5"));
}

#[test]
fn who_left_before_the_first_event_misses_nothing() {
    let server = server();
    let mut stream = server.subscribe("/subscribe/pets");
    let begin = stream.frame();
    drop(stream);
    let id = server.publish("/pets", "", "1");
    let mut stream = resume_exactly(&server, "/subscribe/pets", begin.strip_prefix("id:").unwrap());
    stream.expect(&frame(id, "1"));
}

#[test]
fn the_query_resumes_too_and_the_header_wins() {
    let server = server();
    let ids = ["1", "2", "3"].map(|data| server.publish("/a", "", data).to_string());
    let by_query = format!("/subscribe/a?last_event_id={}", ids[0]);
    let from_the_second = format!("id:{}\n\n", ids[0]) + &frame(&ids[1], "2") + &frame(&ids[2], "3");
    server.subscribe(&by_query).expect(&from_the_second);
    resume(&server, &by_query, "").expect(&from_the_second);
    resume_exactly(&server, &by_query, &ids[1]).expect(&frame(&ids[2], "3"));
    for query in
        ["lastEventId=OLD&last_event_id=NEW", "last_event_id=OLD&lastEventId=NEW", "lastEventId=OLD&lastEventId=NEW"]
    {
        let query = query.replace("OLD", &ids[0]).replace("NEW", &ids[1]);
        let mut stream = server.subscribe(&format!("/subscribe/a?{query}"));
        stream.expect(&(format!("id:{}\n\n", ids[1]) + &frame(&ids[2], "3")));
    }
    let fresh = server.subscribe("/subscribe/a?last_event_id=");
    assert_eq!(fresh.head.header("sse-resume"), Some("live"));
    assert_eq!(resume(&server, "/subscribe/a", "").head.header("sse-resume"), Some("live"));
}

#[test]
fn several_namespaces_resume_in_one_order() {
    let server = server();
    let start = server.publish("/a", "", "0");
    let namespaces = ["/b", "/a", "/c", "/b/x", "/a", "/b"];
    let ids = namespaces.map(|namespace| server.publish(namespace, "", namespace));
    let target = "/subscribe?namespace=/a&namespace=/b&namespace=/b/*";
    let mut stream = resume_exactly(&server, target, &start.to_string());
    for (id, namespace) in ids.iter().zip(namespaces).filter(|(_, namespace)| *namespace != "/c") {
        stream.expect(&frame(id, namespace));
    }
}

/// What a gap says.
struct Gap {
    stream: Stream,
    /// The frame without its id.
    event: String,
    /// All after this follows.
    id: EventId,
}

#[track_caller]
fn expect_gap(mut stream: Stream) -> Gap {
    assert_eq!(stream.head.header("sse-resume"), Some("gap"));
    let frame = stream.frame();
    // The gap itself has an id, so that a client that loses the connection right after it isn't told of it again.
    let (event, id) = frame.split_once("\nid:").unwrap();
    Gap { stream, event: event.to_owned(), id: id.parse().unwrap() }
}

#[test]
fn an_id_of_another_life_gets_all_of_this_one() {
    let server = server();
    let first = server.publish("/a", "", "1");
    let second = server.publish("/a", "", "2");
    let other = EventId { epoch: first.epoch ^ 1, sequence: 7 }.to_string();
    let Gap { mut stream, event, id } = expect_gap(resume(&server, "/subscribe/a", &other));
    assert_eq!(event, gap(&other, &first.to_string(), "restarted"));
    assert_eq!(id, EventId { sequence: 0, ..first });
    stream.expect(&(frame(first, "1") + &frame(second, "2")));
}

#[test]
fn an_id_that_was_never_given_goes_on_from_now() {
    let server = server();
    let first = server.publish("/a", "", "1");
    let last = server.publish("/a", "", "2");
    let future = EventId { sequence: 3, ..first }.to_string();
    for (requested, told) in [
        (future.as_str(), future.as_str()),
        ("abc", "abc"),
        ("{\"a\\b\"}", r#"{\"a\\b\"}"#),
        ("caf\u{e9}", "caf\u{e9}"),
        (&format!("{first}x"), &format!("{first}x")),
        (&"9".repeat(5000), &"9".repeat(128)),
    ] {
        let Gap { event, id, .. } = expect_gap(resume(&server, "/subscribe/a", requested));
        assert_eq!(event, gap(told, &first.to_string(), "unknown"));
        assert_eq!(id, last);
    }
    // What is no header text at all can come in the query.
    let stream = server.subscribe("/subscribe/a?last_event_id=%00%0A%ff");
    let Gap { event, mut stream, .. } = expect_gap(stream);
    assert_eq!(event, gap(r"\u0000\u000a", &first.to_string(), "unknown").replace("000a\"", "000a\u{FFFD}\""));
    let next = server.publish("/a", "", "3");
    stream.expect(&frame(next, "3"));
}

#[test]
fn who_was_away_too_long_gets_what_there_is() {
    let server = Running::new(Config { retry: None, history_bytes: 64 * 1024, ..with_history() });
    let first = server.publish("/a", "", "first").to_string();
    let data = "x".repeat(1024);
    let ids: Vec<_> = (0..1000).map(|_| server.publish("/a", "", &data)).collect();
    let Gap { mut stream, event, id } = expect_gap(resume(&server, "/subscribe/a", &first));
    // The bound says how much is kept at most, not which event is the oldest of it.
    let oldest = ids.iter().position(|known| known.sequence == id.sequence + 1).unwrap();
    assert_eq!(event, gap(&first, &ids[oldest].to_string(), "evicted"));
    assert!(ids.len() - oldest <= 64, "64 KiB have no room for {} events of a KiB", ids.len() - oldest);
    for id in &ids[oldest..] {
        stream.expect(&frame(id, &data));
    }
    let next = server.publish("/a", "", "next");
    stream.expect(&frame(next, "next"));
}

#[test]
fn what_is_too_old_is_forgotten() {
    let keepalive = Some(Duration::from_millis(50));
    let server = Running::new(Config { history_age: Duration::from_millis(1), keepalive, ..with_history() });
    let first = server.publish("/a", "", "1").to_string();
    let last = server.publish("/a", "", "2");
    // Its comments are the pauses between two looks: the history is gone through now and then.
    let mut clock = server.subscribe("/subscribe/elsewhere");
    clock.frame();
    let stream = eventually(|| {
        clock.expect(":keepalive\n");
        let stream = resume(&server, "/subscribe/a", &first);
        (stream.head.header("sse-resume") == Some("gap")).then_some(stream)
    });
    let Gap { event, id, .. } = expect_gap(stream);
    // One block says both.
    assert!(event.starts_with("retry:"), "{event}");
    assert!(event.contains(r#""reason":"evicted""#), "{event}");
    assert_eq!(id, last);
}

#[test]
fn without_history_streams_are_what_they_always_were() {
    let server = Running::new(config());
    let ids = ["1", "2"].map(|data| server.publish("/a", "", data).to_string());
    for header in ["X-Other: 1".to_owned(), format!("Last-Event-ID: {}", ids[0])] {
        let mut stream = Stream::open(server.address(), "/subscribe/a", &[&header]);
        server.publish("/a", "new-dog", "Corgi");
        stream.expect("event:new-dog\ndata:Corgi\n\n");
    }
}

#[test]
fn each_client_is_told_another_time_to_come_back() {
    let server = Running::new(Config { retry: Some(Duration::from_secs(4)), ..config() });
    let retry = || -> u64 {
        let frame = server.subscribe("/subscribe/a").frame();
        frame.strip_prefix("retry:").unwrap().parse().unwrap()
    };
    let all: Vec<_> = (0..100).map(|_| retry()).collect();
    assert!(all.iter().all(|retry| (2_000..=6_000).contains(retry)), "{all:?}");
    assert!(all.iter().any(|retry| *retry != all[0]), "{all:?}");
}

#[test]
fn the_status_counts_who_came_back() {
    let server = server();
    let first = server.publish("/a", "", "1");
    for id in [first, EventId { sequence: 9, ..first }, EventId { epoch: 1, ..first }, first] {
        resume(&server, "/subscribe/a", &id.to_string());
    }
    drop(server.subscribe("/subscribe/a"));
    let gap = serde_json::json!({ "evicted": 0, "unknown": 1, "restarted": 1, "lagged": 0 });
    let status = server.get("/admin/status.json").json();
    assert_eq!(status["resumes"], serde_json::json!({ "exact": 2, "gap": gap }));
}
