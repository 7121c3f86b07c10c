//! What only programs and this server's own pages may use: publishing and the admin page.
//!
//! Two things let a page from anywhere reach a server that listens on loopback alone: its browser sends requests wherever
//! it is told to, if only without reading the answers; and a name of the page's own may stand for 127.0.0.1 (DNS
//! rebinding), so that for the browser the server is of the page's own site. Against the first stands what browsers say of
//! a request's origin, against the second the name that they have asked for. Programs say neither, and pass.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue, ORIGIN};
use http::{StatusCode, Uri};
use sse_core::http::shortened;

use crate::config::{Config, ConfigError};
use crate::cors::Cors;
use crate::origin::{Origin, canonical, is_host, split_port};
use crate::problem::Problem;

/// The policy, parsed.
#[derive(Debug)]
pub(crate) struct Guard {
    hosts: Hosts,
}

/// What `Host` may say.
#[derive(Debug)]
enum Hosts {
    Any,
    /// These, and the names of loopback, which nobody can give to a page.
    Listed(Vec<String>),
}

/// What a request says of who makes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'r> {
    headers: &'r HeaderMap,
    /// What the client has asked for: an absolute target's authority goes before `Host` (RFC 9112 section 3.2.2).
    host: &'r str,
}

impl Guard {
    pub(crate) fn parse(config: &Config) -> Result<Guard, ConfigError> {
        let names = config.allowed_hosts.iter().map(|name| parse_host(name)).collect::<Result<Vec<_>, _>>()?;
        Ok(Guard { hosts: if names.is_empty() { Hosts::Any } else { Hosts::Listed(names) } })
    }

    /// Takes note of where the server is listened on by TCP. (No browser can be led to a socket in the file system.)
    pub(crate) fn listens_on(&mut self, addresses: &[SocketAddr]) {
        let only_loopback = addresses.iter().all(|address| address.ip().to_canonical().is_loopback());
        if matches!(self.hosts, Hosts::Any) && !addresses.is_empty() && only_loopback {
            self.hosts = Hosts::Listed(Vec::new());
        }
    }

    /// Whether a request may publish.
    pub(crate) fn check_publish(&self, asker: Asker<'_>, cors: &Cors) -> Result<(), Problem> {
        self.check_host(asker)?;
        if asker.is_listed(cors) || asker.bears_token() || !asker.is_cross_site() {
            return Ok(());
        }
        Err(refusal(
            "A page of another site may not publish here. List its origin with --cors-origin, by name, if it is to. (If it \
             is this server's own page behind a proxy: the proxy must pass `Host` on, and --allowed-host name it.)",
        ))
    }

    /// Whether a request may use the admin endpoints. `by_link`: following a link there from another site does no harm.
    pub(crate) fn check_admin(&self, asker: Asker<'_>, by_link: bool) -> Result<(), Problem> {
        self.check_host(asker)?;
        if asker.bears_token() || (by_link && asker.is_navigation()) || !asker.is_cross_site() {
            return Ok(());
        }
        Err(refusal("Pages of other sites may not see who is connected here: open the admin page itself."))
    }

    fn check_host(&self, asker: Asker<'_>) -> Result<(), Problem> {
        if self.hosts.allow(asker.host) {
            return Ok(());
        }
        Err(refusal(format!(
            "This server doesn't go by the name {:?} here. Ask for it by the name or address that it listens on, or start \
             it with --allowed-host.",
            shortened(asker.host)
        )))
    }
}

fn refusal(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, detail)
}

impl Hosts {
    fn allow(&self, host: &str) -> bool {
        let Hosts::Listed(names) = self else { return true };
        // Only what is no browser leaves it out.
        let host = split_port(host).0.to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        host.is_empty() || names.iter().any(|name| name == host) || is_loopback(host)
    }
}

