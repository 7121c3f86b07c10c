use super::*;

#[test]
fn a_head_has_an_absolute_deadline() {
    let mut pair = Pair::new();
    let step = Duration::from_secs(3);
    for piece in ["GET / ", "HTTP/1.1\r\n", "Host: h\r\n"] {
        pair.pass(step).send(piece.as_bytes());
    }
    assert!(pair.refused.is_empty());
    pair.pass(step);
    assert_eq!(pair.refused, [RequestError::Timeout]);
    assert!(pair.wire().starts_with("HTTP/1.1 408 ") && pair.finished);
    assert!(pair.pass(LINGER_TIME).closed);
}

#[test]
fn silence_is_closed_without_a_word() {
    let mut fresh = Pair::new();
    assert!(fresh.pass(TIMEOUTS.head).closed);
    assert_eq!(fresh.wire(), "");

    let mut kept = Pair::new();
    kept.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(kept.http.is_idle());
    assert!(!kept.pass(TIMEOUTS.idle - Duration::from_secs(1)).closed);
    // The first byte gives its head the whole time.
    kept.send(b"G").pass(Duration::from_secs(9));
    assert!(kept.refused.is_empty() && !kept.closed && !kept.http.is_idle());
    kept.pass(Duration::from_secs(1));
    assert_eq!(kept.refused, [RequestError::Timeout]);
}

/// However they are cut: a blank line is no head, and half of one isn't either.
#[test]
fn blank_lines_extend_no_deadline() {
    let step = Duration::from_secs(6);
    for pieces in [["\r\n", "\r\n"], ["\r", "\n"], ["\r\n\r", "\n\r\n"]] {
        let mut fresh = Pair::new();
        assert!(!fresh.pass(step).send(pieces[0].as_bytes()).closed);
        assert!(fresh.pass(step).closed, "{pieces:?}");

        let mut kept = Pair::new();
        kept.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        for piece in pieces.iter().cycle().take(9) {
            assert!(!kept.pass(step).send(piece.as_bytes()).closed, "{pieces:?}");
        }
        assert!(kept.pass(step).closed && kept.refused.is_empty(), "{pieces:?}");
    }
}

#[test]
fn blank_lines_leave_a_head_its_whole_time() {
    let mut pair = Pair::new();
    pair.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").pass(Duration::from_secs(50)).send(b"\r\n");
    pair.send(b"\r\nG").pass(Duration::from_secs(9)).send(b"ET /");
    assert!(pair.refused.is_empty() && !pair.closed);
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.refused, [RequestError::Timeout]);
}

#[test]
fn a_body_has_a_deadline() {
    let mut pair = Pair::new();
    pair.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nh");
    pair.pass(TIMEOUTS.body - Duration::from_millis(1));
    assert!(pair.refused.is_empty());
    pair.pass(Duration::from_millis(1));
    assert_eq!(pair.refused, [RequestError::Timeout]);
}

/// A peer that sends a body of a megabyte in pieces, a second apart: how many come before it is whole or refused.
fn pieces_of_a_body(bytes: usize) -> (usize, Pair) {
    let mut pair = Pair::new();
    pair.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048576\r\n\r\n");
    let mut sent = 0;
    while pair.asked.is_empty() && pair.refused.is_empty() {
        pair.pass(Duration::from_secs(1)).send(&vec![b'x'; bytes]);
        sent += 1;
    }
    (sent, pair)
}

#[test]
fn a_trickling_body_is_refused_and_a_slow_one_is_not() {
    let (pieces, pair) = pieces_of_a_body(10);
    assert_eq!((pieces, pair.refused), (30, vec![RequestError::Timeout]));
    let (pieces, pair) = pieces_of_a_body(4 << 10);
    assert_eq!((pieces, pair.asked.len(), pair.refused), (256, 1, vec![]));
}

/// A connection with a megabyte of an answer in its output.
fn answering() -> Pair {
    let mut pair = Pair::new();
    pair.send(b"GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    pair.respond(Response::new(Bytes::from(vec![b'x'; 1 << 20])));
    pair
}

impl Pair {
    /// The peer takes so many bytes each `pause`, until it has the answer or is given up.
    fn take(&mut self, bytes: usize, pause: Duration) {
        while matches!(self.http.poll_action(self.now), Action::Write) {
            self.now += pause;
            // As an event loop does it: a deadline that lies in the past fires once more after what could be written.
            self.http.handle_timeout(self.now);
            if matches!(self.http.poll_action(self.now), Action::Write) {
                self.http.handle_written(self.now, bytes.min(self.http.poll_output().len()));
            }
            self.http.handle_timeout(self.now);
        }
    }
}

#[test]
fn a_stalled_answer_is_offered_once_more_and_given_up() {
    let mut pair = answering();
    let deadline = pair.http.poll_timeout().unwrap();
    assert_eq!(deadline, pair.now + TIMEOUTS.stall);
    pair.http.handle_timeout(deadline);
    assert!(matches!(pair.http.poll_action(deadline), Action::Write));
    pair.http.handle_timeout(deadline);
    assert!(matches!(pair.http.poll_action(deadline), Action::Close));

    let mut moved = answering();
    moved.http.handle_timeout(deadline);
    moved.http.handle_written(deadline, 64 << 10);
    assert_eq!(moved.http.poll_timeout(), Some(deadline + TIMEOUTS.stall), "the socket had room");
    moved.http.handle_timeout(deadline + TIMEOUTS.stall);
    assert!(matches!(moved.http.poll_action(deadline + TIMEOUTS.stall), Action::Write));
}

#[test]
fn a_trickling_reader_is_given_up_and_a_slow_one_is_not() {
    for (bytes, pause) in [(1, 4), (1000, 4), (600, 1)] {
        let mut trickling = answering();
        let begun = trickling.now;
        trickling.take(bytes, Duration::from_secs(pause));
        assert!(matches!(trickling.http.poll_action(trickling.now), Action::Close));
        assert!(trickling.now - begun < Duration::from_secs(20), "{bytes}: {:?}", trickling.now - begun);
    }
    // A megabyte at 4 KiB/s takes more than four minutes.
    for (bytes, pause) in [(4 << 10, 1), (16 << 10, 4)] {
        let mut slow = answering();
        let begun = slow.now;
        slow.take(bytes, Duration::from_secs(pause));
        assert!(slow.http.is_idle(), "{bytes}: it has everything");
        assert!(slow.now - begun > Duration::from_secs(240), "{bytes}: {:?}", slow.now - begun);
    }
}
