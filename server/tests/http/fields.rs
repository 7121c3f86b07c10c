//! Header fields in general.

use crate::row::{EVIL, Row, get, hold, row};

#[test]
fn fields() {
    hold(&rows());
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = [names(), values(), folds()].into_iter().flatten().collect::<Vec<_>>();
    for byte in "\"(),/;<=>?@[\\]{}\x01\x0b\x0c\x7f\u{a0}\u{212a}".chars() {
        rows.push(row("RFC 9110 §5.1, §5.6.2", get(&format!("X{byte}Y: z\r\n"))).refused(400));
    }
    for byte in "\x01\x08\x0b\x0c\x1b\x1f\x7f".chars() {
        rows.push(row("RFC 9110 §5.5", get(&format!("X: y{byte}z\r\n"))).refused(400));
    }
    rows
}

fn names() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §5, §5.1";
    vec![
        row(RFC, get("X:y\r\n")).answers([200]),
        row(RFC, get("!#$%&'*+-.^_`|~0: y\r\n")).answers([200]),
        row(RFC, get("x_y: z\r\n")).answers([200]),
        row(RFC, get("X : y\r\n")).refused(400),
        row(RFC, get("X\t: y\r\n")).refused(400),
        row(RFC, get("X Y: z\r\n")).refused(400),
        row(RFC, get(": y\r\n")).refused(400),
        row(RFC, get(":\r\n")).refused(400),
        row(RFC, get("X\r\n")).refused(400),
        row(RFC, get("X y\r\n")).refused(400),
        row(RFC, get("X\0: y\r\n")).refused(400),
        row(RFC, get("\0X: y\r\n")).refused(400),
        row(RFC, get("\u{feff}X: y\r\n")).refused(400),
        row(RFC, get(EVIL)).refused(400),
        row(RFC, get(&format!("{}: y\r\n", "x".repeat(8000)))).answers([200]),
    ]
}

fn values() -> Vec<Row> {
    const RFC: &str = "RFC 9110 §5.5";
    let raw = |bytes: &[u8]| [b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ", bytes, b"\r\n\r\n"].concat();
    vec![
        row(RFC, get("X:\r\n")).answers([200]),
        row(RFC, get("X: \t \r\n")).answers([200]),
        row(RFC, get("X: \t y \t\r\n")).answers([200]),
        row(RFC, get("X: a:b \"c\", (d)\r\n")).answers([200]),
        row(RFC, get("X: y\r\nX: z\r\n")).answers([200]),
        row(RFC, raw(b"caf\xc3\xa9")).answers([200]),
        row(RFC, raw(b"caf\xe9 \x80\xff")).answers([200]),
        row(RFC, raw(b"\0")).refused(400),
        row(RFC, raw(b"a\0b")).refused(400),
        row("RFC 9112 §2.2", raw(b"a\rb")).refused(400),
        row("RFC 9112 §2.2", raw(b"a\nb")).refused(400),
        row("RFC 9112 §2.2", raw(b"a\nX: b")).refused(400),
        row("RFC 9112 §2.2", raw(b"\r\r")).refused(400),
        row("RFC 9112 §2.2", raw(b"a\rGET /evil HTTP/1.1")).refused(400),
    ]
}

fn folds() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §5.2";
    vec![
        row(RFC, get("X: y\r\n z\r\n")).refused(400),
        row(RFC, get("X: y\r\n\tz\r\n")).refused(400),
        row(RFC, get("X:\r\n y\r\n")).refused(400),
        row(RFC, get("X: y\r\n \r\n")).refused(400),
        row(RFC, get("X: y\r\n \r\n Y: z\r\n")).refused(400),
        row("RFC 9112 §2.2", "GET /healthz HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n").refused(400),
        row("RFC 9112 §2.2", "GET /healthz HTTP/1.1\r\n\tHost: a\r\n\r\n").refused(400),
        row("RFC 9112 §2.2", "GET /healthz HTTP/1.1\r\n \r\nHost: a\r\n\r\n").refused(400),
    ]
}
