//! Addresses to listen on, as people write them.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::str::FromStr;

/// An address to listen on.
///
/// | written | means |
/// |---|---|
/// | `127.0.0.1:8001`, `[::1]:8001` | one IP address |
/// | `localhost:8001` | this machine and nobody else, by IPv4 and IPv6 |
/// | `name.example:8001` | all IP addresses that the name stands for |
/// | `:8001` | all addresses of this machine, IPv4 and IPv6 |
/// | `unix:/run/sse.sock` | a socket in the file system, removed at the end |
///
/// Port 0 picks one that is free.
///
/// ```
/// use sse_net::Address;
///
/// let address: Address = "localhost:8001".parse()?;
/// assert_eq!(address.to_string(), "localhost:8001");
/// assert!("localhost".parse::<Address>().unwrap_err().to_string().contains("port"));
/// # Ok::<(), sse_net::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address(Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Ip(SocketAddr),
    Host { name: Box<str>, port: u16 },
    Any { port: u16 },
    Unix(Box<Path>),
}

impl Address {
    /// Where in the file system it is, if it is there.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Kind::Unix(path) => Some(path),
            _ => None,
        }
    }

    /// What is to be bound by TCP, IPv4 before IPv6. Of several, those whose family of addresses the machine lacks may be
    /// missing.
    pub(crate) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        match &self.0 {
            Kind::Unix(_) => Ok(Vec::new()),
            Kind::Ip(addr) => Ok(vec![*addr]),
            Kind::Any { port } => {
                Ok(vec![(Ipv4Addr::UNSPECIFIED, *port).into(), (Ipv6Addr::UNSPECIFIED, *port).into()])
            }
            // Whatever the resolver says of it (RFC 6761 section 6.3), and some know of one family only.
            Kind::Host { name, port } if name.eq_ignore_ascii_case("localhost") => {
                Ok(vec![(Ipv4Addr::LOCALHOST, *port).into(), (Ipv6Addr::LOCALHOST, *port).into()])
            }
            Kind::Host { name, port } => {
                let mut addrs: Vec<_> = (&**name, *port).to_socket_addrs()?.collect();
                addrs.sort_unstable_by_key(|addr| (addr.is_ipv6(), *addr));
                addrs.dedup();
                Ok(addrs)
            }
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Address {
        Address(Kind::Ip(addr))
    }
}

impl<I: Into<IpAddr>> From<(I, u16)> for Address {
    fn from(addr: (I, u16)) -> Address {
        Address(Kind::Ip(addr.into()))
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        match text.strip_prefix("unix:") {
            Some("") => return Err(AddressError::NoPath),
            Some(path) => return Ok(Address(Kind::Unix(Path::new(path).into()))),
            None => {}
        }
        if let Ok(addr) = text.parse() {
            return Ok(Address(Kind::Ip(addr)));
        }
        let (name, port) = text.rsplit_once(':').ok_or(AddressError::NoPort)?;
        // A sign would be taken for part of a number.
        let port = match port.bytes().all(|byte| byte.is_ascii_digit()) {
            true => port.parse().map_err(|_| AddressError::NoPort)?,
            false => return Err(AddressError::NoPort),
        };
        match name {
            "" => Ok(Address(Kind::Any { port })),
            name if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) => {
                Ok(Address(Kind::Host { name: name.into(), port }))
            }
            _ => Err(AddressError::NoHost),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Ip(addr) => addr.fmt(f),
            Kind::Host { name, port } => write!(f, "{name}:{port}"),
            Kind::Any { port } => write!(f, ":{port}"),
            Kind::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The text is no [`Address`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// It doesn't end in `:` and a port.
    NoPort,
    /// What is before the port is neither an IP address nor a name.
    NoHost,
    /// There is nothing after `unix:`.
    NoPath,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            AddressError::NoPath => "there is no path after `unix:`",
            AddressError::NoPort => "it ends in no port from 0 to 65535",
            AddressError::NoHost => "it begins with neither an IP address (IPv6 in brackets) nor a name",
        };
        let forms = "127.0.0.1:8001, [::1]:8001, localhost:8001, :8001 for all, or unix:/run/sse.sock";
        write!(f, "{what}; an address is written {forms}")
    }
}

impl std::error::Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_as_it_was_written() {
        for text in [
            "127.0.0.1:8001",
            "[::1]:0",
            "[fe80::1%2]:80",
            "localhost:8001",
            "a-b.example.:65535",
            ":8001",
            "unix:/a:1",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        use AddressError::*;
        for (text, error) in [
            ("", NoPort),
            ("8001", NoPort),
            ("localhost", NoPort),
            ("localhost:", NoPort),
            ("localhost:http", NoPort),
            ("localhost:65536", NoPort),
            ("localhost:+80", NoPort),
            ("::1", NoHost),
            ("::1:8001", NoHost),
            ("[::1]", NoPort),
            ("[::g]:80", NoHost),
            ("http://localhost:80", NoHost),
            ("*:8001", NoHost),
            ("a b:1", NoHost),
            ("unix:", NoPath),
        ] {
            assert_eq!(text.parse::<Address>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_all_that_it_stands_for() {
        let resolve = |text: &str| text.parse::<Address>().unwrap().resolve().unwrap();
        assert_eq!(resolve("127.0.0.1:80"), ["127.0.0.1:80".parse().unwrap()]);
        assert_eq!(resolve(":80"), ["0.0.0.0:80".parse().unwrap(), "[::]:80".parse().unwrap()]);
        assert_eq!(resolve("LocalHost:80"), ["127.0.0.1:80".parse().unwrap(), "[::1]:80".parse().unwrap()]);
        assert_eq!(Address::from(([127, 0, 0, 1], 80)), "127.0.0.1:80".parse().unwrap());
    }
}
