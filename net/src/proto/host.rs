//! Hosts: of the `Host` field, and of an absolute target (RFC 9110 §7.2, RFC 3986 §3.2).

use std::str;

// An address as a value, and no socket: `core` has the type for this.
use core::net::Ipv6Addr;

use http::Version;
use http::header::{HOST, HeaderMap};

use super::request_error::RequestError;

/// RFC 9112 §3.2: one `Host`, and none only in HTTP/1.0. It may be empty.
pub(super) fn check_host(headers: &HeaderMap, version: Version) -> Result<(), RequestError> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_10 => Ok(()),
        (Some(host), None) if host.is_empty() || is_host(host.as_bytes()) => Ok(()),
        _ => Err(RequestError::Host),
    }
}

/// Whether this is a name or an address, and perhaps a port. Two things of the grammar are left out: names with a comma,
/// which stands where somebody has joined two fields, and addresses of versions to come (`[v7.x]`).
pub(super) fn is_host(text: &[u8]) -> bool {
    if let Some(literal) = text.strip_prefix(b"[") {
        let Some(end) = literal.iter().position(|&byte| byte == b']') else { return false };
        let (address, rest) = (&literal[..end], &literal[end + 1..]);
        return str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok()) && is_port(rest);
    }
    let end = text.iter().position(|&byte| byte == b':').unwrap_or(text.len());
    is_name(&text[..end]) && is_port(&text[end..])
}

/// `reg-name`, which covers IPv4 addresses.
fn is_name(name: &[u8]) -> bool {
    let mut rest = name;
    while let [byte, after @ ..] = rest {
        rest = match (byte, after) {
            (b'%', [a, b, after @ ..]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => after,
            (b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b';' | b'=', _) => {
                after
            }
            _ if byte.is_ascii_alphanumeric() => after,
            _ => return false,
        };
    }
    !name.is_empty()
}

/// Nothing, or a colon and digits. A colon alone is grammatical: it means the scheme's own port.
fn is_port(suffix: &[u8]) -> bool {
    let Some(digits) = suffix.strip_prefix(b":") else { return suffix.is_empty() };
    let number = digits.iter().try_fold(0u16, |number, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit as u16)
    });
    number.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for host in [
            "a",
            "a.example",
            "a.example.",
            "a_b",
            "xn--bcher-kva.example",
            "a%2db",
            "a:",
            "a:0",
            "a:00080",
            "a:65535",
            "127.0.0.1:8001",
            "[::1]",
            "[::1]:",
            "[::1]:80",
            "[::ffff:192.0.2.1]",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn no_hosts() {
        for host in [
            "",
            ":80",
            "a:zz",
            "a:-1",
            "a:+80",
            "a:65536",
            "a:99999999999",
            "a:80:80",
            "a b",
            "a/b",
            "u@a",
            "a,b",
            "a,",
            "http://a",
            "a%",
            "a%2",
            "a%zz",
            "a?",
            "a#",
            "a\\b",
            "a\"",
            "<a>",
            "{a}",
            "é",
            "[",
            "[]",
            "[::1",
            "::1",
            "[::1]a",
            "[::1]80",
            "[:::1]",
            "[1.2.3.4]",
            "[fe80::1%25eth0]",
            "[v7.x]",
            "[::1]:x",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
        assert!(!is_host(b"a\xff"));
    }
}
