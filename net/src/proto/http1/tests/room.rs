//! What is held for a peer, and what is let go when there is no room for it.

use super::*;

fn begun(declared: usize, sent: usize) -> Pair {
    let mut pair = Pair::new();
    pair.send(format!("POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: {declared}\r\n\r\n").as_bytes());
    pair.send(&vec![b'x'; sent]);
    pair
}

#[test]
fn what_is_held_is_what_has_come() {
    for sent in [0, 1, 1_000, 100_000, 900_000] {
        let held = begun(1 << 20, sent).http.held();
        assert!((sent..=1_000 + 2 * sent).contains(&held), "{sent} bytes sent, {held} held");
    }
}

#[test]
fn a_body_handed_over_is_no_longer_held() {
    let mut pair = begun(100_000, 100_000);
    assert_eq!(pair.asked.len(), 1);
    let head_bytes = "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n".len();
    assert_eq!(pair.http.held(), head_bytes, "the head is, until it is answered");
    pair.respond(Response::new(Bytes::new()));
    pair.run();
    assert_eq!(pair.http.held(), 0);
}

#[test]
fn only_answers_of_the_peers_own_are_held() {
    const LENGTH: usize = 2 * SMALL_BODY_BYTES;
    let page = Bytes::from(vec![b'x'; LENGTH]);
    let _others = page.clone();
    for (body, own) in [(page, 0), (Bytes::from_static(&[b'x'; LENGTH]), 0), (vec![b'x'; LENGTH].into(), LENGTH)] {
        let mut pair = begun(1, 1);
        pair.respond(Response::new(body));
        assert!((own..own + 1_000).contains(&pair.http.held()), "{} held, {own} are its own", pair.http.held());
        let head_bytes = pair.http.poll_output().len();
        pair.http.handle_written(pair.now, head_bytes);
        pair.http.handle_written(pair.now, 1);
        assert_eq!(pair.http.held(), own, "all of it, until all is sent");
        pair.run();
        assert_eq!(pair.http.held(), 0);
    }
}

#[test]
fn a_request_that_is_not_whole_is_refused() {
    let partial = |bytes: &[u8]| {
        let mut pair = Pair::new();
        pair.send(bytes);
        pair
    };
    for mut pair in [Pair::new(), partial(b"GET / HTT"), begun(1 << 20, 500_000)] {
        pair.http.handle_shortage();
        assert_eq!(pair.http.held(), 0);
        pair.run();
        assert_eq!(pair.refused, [RequestError::NoRoom]);
        assert!(pair.wire().starts_with("HTTP/1.1 503 ") && pair.wire().contains("Connection: close\r\n"));
        // What is still under way is read past, so that the answer is not lost to a reset.
        pair.send(&[b'x'; 100_000]);
        assert_eq!((pair.http.held(), pair.asked.len(), pair.closed), (0, 0, false));
        assert!(pair.pass(LINGER_TIME).closed);
    }
}

#[test]
fn the_request_under_way_is_answered_and_what_is_behind_it_let_go() {
    let mut pair = begun(1, 1);
    pair.send(&b"GET /behind HTTP/1.1\r\nHost: h\r\n\r\n".repeat(100));
    pair.http.handle_shortage();
    assert!(pair.http.held() < 100);
    pair.respond(Response::new(Bytes::new()));
    pair.run();
    assert_eq!(pair.asked.len(), 1);
    assert!(pair.wire().starts_with("HTTP/1.1 200 ") && pair.wire().contains("Connection: close\r\n"));
    assert!(pair.finished);
}

#[test]
fn answers_on_their_way_go_out_before_the_refusal() {
    let mut pair = begun(1, 1);
    pair.respond(Response::new(Bytes::from("ok")));
    pair.http.handle_bytes(b"POST /more HTTP/1.1\r\n");
    pair.http.handle_shortage();
    pair.run();
    assert!(
        pair.wire().starts_with("HTTP/1.1 200 ") && pair.wire().contains("\r\n\r\nokHTTP/1.1 503 "),
        "{}",
        pair.wire()
    );
}

#[test]
fn a_request_is_refused_whatever_the_service_would_take_of_it() {
    let mut pair = Pair::new();
    pair.http.handle_bytes(b"POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf");
    assert!(matches!(pair.http.poll_action(pair.now), Action::Admit(_)));
    pair.http.handle_shortage();
    assert_eq!(pair.http.held(), 0);
    pair.run();
    assert_eq!((pair.refused.as_slice(), pair.asked.len()), (&[RequestError::NoRoom][..], 0));
}
