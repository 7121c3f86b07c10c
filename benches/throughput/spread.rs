//! How connections that only wait are spread over namespaces.

use std::net::SocketAddr;

use sse_server::load::Target;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    Shared,
    OwnEach,
}

impl Spread {
    pub(crate) const ALL: [Spread; 2] = [Spread::Shared, Spread::OwnEach];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Spread::Shared => "one shared channel",
            Spread::OwnEach => "a namespace each",
        }
    }

    /// What each of so many connections asks for.
    pub(crate) fn targets(self, server: SocketAddr, connections: usize) -> Vec<Target> {
        let host = server.to_string();
        let target = |index| match self {
            Spread::Shared => Target::new(server, &host, "/subscribe/time"),
            Spread::OwnEach => Target::new(server, &host, &format!("/subscribe/users/{index}")),
        };
        (0..connections).map(target).collect()
    }
}