impl<'r> Asker<'r> {
    pub(crate) fn new(uri: &'r Uri, headers: &'r HeaderMap) -> Asker<'r> {
        let authority = uri.authority().map(http::uri::Authority::as_str);
        let host = authority.or_else(|| headers.get(HOST)?.to_str().ok()).unwrap_or_default();
        Asker { headers, host }
    }

    /// Whether it is a page of an origin that is listed by name.
    pub(crate) fn is_listed(self, cors: &Cors) -> bool {
        self.headers.get(ORIGIN).is_some_and(|origin| cors.names(origin))
    }

    /// Whether it bears a token that no browser adds by itself, as it does passwords. Preflights here allow no page of an
    /// origin that isn't listed to add one. Whether the token is good is for middleware to say.
    fn bears_token(self) -> bool {
        let value = self.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
    }

    /// Whether a browser says that a page of another site is behind the request (Fetch Metadata). Over plain HTTP, and if
    /// they are old, browsers say no more than `Origin`: that is another if its host and port are not those asked for. A
    /// proxy may speak another scheme, and leave the port out of `Host`.
    fn is_cross_site(self) -> bool {
        if let Some(site) = self.headers.get("sec-fetch-site") {
            return !matches!(site.as_bytes(), b"same-origin" | b"none");
        }
        let Some(origin) = self.headers.get(ORIGIN) else { return false };
        let lower = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        let Some(origin) = Origin::parse(&lower) else { return true };
        let (name, port) = split_port(self.host);
        let same_port = port.is_none_or(|port| port.parse().is_ok_and(|port| origin.has_port(port)));
        !(same_port && name.eq_ignore_ascii_case(origin.host))
    }

    /// Whether the browser goes to a page, and shows it as one (not in a frame of another's).
    fn is_navigation(self) -> bool {
        let is = |name: &str, value: &str| self.headers.get(name).is_some_and(|own| own == value);
        is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document")
    }
}

fn parse_host(text: &str) -> Result<String, ConfigError> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let name = canonical(&name).unwrap_or(name);
    if !is_host(&name) {
        let hint = "write a name or an address, without scheme, port and path: `example.com`";
        return Err(ConfigError::new("allowed-host", format!("{text:?} is no host: {hint}")));
    }
    Ok(name)
}

/// The names of this machine that nobody else can be given (RFC 6761 section 6.3), and its addresses.
fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || address.and_then(|address| address.parse::<Ipv6Addr>().ok()).is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(listens_on: &[&str], allowed: &[&str]) -> Guard {
        let addresses: Vec<_> = listens_on.iter().map(|address| address.parse().unwrap()).collect();
        let allowed_hosts = allowed.iter().map(|&host| host.to_owned()).collect();
        let mut guard = Guard::parse(&Config { allowed_hosts, ..Config::default() }).unwrap();
        guard.listens_on(&addresses);
        guard
    }

    #[test]
    fn on_loopback_alone_the_names_of_loopback_are_allowed() {
        let guard = guard(&["127.0.0.1:8001", "127.0.1.1:8002", "[::1]:8001"], &[]);
        for host in [
            "localhost",
            "LOCALHOST:8001",
            "localhost.",
            "app.localhost",
            "127.0.0.1:8001",
            "127.8.8.8",
            "[::1]:8001",
            "",
        ] {
            assert!(guard.hosts.allow(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8001",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.0.2.1",
            "[::2]",
            "xlocalhost",
        ] {
            assert!(!guard.hosts.allow(host), "{host}");
        }
    }

    #[test]
    fn elsewhere_any_name_is_unless_some_are_listed() {
        for listen in [&["0.0.0.0:8001"][..], &["[::]:8001"], &["127.0.0.1:8001", "192.0.2.1:8001"], &[]] {
            assert!(guard(listen, &[]).hosts.allow("any.example"), "{listen:?}");
        }
        let guard = guard(&["127.0.0.1:8001", "192.0.2.1:8001"], &["Events.example.", "0:0::2"]);
        for host in ["events.example", "events.example.:80", "localhost", "[::2]:80"] {
            assert!(guard.hosts.allow(host), "{host}");
        }
        assert!(!guard.hosts.allow("other.example"));
    }

    #[test]
    fn what_is_no_host_is_named() {
        for host in ["", "https://example.com", "example.com:80", "example.com/a", "*.example.com"] {
            let config = Config { allowed_hosts: vec![host.to_owned()], ..Config::default() };
            assert_eq!(Guard::parse(&config).unwrap_err().setting(), "allowed-host", "{host}");
        }
    }

    #[test]
    fn an_origin_is_held_against_what_was_asked_for() {
        for (origin, host, is_cross) in [
            ("http://localhost:8001", "localhost:8001", false),
            ("HTTP://LOCALHOST:8001", "localhost:8001", false),
            ("http://example.com", "example.com:80", false),
            ("https://example.com", "example.com:443", false),
            // A proxy has left the port out.
            ("http://example.com:8080", "example.com", false),
            ("http://localhost:3000", "localhost:8001", true),
            ("http://evil.example", "example.com", true),
            ("http://example.com", "example.com:8001", true),
            ("null", "null", true),
            ("", "", true),
        ] {
            let headers =
                [(ORIGIN, origin), (HOST, host)].map(|(name, value)| (name, HeaderValue::from_str(value).unwrap()));
            let (uri, headers) = (Uri::from_static("/publish/a"), HeaderMap::from_iter(headers));
            assert_eq!(Asker::new(&uri, &headers).is_cross_site(), is_cross, "{origin} at {host}");
        }
    }
}
