//! `Transfer-Encoding`.

use crate::row::{Row, hold, post, row};

fn coded(value: &str) -> String {
    post(&format!("Transfer-Encoding: {value}\r\n"), "5\r\nhello\r\n0\r\n\r\n")
}

#[test]
fn codings() {
    hold(&rows());
}

pub(crate) fn rows() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §7";
    const LAST: &str = "RFC 9112 §6.3";
    const UNKNOWN: &str = "RFC 9112 §6.1";
    const BODY: &str = "5\r\nhello\r\n0\r\n\r\n";
    vec![
        row(RFC, coded("chunked")).echoes("hello"),
        row(RFC, coded("Chunked")).echoes("hello"),
        row(RFC, coded("CHUNKED")).echoes("hello"),
        row(RFC, coded(" \tchunked\t ")).echoes("hello"),
        row(RFC, post("tRANSFER-eNCODING:chunked\r\n", BODY)).echoes("hello"),
        row("RFC 9112 §7.4", post("TE: trailers\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n", BODY))
            .echoes("hello"),
        row(LAST, coded("gzip")).refused(400),
        row(LAST, coded("identity")).refused(400),
        row(LAST, coded("cow")).refused(400),
        row(LAST, coded("chunked, gzip")).refused(400),
        row(LAST, coded("chunked, identity")).refused(400),
        row(LAST, coded("")).refused(400),
        row(LAST, coded(",")).refused(400),
        row(LAST, coded("chunked,")).refused(400),
        row(LAST, coded("chunked, ")).refused(400),
        row(LAST, coded(",chunked")).refused(400),
        row(LAST, coded("chunked,,chunked")).refused(400),
        row("RFC 9112 §6.1", coded("chunked, chunked")).refused(400),
        row("RFC 9112 §6.1", coded("gzip, chunked, chunked")).refused(400),
        row(RFC, coded("xchunked")).refused(400),
        row(RFC, coded("chunkedx")).refused(400),
        row(RFC, coded("chunked x")).refused(400),
        row(RFC, coded("chun ked")).refused(400),
        row(RFC, coded("chunk")).refused(400),
        row(RFC, coded("\"chunked\"")).refused(400),
        row(RFC, coded("'chunked'")).refused(400),
        row(RFC, coded("[chunked]")).refused(400),
        row("RFC 9112 §7.1", coded("chunked;q=1")).refused(400),
        row("RFC 9112 §7.1", coded("chunked;")).refused(400),
        row(RFC, coded("chunKed")).echoes("hello"),
        row(RFC, coded("chun\u{212a}ed")).refused(400),
        row(RFC, coded("\x0bchunked")).refused(400),
        row(RFC, coded("chunked\x0b")).refused(400),
        row(RFC, coded("chunked\x0c")).refused(400),
        row(RFC, coded("\0chunked")).refused(400),
        row(RFC, coded("chunked\0")).refused(400),
        row(RFC, coded("\u{a0}chunked")).refused(400),
        row("RFC 9112 §2.2", coded("chunked\r")).refused(400),
        row("RFC 9112 §2.2", coded("\nchunked")).refused(400),
        row("RFC 9112 §5.2", coded("\r\n chunked")).refused(400),
        row("RFC 9112 §5.2", coded("gzip,\r\n\tchunked")).refused(400),
        row(UNKNOWN, coded("gzip, chunked")).refused(501),
        row(UNKNOWN, coded("gzip,chunked")).refused(501),
        row(UNKNOWN, coded("identity, chunked")).refused(501),
        row(UNKNOWN, coded("cow, chunked")).refused(501),
        row(UNKNOWN, coded("chunked;q=1, chunked")).refused(501),
        row(UNKNOWN, coded("cow;a=\", chunked\", chunked")).refused(501),
        row(UNKNOWN, post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", BODY)).refused(501),
        row(LAST, post("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", BODY)).refused(400),
        row(LAST, post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", BODY)).refused(400),
        row(LAST, post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", BODY)).refused(400),
        row(LAST, post("Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n", BODY)).refused(400),
        row("RFC 9112 §5.1", post("Transfer-Encoding : chunked\r\n", BODY)).refused(400),
        row("RFC 9112 §5.1", post("Transfer-Encoding\t: chunked\r\n", BODY)).refused(400),
        row("RFC 9112 §2.2", post(" Transfer-Encoding: chunked\r\n", BODY)).refused(400),
        row("RFC 9112 §5", post("X: y\nTransfer-Encoding: chunked\r\n", BODY)).refused(400),
        row("RFC 9112 §5", post("X: y\rTransfer-Encoding: chunked\r\n", BODY)).refused(400),
        row("RFC 9110 §5.1", post("Transfer_Encoding: chunked\r\n", "")).echoes(""),
        row("RFC 9110 §5.1", post("Transfer-Encoding\0: chunked\r\n", BODY)).refused(400),
        row("RFC 9112 §6.1", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").refused(400),
        row("RFC 9112 §6.1", "GET /healthz HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n").refused(400),
    ]
}
