//! Origins of pages, as they are listed and as browsers send them (RFC 6454 section 6.2).
//!
//! | listed | means |
//! |---|---|
//! | `https://example.com`, `http://localhost:3000` | this one |
//! | `https://*.example.com` | every host beneath it, not `https://example.com` itself |
//! | `*.example.com` | the same, by any scheme |
//! | `http://localhost:*` | any port |
//! | `null` | pages without an origin: files, sandboxed frames |

use std::borrow::Cow;
use std::net::Ipv6Addr;

/// One entry of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OriginPattern {
    Null,
    Hosts { scheme: Option<String>, host: Host, port: Port },
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Exact(String),
    /// With the dot before it.
    Beneath(String),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Port {
    Any,
    /// `None`: that of the scheme, which origins leave out.
    Exact(Option<u16>),
}

/// An origin that a browser sent, taken apart. It is in lower case.
pub(crate) struct Origin<'a> {
    scheme: &'a str,
    pub(crate) host: &'a str,
    port: Option<u16>,
}

impl OriginPattern {
    /// Reads an entry, or says what to write instead. A slash at its end is forgiven.
    pub(crate) fn parse(text: &str) -> Result<OriginPattern, Cow<'static, str>> {
        let lower = text.to_ascii_lowercase();
        let origin = lower.strip_suffix('/').filter(|origin| !origin.ends_with('/')).unwrap_or(&lower);
        if origin == "null" {
            return Ok(OriginPattern::Null);
        }
        let (scheme, authority) = match origin.split_once("://") {
            Some((scheme, authority)) => (Some(scheme), authority),
            None => (None, origin),
        };
        if authority.contains(['/', '?', '#', '@']) {
            return Err("an origin has no path and no user: write `https://example.com`".into());
        }
        if scheme.is_some_and(|scheme| !is_scheme(scheme)) {
            return Err("the scheme is none: write `https://example.com`".into());
        }
        let (name, port) = split_port(authority);
        let port = match port {
            None => Port::Exact(None),
            Some("*") => Port::Any,
            Some(port) => {
                let number = port.parse().map_err(|_| "the port is none: write a number, or `*` for any")?;
                Port::Exact(own_port(scheme.unwrap_or_default(), number))
            }
        };
        let canonical = canonical(name);
        let name = canonical.as_deref().unwrap_or(name);
        let host = match name.strip_prefix("*.") {
            Some(parent) if is_host(parent) => Host::Beneath(format!(".{parent}")),
            None if is_host(name) => Host::Exact(name.to_owned()),
            _ => {
                return Err(
                    "the host is none: write `https://example.com`, `https://*.example.com`, or `*` for all".into()
                );
            }
        };
        if scheme.is_none() && matches!(host, Host::Exact(_)) {
            return Err(format!(
                "an origin has a scheme: write `https://{origin}`, or `*.{origin}` for what is beneath it"
            )
            .into());
        }
        Ok(OriginPattern::Hosts { scheme: scheme.map(str::to_owned), host, port })
    }

    /// Whether it covers what a browser sent.
    pub(crate) fn covers(&self, origin: &str) -> bool {
        let lower = origin.to_ascii_lowercase();
        match self {
            OriginPattern::Null => lower == "null",
            OriginPattern::Hosts { scheme, host, port } => Origin::parse(&lower).is_some_and(|origin| {
                scheme.as_ref().is_none_or(|scheme| scheme == origin.scheme)
                    && host.covers(origin.host)
                    && match port {
                        Port::Any => true,
                        Port::Exact(port) => *port == origin.port,
                    }
            }),
        }
    }
}

impl Host {
    fn covers(&self, name: &str) -> bool {
        match self {
            Host::Exact(exact) => exact == name,
            Host::Beneath(parent) => {
                name.strip_suffix(parent.as_str()).is_some_and(|below| below.split('.').all(is_label))
            }
        }
    }
}

