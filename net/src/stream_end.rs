//! What a service is told about its open streams.

use std::io;

/// One open stream, as [`Handle::visit_streams`](crate::Handle::visit_streams) shows it.
#[derive(Debug)]
pub struct StreamView<'a, S> {
    /// What the service gave when it opened the stream.
    pub session: &'a S,
    /// Events wholly handed to the kernel.
    pub events_sent: u64,
    /// Bytes of events handed to the kernel; the head and keepalives don't count.
    pub bytes_sent: u64,
    /// Bytes that wait to be sent.
    pub lag: u64,
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEnd {
    /// Why.
    pub reason: EndReason,
    /// Events wholly handed to the kernel.
    pub events_sent: u64,
    /// Bytes of events handed to the kernel; the head and keepalives don't count.
    pub bytes_sent: u64,
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The client closed its side, or reset the connection.
    ClientClosed,
    /// The client's socket was full and it fell behind by more than [`Config::max_lag`](crate::Config::max_lag).
    Lagged,
    /// The client took no byte for [`Config::stall_timeout`](crate::Config::stall_timeout) while some were owed.
    Stalled,
    /// The server is going: [`Handle::drain`](crate::Handle::drain) or [`Handle::shutdown`](crate::Handle::shutdown). Or its hub is
    /// [closed](sse_core::Hub::close), and everything is sent.
    Drained,
    /// The socket failed.
    Failed(io::ErrorKind),
}
