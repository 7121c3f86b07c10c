//! The `Host` field.

use crate::row::{Row, hold, row};

fn host(value: &str) -> String {
    format!("GET /healthz HTTP/1.1\r\nHost: {value}\r\n\r\n")
}

#[test]
fn hosts() {
    hold(&rows());
}

pub(crate) fn rows() -> Vec<Row> {
    const ONE: &str = "RFC 9112 §3.2";
    const NAME: &str = "RFC 3986 §3.2.2";
    const PORT: &str = "RFC 3986 §3.2.3";
    vec![
        row(ONE, "GET /healthz HTTP/1.1\r\n\r\n").refused(400),
        row(ONE, "GET /healthz HTTP/1.1\r\nX-Host: a\r\n\r\n").refused(400),
        row(ONE, "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n").refused(400),
        row(ONE, "GET /healthz HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n").refused(400),
        row(ONE, "GET /healthz HTTP/1.1\r\nHost:\r\nHost: a\r\n\r\n").refused(400),
        row(ONE, "GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n").refused(400),
        row(ONE, "GET /healthz HTTP/1.1\r\n Host: a\r\n\r\n").refused(400),
        row(ONE, "GET /healthz HTTP/1.1\r\nHost: a\r\n b\r\n\r\n").refused(400),
        row(ONE, "GET /healthz HTTP/1.1\r\nhOsT:a\r\n\r\n").answers([200]),
        row("RFC 9110 §7.2", host("")).answers([200]),
        row(NAME, host("a.example")).answers([200]),
        row(NAME, host("a.example.")).answers([200]),
        row(NAME, host("A_b-c~d")).answers([200]),
        row(NAME, host("192.0.2.1:80")).answers([200]),
        row(NAME, host("a%2Db")).answers([200]),
        row(NAME, host("[::1]")).answers([200]),
        row(NAME, host("[2001:db8::1]:8001")).answers([200]),
        row(NAME, host("[::ffff:192.0.2.1]")).answers([200]),
        row(NAME, host("a b")).refused(400),
        row(NAME, host("a\tb")).refused(400),
        row(NAME, host("a/b")).refused(400),
        row(NAME, host("a\\b")).refused(400),
        row(NAME, host("a?b")).refused(400),
        row(NAME, host("a#b")).refused(400),
        row(NAME, host("a,b")).refused(400),
        row(NAME, host("a, a")).refused(400),
        row(NAME, host("user@a")).refused(400),
        row(NAME, host("http://a")).refused(400),
        row(NAME, host("<a>")).refused(400),
        row(NAME, host("a\"")).refused(400),
        row(NAME, host("{a}")).refused(400),
        row(NAME, host("a|b")).refused(400),
        row(NAME, host("a%")).refused(400),
        row(NAME, host("a%zz")).refused(400),
        row(NAME, host("é")).refused(400),
        row(NAME, b"GET /healthz HTTP/1.1\r\nHost: a\xff\r\n\r\n").refused(400),
        row(NAME, host("a\0")).refused(400),
        row(NAME, host("[::1")).refused(400),
        row(NAME, host("::1")).refused(400),
        row(NAME, host("[]")).refused(400),
        row(NAME, host("[:::1]")).refused(400),
        row(NAME, host("[::1]a")).refused(400),
        row(NAME, host("[192.0.2.1]")).refused(400),
        row("RFC 6874 §4", host("[fe80::1%25eth0]")).refused(400),
        row(PORT, host("a:")).answers([200]),
        row(PORT, host("a:65535")).answers([200]),
        row(PORT, host("a:00080")).answers([200]),
        row(PORT, host("a:zz")).refused(400),
        row(PORT, host("a:80zz")).refused(400),
        row(PORT, host("a:-1")).refused(400),
        row(PORT, host("a:+80")).refused(400),
        row(PORT, host("a:0x50")).refused(400),
        row(PORT, host("a:65536")).refused(400),
        row(PORT, host("a:18446744073709551696")).refused(400),
        row(PORT, host("a:80:80")).refused(400),
        row(PORT, host("a: 80")).refused(400),
        row(PORT, host("[::1]:x")).refused(400),
        row(PORT, host("[::1]80")).refused(400),
        row("RFC 9110 §4.2.1", host(":80")).refused(400),
    ]
}
