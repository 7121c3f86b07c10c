//! What the parent and its child tell each other: a line of JSON each, over the child's stdin and stdout.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// How a child is started: on its command line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) core: usize,
    pub(crate) role: Role,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// The server itself.
    Server(Settings),
    /// Sockets and a loop.
    Bare(Way),
}

/// What differs from the server's defaults; see [`crate::serve`] for what always does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) flush_interval_us: u64,
    pub(crate) max_lag: u64,
    /// 0: no history, and no ids in frames.
    pub(crate) history_bytes: usize,
    /// Events published to nobody before anyone comes: so many that all ids after them have equally many digits, or that
    /// the history is full.
    pub(crate) events_before: u64,
}

/// More than anyone falls behind in a run: what is lost then is lost by a mistake.
const LOSSLESS_LAG: u64 = 4 << 30;

impl Default for Settings {
    fn default() -> Self {
        Settings { flush_interval_us: 0, max_lag: LOSSLESS_LAG, history_bytes: 0, events_before: 0 }
    }
}

/// How a bare loop gets bytes to the sockets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Way {
    /// One `send` for each message and connection.
    SendEach,
    /// A buffer that all share, in pieces of up to 63 KiB.
    SharedBuffer,
    /// The same, each piece in a chunk: one call for its size line, the piece and its line end.
    SharedChunks,
}

/// What the parent says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    Publish(Plan),
    /// The slowest reader has read this many bytes of all that is published (of its share, scaled up).
    Seen(u64),
    /// What is under way has been published for long enough.
    Stop,
}

/// What to publish.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The event with number n goes to the (n mod length)th.
    pub(crate) namespaces: Vec<String>,
    /// Bytes of data in each event.
    pub(crate) data_bytes: usize,
    /// Threads that publish.
    pub(crate) threads: u64,
    pub(crate) pace: Pace,
    /// When the first event is due, in nanoseconds since the Unix epoch.
    pub(crate) start_ns: u64,
    /// For how long.
    pub(crate) length_ns: u64,
}

/// How fast to publish.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Pace {
    /// So many events a second, all threads together: the nth is due at start + n / rate, late or not.
    Rate(f64),
    /// As fast as readers read: at most so many bytes ahead of the slowest.
    Ahead(u64),
}

impl Plan {
    /// Bytes of a frame without its id: `data:`, the data, and two line ends.
    pub(crate) fn frame_bytes(&self) -> u64 {
        self.data_bytes as u64 + 7
    }
}

/// What the child says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Serving {
        address: SocketAddr,
        /// What a new stream begins with before its first event: with history its place in it.
        opening_bytes: u64,
    },
    Published(Published),
}

/// What was published.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Published {
    pub(crate) events: u64,
    /// Frame bytes for each namespace.
    pub(crate) bytes: Vec<u64>,
    /// The last id that a reader has seen who is owed all of it, if one thread published it.
    pub(crate) owed_after: Option<String>,
    /// Streams that the server had open when it was done; bare loops close none.
    pub(crate) streams: Option<usize>,
    /// How long single passes over all sockets took: the median, of bare loops that send each message.
    pub(crate) pass_ns: Option<u64>,
}

impl Published {
    /// Both together.
    pub(crate) fn and(self, other: Published) -> Published {
        let bytes = self.bytes.iter().zip(&other.bytes).map(|(mine, theirs)| mine + theirs).collect();
        Published { events: self.events + other.events, bytes, ..self }
    }
}
