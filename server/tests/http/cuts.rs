//! Every row at every cut: what a request means doesn't depend on how the network cuts it up. Sockets join pieces as they
//! like, so this is the state machine behind them alone.

use std::time::{Duration, Instant, SystemTime};

use sse_net::proto::{Action, Admission, DateLine, Http1, Limits, Timeouts};
use sse_server::Bytes;
use sse_server::http::Response;

const FOREVER: Duration = Duration::from_secs(3600);

/// What the service is asked, and what becomes of the connection, when `pieces` come one by one.
fn transcript(pieces: [&[u8]; 2], admission: Admission) -> Vec<String> {
    let now = Instant::now();
    let date = DateLine::new(SystemTime::UNIX_EPOCH);
    let mut http =
        Http1::new(now, Limits::default(), Timeouts { head: FOREVER, body: FOREVER, idle: FOREVER, stall: FOREVER });
    let mut said = Vec::new();
    for piece in pieces {
        http.handle_bytes(piece);
        loop {
            let answer = match http.poll_action(now) {
                Action::Write => {
                    let length = http.poll_output().len();
                    http.handle_written(now, length);
                    continue;
                }
                Action::Admit(head) => {
                    http.handle_admission(now, head, admission);
                    continue;
                }
                Action::Answer(request) => format!("{} {} {:?}", request.method(), request.uri(), request.body()),
                Action::Refuse(error) => error.to_string(),
                Action::Finish => {
                    said.push("the end".to_owned());
                    continue;
                }
                Action::Read | Action::Wait | Action::Close => break,
            };
            said.push(answer);
            http.handle_response(now, Response::new(Bytes::new()), &date);
        }
    }
    said
}

#[test]
fn every_row_at_every_cut() {
    for row in crate::rows() {
        for admission in [Admission::Body { most_bytes: usize::MAX }, Admission::Nothing] {
            let whole = transcript([&row.sent, b""], admission);
            // Long rows are long for one field's sake: some hundred cuts will do.
            for cut in (0..row.sent.len()).step_by(1 + row.sent.len() / 500) {
                let (before, after) = row.sent.split_at(cut);
                assert_eq!(transcript([before, after], admission), whole, "{} at {cut}", row.sent.escape_ascii());
            }
        }
    }
}
