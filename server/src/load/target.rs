//! What to connect to.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};

/// An event stream's address: a parsed `http` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    address: SocketAddr,
    request: Vec<u8>,
}

impl Target {
    /// Parses `http://host[:port][/path][?query]`, and looks the host up.
    ///
    /// # Errors
    ///
    /// If it is no such URL, or the host has no address.
    pub fn parse(url: &str) -> Result<Target, TargetError> {
        let rest = url.strip_prefix("http://").ok_or(TargetError::Scheme)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let is_odd = |c: char| c.is_whitespace() || c.is_control();
        if authority.is_empty() || authority.contains('@') || rest.contains(is_odd) {
            return Err(TargetError::Url);
        }
        // A colon within brackets belongs to an IPv6 address.
        let has_port = authority.rfind(':') > authority.rfind(']');
        let host_and_port = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        let addresses = host_and_port.to_socket_addrs().map_err(|_| TargetError::Host)?;
        // Servers listen on IPv4 at least: `localhost` is first looked for there.
        let address = addresses.min_by_key(SocketAddr::is_ipv6).ok_or(TargetError::Host)?;
        Ok(Target::new(address, authority, path))
    }

    /// The path (with its query) at an address. `host` goes into the request.
    #[must_use]
    pub fn new(address: SocketAddr, host: &str, path: &str) -> Target {
        Target::asked_by("HTTP/1.1", address, host, path)
    }

    /// The same, asked for by HTTP/1.0: such a stream ends by close, and no answer comes in chunks.
    #[must_use]
    pub fn http10(address: SocketAddr, host: &str, path: &str) -> Target {
        Target::asked_by("HTTP/1.0", address, host, path)
    }

    fn asked_by(version: &str, address: SocketAddr, host: &str, path: &str) -> Target {
        let slash = if path.starts_with('/') { "" } else { "/" };
        let request = format!(
            "GET {slash}{path} {version}\r\nHost: {host}\r\nAccept: text/event-stream\r\nUser-Agent: sse-server-bench\r\n\r\n"
        );
        Target { address, request: request.into_bytes() }
    }

    /// The server's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The bytes that ask for the stream.
    pub(super) fn request(&self) -> &[u8] {
        &self.request
    }
}

/// Why a URL is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetError {
    /// It doesn't begin with `http://`.
    Scheme,
    /// It isn't formed as a URL.
    Url,
    /// The host has no address.
    Host,
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TargetError::Scheme => "the URL must begin with http:// (no TLS here)",
            TargetError::Url => "a URL looks like http://localhost:8001/subscribe/pets",
            TargetError::Host => "the URL's host or port can't be resolved",
        })
    }
}

impl std::error::Error for TargetError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> (String, String) {
        let target = Target::parse(url).unwrap();
        let request = String::from_utf8(target.request().to_vec()).unwrap();
        let path = request.split(' ').nth(1).unwrap().to_owned();
        (target.address().to_string(), path)
    }

    #[test]
    fn urls_are_taken_apart() {
        let parsed = |url| parsed(url);
        assert_eq!(parsed("http://127.0.0.1"), ("127.0.0.1:80".into(), "/".into()));
        assert_eq!(parsed("http://127.0.0.1:8001/a/b?c=d#e"), ("127.0.0.1:8001".into(), "/a/b?c=d".into()));
        assert_eq!(parsed("http://127.0.0.1:1?c"), ("127.0.0.1:1".into(), "/?c".into()));
        assert_eq!(parsed("http://[::1]/a"), ("[::1]:80".into(), "/a".into()));
        assert_eq!(parsed("http://[::1]:81/a"), ("[::1]:81".into(), "/a".into()));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for (url, error) in [
            ("https://localhost/", TargetError::Scheme),
            ("localhost:8001", TargetError::Scheme),
            ("http:///a", TargetError::Url),
            ("http://a b/", TargetError::Url),
            ("http://127.0.0.1/a\r\nX: y", TargetError::Url),
            ("http://user@127.0.0.1/", TargetError::Url),
            ("http://127.0.0.1:port/", TargetError::Host),
        ] {
            assert_eq!(Target::parse(url), Err(error), "{url}");
        }
    }
}
