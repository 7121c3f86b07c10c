//! The chunked coding.

use crate::row::{EVIL, Row, chunked, hold, row};

#[test]
fn chunks() {
    hold(&rows());
}

pub(crate) fn rows() -> Vec<Row> {
    [sizes(), data(), extensions()].into_iter().flatten().collect()
}

/// One chunk with this size line, then the last chunk.
fn size(line: &str) -> String {
    chunked(&format!("{line}\r\nhello\r\n0\r\n\r\n"))
}

fn sizes() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §7.1";
    vec![
        row(RFC, size("05")).echoes("hello"),
        row(RFC, size("0000000000000005")).echoes("hello"),
        row(RFC, chunked("a\r\n0123456789\r\n0\r\n\r\n")).echoes("0123456789"),
        row(RFC, chunked("A\r\n0123456789\r\n00\r\n\r\n")).echoes("0123456789"),
        row(RFC, chunked("0\r\n\r\n")).echoes(""),
        row(RFC, size("00000000000000005")).refused(400),
        row(RFC, size("")).refused(400),
        row(RFC, size("0x5")).refused(400),
        row(RFC, size("5h")).refused(400),
        row(RFC, size("h5")).refused(400),
        row(RFC, size("5x")).refused(400),
        row(RFC, size("-5")).refused(400),
        row(RFC, size("-1")).refused(400),
        row(RFC, size("+5")).refused(400),
        row(RFC, size("5_")).refused(400),
        row(RFC, size("0_5")).refused(400),
        row(RFC, size("5.0")).refused(400),
        row(RFC, size("5,")).refused(400),
        row(RFC, size("\"5\"")).refused(400),
        row(RFC, size(" 5")).refused(400),
        row(RFC, size("\t5")).refused(400),
        row(RFC, size("5 ")).refused(400),
        row(RFC, size("5\t")).refused(400),
        row(RFC, size("0 5")).refused(400),
        row(RFC, size("5\0")).refused(400),
        row(RFC, size("5\x0b")).refused(400),
        row(RFC, size("５")).refused(400),
        row("RFC 9112 §7.1, §8", size("ffffffffffffffff")).refused_at_once(413),
        row("RFC 9112 §7.1, §8", size("fffffffffffffffe")).refused(413),
        row("RFC 9112 §7.1, §8", size("8000000000000005")).refused(413),
        row("RFC 9112 §7.1, §8", size("100000005")).refused(413),
        row("RFC 9112 §7.1, §8", size("10000000000000005")).refused(413),
        row("RFC 9110 §15.5.14", size("100001")).refused(413),
    ]
}

fn data() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §7.1";
    const ENDS: &str = "RFC 9112 §2.2, §7.1";
    vec![
        row(RFC, chunked("3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")).echoes("hello"),
        row(RFC, chunked("5\r\nh\r\nl\0\r\n0\r\n\r\n")).echoes("h\r\nl\0"),
        row(RFC, chunked(&format!("{:x}\r\n{EVIL}\r\n0\r\n\r\n", EVIL.len()))).echoes(EVIL),
        row(RFC, chunked(&format!("0\r\n\r\n{EVIL}"))).answers([200, 404]),
        row(RFC, chunked("4\r\nhello\r\n0\r\n\r\n")).refused(400),
        row(RFC, chunked("6\r\nhello\r\n0\r\n\r\n")).refused(400),
        row(RFC, chunked("7\r\nhello\r\n0\r\n\r\n")).refused(400),
        row(RFC, chunked("5\r\nhello0\r\n\r\n")).refused(400),
        row(RFC, chunked("5\r\nhello\r\n\r\n0\r\n\r\n")).refused(400),
        row(RFC, chunked("\r\n5\r\nhello\r\n0\r\n\r\n")).refused(400),
        row(RFC, chunked("hello")).refused_at_once(400),
        row(RFC, chunked(EVIL)).refused(400),
        row(ENDS, chunked("5\nhello\r\n0\r\n\r\n")).refused(400),
        row(ENDS, chunked("5\rhello\r\n0\r\n\r\n")).refused(400),
        row(ENDS, chunked("5\r\r\nhello\r\n0\r\n\r\n")).refused(400),
        row(ENDS, chunked("5\n\rhello\r\n0\r\n\r\n")).refused(400),
        row(ENDS, chunked("5\r\nhello\n0\r\n\r\n")).refused(400),
        row(ENDS, chunked("5\r\nhello\r0\r\n\r\n")).refused(400),
        row(ENDS, chunked("5\r\nhello\n\n0\r\n\r\n")).refused(400),
        row(ENDS, chunked("5\r\nhello\r\n0\n\r\n")).refused(400),
        row(ENDS, chunked("5\r\nhello\r\n0\r\n\n")).refused(400),
        row(ENDS, chunked("5\r\nhello\r\n0\n\n")).refused(400),
        row(ENDS, chunked("5\nhello\n0\n\n")).refused(400),
        row("RFC 9112 §8", chunked("5\r\nhello\r\n0\r\n")).waits(),
        row("RFC 9112 §8", chunked("5\r\nhello\r\n0\r\n\r")).waits(),
        row("RFC 9112 §8", chunked("5\r\nhello\r\n0")).waits(),
        row("RFC 9112 §8", chunked("5\r\nhello\r\n")).waits(),
        row("RFC 9112 §8", chunked("5\r\nhel")).waits(),
        row("RFC 9112 §8", chunked("")).waits(),
    ]
}

