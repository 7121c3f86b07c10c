//! How long a request may take, and its answer.

use super::*;

#[test]
fn half_a_head_is_refused_and_silence_is_closed() {
    let mut stage = Stage::new(Config { head_timeout: ticks(100), ..Config::default() });
    let slow = stage.connect("GET / HTTP/1.1\r\n");
    let silent = stage.connect("");
    stage.run_until(ticks(60));
    // A trickle buys no time.
    stage.say(slow, "Host: x\r\n");
    stage.run_through(ticks(100), |stage| !stage.is_over(slow) && !stage.is_over(silent));
    let text = stage.hear(slow);
    assert!(text.starts_with("HTTP/1.1 408 ") && text.contains("Connection: close\r\n"), "{text}");
    assert!(stage.is_over(slow) && stage.is_over(silent));
    assert_eq!(stage.hear(silent), "");
    stage.finish(slow);
    assert_eq!(stage.handle.connections(), 0);
}

#[test]
fn half_a_body_is_refused() {
    let mut stage = Stage::new(Config { body_timeout: ticks(100), ..Config::default() });
    let client = stage.connect("POST /echo HTTP/1.1\r\nHost: x\r\n");
    stage.run_until(ticks(20));
    stage.say(client, "Content-Length: 2\r\n\r\nh");
    stage.run_through(ticks(120), |stage| stage.hear(client).is_empty() && !stage.is_over(client));
    let text = stage.hear(client);
    assert!(text.starts_with("HTTP/1.1 408 ") && text.contains("Connection: close\r\n"), "{text}");
}

#[test]
fn who_asks_no_more_is_closed() {
    let mut stage = Stage::new(Config { idle_timeout: ticks(100), ..Config::default() });
    let client = stage.connect("");
    for asked_at in [20, 110] {
        stage.run_until(ticks(asked_at));
        stage.say(client, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(stage.hear(client).starts_with("HTTP/1.1 200 "));
    }
    stage.run_through(ticks(210), |stage| !stage.is_over(client));
    assert_eq!((stage.hear(client).as_str(), stage.handle.connections()), ("", 0));
}

#[test]
fn who_does_not_take_an_answer_is_let_go() {
    let mut stage = Stage::new(Config { stall_timeout: ticks(100), ..Config::default() });
    let client = stage.connect_narrow(64, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    stage.run_through(ticks(100), |stage| stage.handle.connections() == 1);
    assert_eq!(stage.handle.connections(), 0);
    assert_eq!(stage.hear(client), "", "what it has not taken goes with it");
}

/// What the socket has room for, though it has not called, is taken into account.
#[test]
fn who_takes_the_last_offer_is_let_be() {
    let mut stage = Stage::new(Config { stall_timeout: ticks(100), ..Config::default() });
    let client = stage.connect_narrow(64, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    stage.run_until(ticks(50));
    // Too little for the socket to call, and all that is missing.
    let mut text = stage.hear_some(client, 30);
    stage.run_until(ticks(100));
    text += &stage.hear(client);
    assert!(text.ends_with("/echo 0"), "{text}");
    assert_eq!(stage.handle.connections(), 1);
}
