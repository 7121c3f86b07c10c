//! What the service takes of a body.

use super::*;

#[test]
fn continues_when_asked_and_needed() {
    let mut pair = Pair::new();
    pair.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(pair.wire(), "HTTP/1.1 100 Continue\r\n\r\n");
    pair.send(b"hi");
    assert_eq!(pair.asked, ["POST / hi"]);

    let mut eager = Pair::new();
    eager.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi");
    assert!(!eager.wire().contains("100 Continue"));

    let mut large = Pair::new();
    large.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(large.refused, [RequestError::BodyTooLarge]);
    assert!(!large.wire().contains("100 Continue"));
}

/// A body that nobody wants: its request is asked at once, and nothing of it is kept, told to come or read as a request.
#[test]
fn a_body_not_admitted_is_not_kept() {
    const EVIL: &str = "GET /evil HTTP/1.1\r\nHost: h\r\n\r\n";
    for framing in ["Content-Length: 1048575", "Transfer-Encoding: chunked"] {
        let head = format!("POST /nope HTTP/1.1\r\nHost: h\r\n{framing}\r\nExpect: 100-continue\r\n\r\n");
        let mut pair = Pair::admitting(Admission::Nothing);
        pair.send(head.as_bytes());
        assert_eq!(pair.asked, ["POST /nope "]);
        assert!(
            pair.wire().starts_with("HTTP/1.1 200 ") && pair.wire().contains("Connection: close\r\n"),
            "{}",
            pair.wire()
        );
        assert!(pair.finished && !pair.closed);

        // What is already there, and what comes before a late answer and after it.
        let mut late = Pair::admitting(Admission::Nothing);
        late.send(format!("{}{EVIL}", head.replace("/nope", "/later")).as_bytes());
        assert_eq!(late.http.input.capacity(), 0);
        late.respond(Response::new(Bytes::new()));
        late.run();
        for _ in 0..64 {
            late.send(EVIL.as_bytes()).send(&[b'x'; 16 << 10][..(16 << 10) - EVIL.len()]);
            assert_eq!(late.http.input.capacity(), 0);
        }
        assert_eq!(late.asked, ["POST /later "]);
        assert!(!late.closed && late.refused.is_empty() && late.answers() == 1);
        assert!(late.end().closed);
    }
}

#[test]
fn a_stream_may_answer_a_body_not_admitted() {
    let mut pair = Pair::admitting(Admission::Nothing);
    pair.send(b"GET /later HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
    assert!(pair.http.can_stream());
}

#[test]
fn a_body_is_admitted_up_to_a_size() {
    let request = |length: usize| {
        format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n")
    };
    let mut fits = Pair::admitting(Admission::Body { most_bytes: 5 });
    fits.send(request(5).as_bytes()).send(b"hello");
    assert_eq!(fits.asked, ["POST / hello"]);
    let mut long = Pair::admitting(Admission::Body { most_bytes: 5 });
    long.send(request(6).as_bytes());
    assert!(long.refused == [RequestError::BodyTooLarge] && !long.wire().contains("100 Continue"), "{}", long.wire());
    let mut chunked = Pair::admitting(Admission::Body { most_bytes: 5 });
    chunked.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\n");
    assert_eq!(chunked.refused, [RequestError::BodyTooLarge]);
}

/// The peer's end comes while the service is asked: half a body will never be whole, and none needs nothing more.
#[test]
fn an_end_before_the_admission() {
    for (admission, asked) in [(Admission::Body { most_bytes: 9 }, false), (Admission::Nothing, true)] {
        let mut pair = Pair::new();
        pair.http.handle_bytes(b"POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nh");
        let Action::Admit(head) = pair.http.poll_action(pair.now) else { panic!("a body is announced") };
        assert!(matches!(pair.http.poll_action(pair.now), Action::Wait));
        pair.http.handle_end();
        pair.http.handle_admission(pair.now, head, admission);
        pair.run();
        assert_eq!((!pair.asked.is_empty(), pair.closed), (asked, !asked), "{admission:?}");
    }
}
