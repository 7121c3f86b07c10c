//! How long a peer may take.

use std::time::Duration;

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// A whole head, from its first byte (blank lines before it don't count), or from the connection's start.
    pub head: Duration,
    /// Any byte of a body, from the end of its head or from the byte before it; and a least average rate once this is
    /// used up: 1 KiB/s.
    pub body: Duration,
    /// The pause between requests.
    pub idle: Duration,
    /// The client's taking of any byte of an answer; and the same least rate once this is used up.
    pub stall: Duration,
}