fn extensions() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §7.1.1";
    vec![
        row(RFC, size("5;a")).echoes("hello"),
        row(RFC, size("5;a=b")).echoes("hello"),
        row(RFC, size("5;a=b;c;d=e")).echoes("hello"),
        row(RFC, size("5 ;a=b")).echoes("hello"),
        row(RFC, size("5\t;\ta\t=\tb")).echoes("hello"),
        row(RFC, size("5; a = b ; c")).echoes("hello"),
        row(RFC, size("5;a=\"b\"")).echoes("hello"),
        row(RFC, size("5;a=\"\"")).echoes("hello"),
        row(RFC, size("5;a=\"b;c=d\"")).echoes("hello"),
        row(RFC, size("5;a=\"\\\"\\\\\"")).echoes("hello"),
        row(RFC, size("5;a=\"é\t\"")).echoes("hello"),
        row(RFC, chunked("5\r\nhello\r\n0;a=b\r\n\r\n")).echoes("hello"),
        row(RFC, size("5;")).refused(400),
        row(RFC, size("5; ")).refused(400),
        row(RFC, size("5;;a")).refused(400),
        row(RFC, size("5;a;")).refused(400),
        row(RFC, size("5;a=")).refused(400),
        row(RFC, size("5;=b")).refused(400),
        row(RFC, size("5;a ")).refused(400),
        row(RFC, size("5;a=b ")).refused(400),
        row(RFC, size("5;a b")).refused(400),
        row(RFC, size("5;a=b c")).refused(400),
        row(RFC, size("5;bad[=x")).refused(400),
        row(RFC, size("5;a=b[")).refused(400),
        row(RFC, size("5;\"a\"=b")).refused(400),
        row(RFC, size("5;a=\"b")).refused(400),
        row(RFC, size("5;a=\"b\\")).refused(400),
        row(RFC, size("5;a=\"b\"c")).refused(400),
        row(RFC, size("5;a=b\"c\"")).refused(400),
        row(RFC, size("5;a=\"\0\"")).refused(400),
        row(RFC, size("5;é")).refused(400),
        row(RFC, size("5,a=b")).refused(400),
        row("RFC 9112 §2.2, §7.1.1", size("5;a\nb")).refused(400),
        row("RFC 9112 §2.2, §7.1.1", size("5;a\n")).refused(400),
        row("RFC 9112 §2.2, §7.1.1", size("5;a\r")).refused(400),
        row("RFC 9112 §2.2, §7.1.1", size("5;a=\"\n\"")).refused(400),
        row("RFC 9112 §2.2, §7.1.1", size("5;a=\"\r\n\"")).refused(400),
        row("RFC 9112 §7.1.1", size(&format!("5;{}", "a".repeat(16 << 10)))).refused(400),
    ]
}