impl<'a> Origin<'a> {
    pub(crate) fn parse(lower: &'a str) -> Option<Origin<'a>> {
        let (scheme, authority) = lower.split_once("://")?;
        let (host, port) = split_port(authority);
        let port = match port {
            Some(port) => own_port(scheme, port.parse().ok()?),
            None => None,
        };
        (is_scheme(scheme) && is_host(host)).then_some(Origin { scheme, host, port })
    }

    /// Whether its port is this one. An origin without a written port has the scheme's own.
    pub(crate) fn has_port(&self, port: u16) -> bool {
        self.port == own_port(self.scheme, port)
    }
}

/// A host, and a port if there is one. A colon within brackets belongs to an IPv6 address.
pub(crate) fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rfind(':') {
        Some(colon) if Some(colon) > authority.rfind(']') => (&authority[..colon], Some(&authority[colon + 1..])),
        _ => (authority, None),
    }
}

/// Origins leave a scheme's own port out.
fn own_port(scheme: &str, port: u16) -> Option<u16> {
    (!matches!((scheme, port), ("http", 80) | ("https", 443))).then_some(port)
}

fn is_scheme(scheme: &str) -> bool {
    !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// An IPv6 address, with brackets or without, as browsers write it.
pub(crate) fn canonical(name: &str) -> Option<String> {
    let address: Ipv6Addr = name.trim_matches(['[', ']']).parse().ok()?;
    Some(format!("[{address}]"))
}

pub(crate) fn is_host(name: &str) -> bool {
    match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => name.split('.').all(is_label),
    }
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_form_covers() {
        let table: &[(&str, &[&str], &[&str])] = &[
            (
                "https://example.com",
                &["https://example.com", "HTTPS://Example.com", "https://example.com:443"],
                &[
                    "http://example.com",
                    "https://example.com:8443",
                    "https://a.example.com",
                    "https://example.com.evil.example",
                    "null",
                ],
            ),
            ("https://example.com/", &["https://example.com"], &["https://example.com/"]),
            ("https://example.com:443", &["https://example.com"], &["http://example.com:443"]),
            ("http://localhost:3000", &["http://localhost:3000"], &["http://localhost", "http://localhost:3001"]),
            (
                "http://localhost:*",
                &["http://localhost", "http://localhost:3000"],
                &[
                    "https://localhost:3000",
                    "http://localhost:",
                    "http://localhost:x",
                    "http://localhost.evil.example:1",
                ],
            ),
            (
                "https://*.example.com",
                &["https://a.example.com", "https://a.b.EXAMPLE.com"],
                &[
                    "https://example.com",
                    "http://a.example.com",
                    "https://a.example.com:8443",
                    "https://evilexample.com",
                    "https://.example.com",
                    "https://evil/.example.com",
                    "https://user@x.example.com",
                    "https://a..example.com",
                ],
            ),
            ("https://*.example.com:8443", &["https://a.example.com:8443"], &["https://a.example.com"]),
            (
                "https://*.example.com:*",
                &["https://a.example.com:8443", "https://a.example.com"],
                &["https://example.com:8443"],
            ),
            (
                "*.example.com",
                &["https://a.example.com", "http://a.b.example.com", "capacitor://x.example.com"],
                &["https://example.com", "https://a.example.com:8443", "a.example.com"],
            ),
            ("*.example.com:*", &["http://a.example.com:81"], &["http://example.com:81"]),
            ("http://[0:0::1]:3000", &["http://[::1]:3000"], &["http://[::1]"]),
            ("null", &["null"], &["https://null", ""]),
        ];
        for (listed, covered, others) in table {
            let pattern = OriginPattern::parse(listed).unwrap();
            for origin in *covered {
                assert!(pattern.covers(origin), "{listed}: {origin}");
            }
            for origin in *others {
                assert!(!pattern.covers(origin), "{listed}: {origin}");
            }
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_a_hint() {
        for (listed, hint) in [
            ("example.com", "`https://example.com`"),
            ("localhost:3000", "`https://localhost:3000`"),
            ("https://", "the host"),
            ("https://*", "the host"),
            ("https://*.", "the host"),
            ("https://a*.example.com", "the host"),
            ("https://exa mple.com", "the host"),
            ("https://example.com/app", "no path"),
            ("https://me@example.com", "no user"),
            ("https://example.com:http", "the port"),
            ("https://example.com:70000", "the port"),
            ("://example.com", "the scheme"),
            ("", "the host"),
        ] {
            let error = OriginPattern::parse(listed).unwrap_err();
            assert!(error.contains(hint), "{listed}: {error}");
        }
    }
}
