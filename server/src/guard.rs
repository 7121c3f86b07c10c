//! What only programs and this server's own pages may use: publishing and the admin page.
//!
//! Two things let a page from anywhere reach a server that listens on loopback alone: its browser sends requests wherever
//! it is told to, if only without reading the answers; and a name of the page's own may stand for 127.0.0.1 (DNS
//! rebinding), so that for the browser the server is of the page's own site. Against the first stands what browsers say of
//! a request's origin, against the second the name that they have asked for. Programs say neither, and pass.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::StatusCode;
use http::header::{AUTHORIZATION, HOST, HeaderValue, ORIGIN};
use sse_net::Address;

use crate::config::{Config, ConfigError};
use crate::cors::Cors;
use crate::origin::{is_host, split_port};
use crate::problem::Problem;
use crate::request::Request;
use crate::text::shortened;

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

impl Guard {
    pub(crate) fn parse(config: &Config) -> Result<Guard, ConfigError> {
        // No browser can be led to a socket in the file system.
        let mut by_tcp = config.listen.iter().filter(|address| address.path().is_none()).peekable();
        let only_loopback = by_tcp.peek().is_some() && by_tcp.all(Address::is_loopback);
        let names = config.allowed_hosts.iter().map(|name| parse_host(name)).collect::<Result<Vec<_>, _>>()?;
        let hosts = if names.is_empty() && !only_loopback { Hosts::Any } else { Hosts::Listed(names) };
        Ok(Guard { hosts })
    }

    /// Whether a request may use what is guarded. `by_link`: following a link there from another site does no harm.
    pub(crate) fn check(&self, request: &Request, cors: &Cors, by_link: bool) -> Result<(), Problem> {
        let host = host(request);
        if !self.hosts.allow(host) {
            let host = shortened(host);
            let detail = format!(
                "This server doesn't go by the name {host:?} here. Ask for it by the name or address that it listens on, \
                 or start it with --allowed-host."
            );
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        // A page can't set this on a request to another site unless a preflight allows it. Whether the token is good is for
        // middleware to say.
        let bears_token = request.headers().contains_key(AUTHORIZATION);
        if bears_token || !is_cross_site(request, host) || (by_link && is_navigation(request)) {
            return Ok(());
        }
        if request.headers().get(ORIGIN).is_some_and(|origin| cors.lists(origin)) {
            return Ok(());
        }
        let detail =
            "A page of another site may not do this. List its origin with --cors-origin, by name, if it is to.";
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }
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

fn parse_host(text: &str) -> Result<String, ConfigError> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    // `::1` is how people write it, and `[::1]` how `Host` does.
    let name = if name.parse::<Ipv6Addr>().is_ok() { format!("[{name}]") } else { name };
    if !is_host(&name) {
        let hint = "write a name or an address, without scheme, port and path: `example.com`";
        return Err(ConfigError::new("allowed-host", format!("{text:?} is no host: {hint}")));
    }
    Ok(name)
}

/// What the client has asked for: an absolute target's authority goes before `Host` (RFC 9112 section 3.2.2).
fn host(request: &Request) -> &str {
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    authority.or_else(|| request.headers().get(HOST)?.to_str().ok()).unwrap_or_default()
}

/// The names of this machine that nobody else can be given (RFC 6761 section 6.3), and its addresses.
fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || address.and_then(|address| address.parse::<Ipv6Addr>().ok()).is_some_and(|address| address.is_loopback())
}

/// Whether a browser says that a page of another site is behind the request (Fetch Metadata; older ones by `Origin`
/// alone). An origin is another if its host and port are not those asked for: a proxy may speak another scheme.
fn is_cross_site(request: &Request, host: &str) -> bool {
    if let Some(site) = request.headers().get("sec-fetch-site") {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    match request.headers().get(ORIGIN).map(HeaderValue::to_str) {
        None => false,
        Some(Ok(origin)) => origin.split_once("://").is_none_or(|(_, authority)| !authority.eq_ignore_ascii_case(host)),
        Some(Err(_)) => true,
    }
}

/// Whether the browser goes to a page, and shows it as one (not in a frame of another's).
fn is_navigation(request: &Request) -> bool {
    request.header("sec-fetch-mode") == Some("navigate") && request.header("sec-fetch-dest") == Some("document")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(listen: &[&str], allowed: &[&str]) -> Guard {
        let listen = listen.iter().map(|address| address.parse().unwrap()).collect();
        let allowed_hosts = allowed.iter().map(|&host| host.to_owned()).collect();
        Guard::parse(&Config { listen, allowed_hosts, ..Config::default() }).unwrap()
    }

    #[test]
    fn on_loopback_alone_the_names_of_loopback_are_allowed() {
        let guard = guard(&["127.0.0.1:8001", "localhost:8002", "unix:/run/sse.sock"], &[]);
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
        for listen in
            [&["0.0.0.0:8001"][..], &[":8001"], &["127.0.0.1:8001", "192.0.2.1:8001"], &["unix:/run/sse.sock"]]
        {
            assert!(guard(listen, &[]).hosts.allow("any.example"), "{listen:?}");
        }
        let guard = guard(&["127.0.0.1:8001", "192.0.2.1:8001"], &["Events.example.", "::2"]);
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
}
