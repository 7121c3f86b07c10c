//! Requests within requests: what two parties could take apart in two ways is refused, and its rest is never read as a
//! request. The names are those that public probes use.

use crate::row::{EVIL, Row, hold, post, row, with_evil_body};

#[test]
fn smuggling() {
    hold(&rows());
}

/// A body that is over at once for one who reads chunks, and hides a request for one who counts.
fn over_at_once() -> String {
    format!("0\r\n\r\n{EVIL}")
}

pub(crate) fn rows() -> Vec<Row> {
    [two_framings(), obfuscated(), hidden()].into_iter().flatten().collect()
}

fn two_framings() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §6.1, §11.2";
    let both = |first: &str, second: &str| post(&format!("{first}\r\n{second}\r\n"), &over_at_once());
    vec![
        // CL.TE
        row(RFC, both("Content-Length: 40", "Transfer-Encoding: chunked")).refused(400),
        row(RFC, both("Content-Length: 5", "Transfer-Encoding: chunked")).refused(400),
        row(RFC, both("Content-Length: 0", "Transfer-Encoding: chunked")).refused(400),
        // TE.CL
        row(RFC, both("Transfer-Encoding: chunked", "Content-Length: 5")).refused(400),
        row(RFC, both("Transfer-Encoding: chunked", "Content-Length: 0")).refused(400),
        // TE.TE
        row(RFC, both("Transfer-Encoding: chunked", "Transfer-Encoding: cow")).refused(400),
        row(RFC, both("Transfer-Encoding: cow", "Transfer-Encoding: chunked")).refused(501),
        row(RFC, both("Transfer-Encoding: identity", "Transfer-Encoding: chunked")).refused(501),
        row(RFC, both("Transfer-Encoding: chunked", "Transfer-encoding: x")).refused(400),
        // CL.0: a length for one who reads it, none for one who doesn't.
        row(RFC, both("Content-Length: 0", "X: y")).answers([200, 400]).closes(),
        row(RFC, with_evil_body("GET", "/healthz")).refused(200),
        row(RFC, with_evil_body("POST", "/healthz")).refused(405),
        row(RFC, both("Transfer-Encoding: chunked", "X: y").replace("/echo", "/nowhere")).refused(404),
        row(RFC, with_evil_body("OPTIONS", "/healthz")).refused(204),
        row(RFC, with_evil_body("HEAD", "/healthz")).refused(200),
        // The same in HTTP/1.0.
        row(RFC, both("Content-Length: 5", "Transfer-Encoding: chunked").replace("HTTP/1.1\r\nHost: a", "HTTP/1.0"))
            .refused(400),
    ]
}

/// `Content-Length` beside a `Transfer-Encoding` that one party overlooks.
fn obfuscated() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §6.1, §11.2";
    let beside = |line: &str| post(&format!("Content-Length: 5\r\n{line}\r\n"), &over_at_once());
    [
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t:chunked",
        "Transfer-Encoding\x0b: chunked",
        "Transfer-Encoding\0: chunked",
        "Transfer-Encoding\u{a0}: chunked",
        " Transfer-Encoding: chunked",
        "\tTransfer-Encoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "X: y\nTransfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
        "\nTransfer-Encoding: chunked",
        "Transfer-Encoding\r\n: chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding:\tchunked",
        "Transfer-Encoding:chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked;x",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked, cow",
        "Transfer-Encoding: cow, chunked",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding: chunked\x0c",
        "Transfer-Encoding: chunked\r",
        "Transfer-Encoding:",
        "Transfer-Encoding chunked",
        "TRANSFER-ENCODING: CHUNKED",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: ",
    ]
    .into_iter()
    .map(|line| row(RFC, beside(line)).refused(400))
    .collect()
}

fn hidden() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §11.2";
    let chunked = |body: &str| post("Transfer-Encoding: chunked\r\n", body);
    let evil_chunk = format!("{:x}\r\n{EVIL}\r\n0\r\n\r\n", EVIL.len());
    vec![
        // A header of another name, for one who takes underscores for hyphens: for us the body is none.
        row(RFC, post("Content_Length: 5\r\nTransfer_Encoding: chunked\r\n", EVIL)).answers([200, 404]),
        // Chunks that a lenient reader takes apart otherwise: at LF alone, at any two bytes behind the data, within quotes.
        row(RFC, chunked(&format!("0\n\n{EVIL}"))).refused(400),
        row(RFC, chunked(&format!("1\r\nxXX0\r\n\r\n{EVIL}"))).refused(400),
        row(RFC, chunked(&format!("1;\n{evil_chunk}"))).refused(400),
        row(RFC, chunked(&format!("1;a=\"\r\n\"{evil_chunk}"))).refused(400),
        row(RFC, chunked(&format!("0\r\n{EVIL}"))).refused(400),
        row(RFC, chunked(&format!("0\r\nX: y\r\n\r\n{EVIL}"))).answers([200, 404]),
        row(RFC, chunked(&format!("0;a\r\n\r\n{EVIL}"))).answers([200, 404]),
        row(RFC, chunked(&format!("00000000000000000\r\n\r\n{EVIL}"))).refused(400),
        row(RFC, chunked(&format!("100000000\r\n\r\n{EVIL}"))).refused(413),
        // What an answer's header would be, had the target found its way there unescaped.
        row(RFC, "GET /nowhere%0d%0aSet-Cookie:%20a HTTP/1.1\r\nHost: a\r\n\r\n").answers([400]),
        row(RFC, "GET /nowhere\r\nSet-Cookie: a HTTP/1.1\r\nHost: a\r\n\r\n").refused(400),
    ]
}
