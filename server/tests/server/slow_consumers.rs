//! Readers that are too far behind.

use sse_server::{Config, EventId};

use crate::support::{Running, Stream, config, eventually, with_history};

/// Frames far smaller than what a reader may lag, which is less than what waits for it when it is found out.
const FRAME: usize = 16 * 1024;
const MAX_LAG: u64 = 256 * 1024;

fn server(slow_consumers: &[&str]) -> Running {
    let slow_consumers = slow_consumers.iter().map(|&policy| policy.to_owned()).collect();
    Running::new(Config { max_lag: MAX_LAG, slow_consumers, retry: None, ..with_history() })
}

fn publish_a_mebibyte(server: &Running, namespace: &str) {
    let data = "x".repeat(FRAME);
    for _ in 0..64 {
        server.publish(namespace, "", &data);
    }
}

/// Publishes until someone has fallen too far behind, as this number of the status says.
fn publish_until(server: &Running, namespace: &str, what_happened: &str) {
    eventually(|| {
        publish_a_mebibyte(server, namespace);
        let count = server.get("/admin/status.json").json()["slow_consumers"][what_happened].as_u64().unwrap();
        (count > 0).then_some(())
    });
}

fn id(frame: &str) -> EventId {
    frame.lines().last().unwrap().strip_prefix("id:").unwrap().parse().unwrap()
}

#[test]
fn who_is_skipped_stays_and_is_told() {
    let server = server(&["disconnect", "/time=skip"]);
    let mut stream = server.subscribe("/subscribe/time/utc");
    publish_until(&server, "/time/utc", "skipped");
    assert_eq!(server.connections(), 1);

    let mut last = id(&stream.frame());
    let data = format!("data:{}", "x".repeat(FRAME));
    let gap = loop {
        let frame = stream.frame();
        if frame.starts_with("event:gap\n") {
            break frame;
        }
        last.sequence += 1;
        assert!(frame == format!("{data}\nid:{last}"), "{:.100}, not {last}", frame);
    };
    let json = gap.lines().find_map(|line| line.strip_prefix("data:")).unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(json["reason"], "lagged");
    assert_eq!(json["requested"], last.to_string());
    assert!(id(&gap) > last);
    let after = server.publish("/time/utc", "", "after");
    // Before it may come empty comments, which fill up the chunk of what was skipped.
    let frame = eventually(|| Some(stream.frame()).filter(|frame| frame.contains("data:after\n")));
    assert_eq!(id(&frame), after);
    let status = server.get("/admin/status.json").json();
    assert!(status["resumes"]["gap"]["lagged"].as_u64() > Some(0), "{status}");
}

#[test]
fn others_are_disconnected_and_resume_where_they_were() {
    let server = server(&["/time=skip"]);
    let target = "/subscribe?namespace=/time&namespace=/pets";
    let stream = server.subscribe(target);
    publish_until(&server, "/pets", "disconnected");
    eventually(|| (server.connections() == 0).then_some(()));
    let mut last = id(last_whole_frame(&stream.rest()));

    // Each connection brings it on, and all together bring everything once.
    let header = |last| format!("Last-Event-ID: {last}");
    while last.sequence < server.published() {
        let mut stream = Stream::open(server.address(), target, &[&header(last)]);
        assert_eq!(stream.head.header("sse-resume"), Some("exact"));
        assert_eq!(id(&stream.frame()), last);
        let begun = last.sequence;
        while last.sequence < server.published()
            && let Some(frame) = stream.frame_or_end()
        {
            last.sequence += 1;
            assert_eq!(id(&frame), last);
        }
        assert!(last.sequence > begun, "nothing came after {last}");
    }
    let mut stream = Stream::open(server.address(), target, &[&header(last)]);
    let next = server.publish("/pets", "", "next");
    stream.expect(&format!("id:{last}\n\ndata:next\nid:{next}\n\n"));
}

/// Who is sent the largest event there may be, and takes its time, is not behind.
#[test]
fn one_event_puts_nobody_behind() {
    // More than sockets hold.
    let max_lag = 16 << 20;
    let server = Running::new(Config { max_lag, max_body: 16 << 20, ..config() });
    let mut stream = server.subscribe("/subscribe/a");
    let largest = "x".repeat(max_lag as usize);
    assert_eq!(server.post("/publish/a?event=named", &largest).status, 200);
    eventually(|| {
        let status = server.get("/admin/status.json").json();
        (status["connections"][0]["bytes_sent"].as_u64() > Some(0)).then_some(())
    });
    let status = server.get("/admin/status.json").json();
    assert!(status["lag"]["greatest"].as_u64() > Some(0), "{status}");
    stream.expect(&format!("event:named\ndata:{largest}\n\n"));
    assert_eq!(server.get("/admin/status.json").json()["slow_consumers"]["disconnected"], 0);
}

/// What a stream that broke off may be resumed after.
fn last_whole_frame(received: &str) -> &str {
    let (whole, _broken_off) = received.rsplit_once("\n\n").unwrap();
    whole.rsplit("\n\n").next().unwrap()
}
