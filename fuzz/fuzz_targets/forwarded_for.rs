//! The client behind trusted proxies is the one that the simplest reading of their headers names.
//!
//! The input's first line is a list of trusted networks, the second is the peer's address. Each line after them is a
//! header's value: one that begins with `=` is of `X-Real-IP`, any other of `X-Forwarded-For`.

#![no_main]

use std::net::{IpAddr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use sse_server::fuzzing;
use sse_server::http::{HeaderMap, HeaderValue};

fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|&byte| byte == b'\n');
    let mut text = || str::from_utf8(lines.next()?).ok();
    let (Some(networks), Some(peer)) = (text(), text()) else { return };
    let networks: Vec<String> = networks.split(',').map(str::to_owned).collect();
    let Ok(peer) = peer.parse() else { return };

    let mut headers = HeaderMap::new();
    let (mut forwarded, mut real) = (Vec::new(), Vec::new());
    for line in lines {
        let (name, values, value) = match line.strip_prefix(b"=") {
            Some(value) => ("x-real-ip", &mut real, value),
            None => ("x-forwarded-for", &mut forwarded, line),
        };
        let Ok(header) = HeaderValue::from_bytes(value) else { return };
        headers.append(name, header);
        values.push(value);
    }
    if let Ok(found) = fuzzing::client(&networks, peer, &headers) {
        let networks: Vec<Network> = networks.iter().map(|text| Network::parse(text).expect("it was taken")).collect();
        assert_eq!(found, client(&networks, peer, &forwarded, &real));
    }
});

/// Read from the right: everyone who is trusted says who is left of them.
fn client(networks: &[Network], peer: IpAddr, forwarded: &[&[u8]], real: &[&[u8]]) -> IpAddr {
    let mut client = peer.to_canonical();
    let list =
        if forwarded.is_empty() { real.first().map(|value| value.to_vec()) } else { Some(forwarded.join(&b',')) };
    let Some(list) = list else { return client };
    // `X-Real-IP` is no list: with a comma it is no address.
    let mut hops: Vec<&[u8]> = match forwarded {
        [] => vec![&list],
        _ => list.split(|&byte| byte == b',').collect(),
    };
    while networks.iter().any(|network| network.contains(client)) {
        let Some(hop) = hops.pop().and_then(hop) else { break };
        client = hop;
    }
    client
}

/// An address, with or without brackets and a port.
fn hop(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// The addresses that begin with the same bits. One of IPv4 is taken as the IPv6 address that it is mapped to.
struct Network {
    address: u128,
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Network> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let unused = if address.is_ipv4() { 96 } else { 0 };
        let bits = bits.map_or(Some(128), |bits| Some(unused + bits.parse::<u32>().ok()?))?;
        Some(Network { address: mapped(address), bits })
    }

    fn contains(&self, address: IpAddr) -> bool {
        // `::/0` is all of IPv6, and says nothing of IPv4.
        let is_of_other_kind = address.is_ipv4() && self.bits < 96;
        let differing = (self.address ^ mapped(address)).leading_zeros();
        !is_of_other_kind && differing >= self.bits
    }
}

fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}
