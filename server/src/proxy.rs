//! Who is at the other end, when proxies stand between.
//!
//! ```text
//!   client 203.0.113.9 ──► proxy 10.0.0.7 ──► proxy 10.0.0.2 ──► us
//!                          X-Forwarded-For: <whatever the client claimed>, 203.0.113.9, 10.0.0.7
//! ```
//! Each proxy appends the address it saw, so what is right of the first untrusted address (read from the right) was
//! written by proxies we trust, and what is left of it may be invented.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

use crate::config::ConfigError;

/// Bits before the IPv4 address in an IPv6 address that it is mapped to (RFC 4291 section 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// The networks whose `X-Forwarded-For` and `X-Real-IP` are believed.
#[derive(Debug, Default)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Takes networks (`10.0.0.0/8`) and single addresses (`10.0.0.7`).
    pub(crate) fn parse(networks: &[String]) -> Result<TrustedProxies, ConfigError> {
        networks
            .iter()
            .map(|text| {
                parse_network(text).ok_or_else(|| {
                    ConfigError::new("trust-proxy", format!("{text:?} is no network such as 10.0.0.0/8 or fd00::/8"))
                })
            })
            .collect::<Result<_, _>>()
            .map(TrustedProxies)
    }

    /// The client's address: the peer's own, or, if the peer is a trusted proxy, what it says.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        if headers.contains_key("x-forwarded-for") {
            return self.forwarded_for(peer, headers);
        }
        let real_ip = headers.get("x-real-ip").and_then(|value| value.to_str().ok());
        real_ip.and_then(parse_hop).unwrap_or(peer)
    }

    /// Whether what this peer says of its clients is believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        let address = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The rightmost untrusted hop. A hop that is no address ends the search: nothing left of it can be relied on, so
    /// the client is whoever the proxy right of it is.
    fn forwarded_for(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        // Several header lines are one list (RFC 9110 section 5.3), the last line being the nearest.
        for line in headers.get_all("x-forwarded-for").iter().rev() {
            // The client may have sent anything before what the proxies have added, even bytes that are no text.
            for hop in line.as_bytes().rsplit(|&byte| byte == b',') {
                let Some(hop) = str::from_utf8(hop).ok().and_then(parse_hop) else { return client };
                client = hop;
                if !self.trusts(client) {
                    return client;
                }
            }
        }
        client
    }
}

/// A network, or a single address. Peers and hops are compared in IPv4 clothes where they have any, so networks are too:
/// `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
fn parse_network(text: &str) -> Option<IpNet> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    // Not by ipnet's parser, which takes `010.0.0.0`: to some programs that is `8.0.0.0`.
    let written: IpAddr = address.parse().ok()?;
    let address = written.to_canonical();
    let Some(bits) = bits else { return Some(address.into()) };
    // A sign would be taken for part of a number.
    let bits: u8 = bits.parse().ok().filter(|_| bits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let mapped = if written == address { Some(bits) } else { bits.checked_sub(MAPPED_BITS) };
    match mapped {
        Some(bits) => IpNet::new(address, bits).ok(),
        None => IpNet::new(written, bits).ok(),
    }
}

/// Takes `203.0.113.9`, `203.0.113.9:4711`, `2001:db8::9`, `[2001:db8::9]` and `[2001:db8::9]:4711`.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .map(|address: IpAddr| address.to_canonical())
        .ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const PROXY: &str = "10.0.0.2";

    fn client(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let proxies = TrustedProxies::parse(&["10.0.0.0/8".to_owned(), "fd00::1".to_owned()]).unwrap();
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap()))
            .collect();
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(client("192.0.2.1", &[("x-forwarded-for", "203.0.113.9")]), "192.0.2.1");
        assert_eq!(client("192.0.2.1", &[("x-real-ip", "203.0.113.9")]), "192.0.2.1");
    }

    #[test]
    fn the_rightmost_untrusted_hop_is_the_client() {
        assert_eq!(client(PROXY, &[("x-forwarded-for", "203.0.113.9")]), "203.0.113.9");
        assert_eq!(client(PROXY, &[("x-forwarded-for", "6.6.6.6, 203.0.113.9, 10.0.0.7")]), "203.0.113.9");
        assert_eq!(
            client(PROXY, &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "203.0.113.9,10.0.0.7")]),
            "203.0.113.9"
        );
        assert_eq!(client("fd00::1", &[("x-forwarded-for", "[2001:db8::9]:4711")]), "2001:db8::9");
    }

    #[test]
    fn trusted_all_the_way_names_the_farthest() {
        assert_eq!(client(PROXY, &[("x-forwarded-for", "10.0.0.9, 10.0.0.7")]), "10.0.0.9");
    }

    #[test]
    fn nonsense_ends_the_search() {
        assert_eq!(client(PROXY, &[("x-forwarded-for", "unknown")]), PROXY);
        assert_eq!(client(PROXY, &[("x-forwarded-for", "203.0.113.9, , 10.0.0.7")]), "10.0.0.7");
        assert_eq!(client(PROXY, &[("x-real-ip", "unknown")]), PROXY);
        // It ends there, and not before: who claims nonsense is not taken for the proxy.
        assert_eq!(client(PROXY, &[("x-forwarded-for", "\u{e9}, 203.0.113.9, 10.0.0.7")]), "203.0.113.9");
    }

    #[test]
    fn x_real_ip_is_second_choice() {
        assert_eq!(client(PROXY, &[("x-real-ip", "203.0.113.9:80")]), "203.0.113.9");
        assert_eq!(client(PROXY, &[("x-real-ip", "6.6.6.6"), ("x-forwarded-for", "203.0.113.9")]), "203.0.113.9");
    }

    #[test]
    fn an_address_in_ipv6_clothes_is_the_same_address() {
        assert_eq!(client("::ffff:10.0.0.2", &[("x-forwarded-for", "::ffff:203.0.113.9")]), "203.0.113.9");
    }

    #[test]
    fn a_network_in_ipv6_clothes_is_the_same_network() {
        for (network, peer, is_trusted) in [
            ("::ffff:10.0.0.2", "10.0.0.2", true),
            ("::ffff:10.0.0.0/104", "10.9.9.9", true),
            ("::ffff:10.0.0.0/104", "11.0.0.1", false),
            ("::ffff:0:0/96", "192.0.2.1", true),
            // All of IPv6, and nothing of IPv4.
            ("::/0", "fd00::1", true),
            ("::/0", "192.0.2.1", false),
        ] {
            let proxies = TrustedProxies::parse(&[network.to_owned()]).unwrap();
            assert_eq!(proxies.trusts(peer.parse().unwrap()), is_trusted, "{network}: {peer}");
        }
    }

    #[test]
    fn a_bad_network_is_named() {
        for network in ["10.0.0.0/99", "10.0.0.0/", "10.0.0.0/+8", "010.0.0.0/8", "::ffff:10.0.0.0/129", "proxy", ""] {
            let error = TrustedProxies::parse(&[network.to_owned()]).unwrap_err();
            assert_eq!(error.setting(), "trust-proxy");
            assert!(error.to_string().contains(network), "{error}");
        }
    }
}
