//! What can be set, and what it is when nothing is said.

use std::fmt;
use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use sse_core::{FilterLimits, HubConfig, Limits};
use sse_net::Address;

/// What can be set. Plain values: [`Server::bind`](crate::Server::bind) parses them and says which one is wrong.
///
/// ```
/// use sse_server::Config;
///
/// let config = Config { prefix: "/events".to_owned(), workers: 1, ..Config::default() };
/// assert_eq!(config.listen, ["127.0.0.1:8001".parse().unwrap()]);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses to serve; port 0 picks a free one, and [`Server::local_addrs`](crate::Server::local_addrs) says which. Who
    /// comes by a socket in the file system counts as `127.0.0.1`, for limits, logs and trust in proxies.
    pub listen: Vec<Address>,
    /// Event-loop threads. By default as many as the cores this process may run on.
    pub workers: usize,
    /// The path beneath which subscriptions live. `/` is allowed.
    pub prefix: String,
    /// How long a stream may be silent before a comment is sent to it; `None` (or zero) means for ever.
    pub keepalive: Option<Duration>,
    /// Least time between two passes over the connections: trades latency for CPU.
    pub flush_interval: Duration,
    /// Bytes of past events that are kept, so that clients which were away can resume; up to half as much again
    /// is kept to let them do so cheaply. 0 means no history: then frames have no `id:` lines either, and who comes back
    /// goes on with what is new.
    pub history_bytes: usize,
    /// How long past events are kept, within [`history_bytes`](Self::history_bytes).
    pub history_age: Duration,
    /// How many bytes a reader may fall behind. What happens beyond is up to [`slow_consumers`](Self::slow_consumers). So
    /// that no event puts its readers behind by itself, one that takes more on the wire than this is refused
    /// where it is published. Less than 64 KiB counts as that.
    pub max_lag: u64,
    /// What becomes of readers that are too far behind. `disconnect` (then their clients come back and resume) or `skip`
    /// (they stay, and go on with what is new after an event `gap`) is for all; `PREFIX=POLICY`, such as `/time=skip`, for
    /// the subscriptions at and beneath a namespace. The longest prefix counts. A `*` in a subscription is a segment like
    /// any other here: only a prefix that has it too covers it. Who subscribes to several namespaces is skipped if the
    /// policy of each is `skip`.
    pub slow_consumers: Vec<String>,
    /// After how long a client whose connection was lost is to come back. Each is told another time, up to half as much
    /// shorter or longer, so that not all come back at once. `None` (or zero) leaves it to the clients.
    pub retry: Option<Duration>,
    /// Connections served at once; beyond it they are turned away with an invitation to come back.
    /// `None`: as many as the limit on file descriptors (`RLIMIT_NOFILE`, which binding raises as far as the system lets
    /// it be) allows, less a reserve.
    pub max_connections: Option<usize>,
    /// Connections at once from one client address, whatever they ask for; addresses of IPv6 with the same first 64 bits count as
    /// one. Who comes from one of [`trusted_proxies`](Self::trusted_proxies) has connections for many clients, and is not counted:
    /// its clients' streams are, by the address that it names. `None` means no limit.
    pub max_connections_per_ip: Option<usize>,
    /// Distinct namespaces and patterns subscribed to at once. Who needs one more is turned away with an invitation to come
    /// back; who subscribes to what others read is let in.
    pub max_channels: usize,
    /// How large the filter of one subscription may be: a larger one is `400`.
    pub filter_limits: FilterLimits,
    /// Segments, wildcards included, in the filters of all streams of one client network together; networks are those of
    /// [`max_connections_per_ip`](Self::max_connections_per_ip), and so are the streams behind a trusted proxy. Who needs more is
    /// turned away with an invitation to come back. Filters of at most 16 segments, of which at most 4 are wildcards, don't count:
    /// ordinary clients behind one address are never in each other's way. Less than one stream may have, by
    /// [`filter_limits`](Self::filter_limits), counts as that.
    pub max_filter_segments_per_ip: usize,
    /// The same for wildcards.
    pub max_filter_wildcards_per_ip: usize,
    /// Streams that may be owed at once what they had missed when they came back. Beyond it, who comes back with `Last-Event-ID`
    /// is told to come again, as on a full server; it loses nothing as long as the history has it.
    pub max_replays: usize,
    /// Most bytes of a request's body.
    pub max_body: usize,
    /// Most bytes of requests and answers that are held for their peers, over all connections: what has come of heads and
    /// bodies, batches that wait for their turn, answers that are not taken yet (pages and streams are shared, and don't count).
    /// What grows beyond is refused with `503`. Connections that hold at most 16 KiB each never are: they don't count, so that small
    /// publishes and health checks are answered however much others send. At least twice [`max_body`](Self::max_body).
    pub max_buffered: usize,
    /// How long a request's head may take, from its first byte or from the connection's start.
    pub head_timeout: Duration,
    /// How long nothing of a request's body may come. Once this is used up, it must have come at 1 KiB/s on average, too.
    pub body_timeout: Duration,
    /// How long a connection may rest between requests. Let it be more than a balancer's own limit: who closes a connection
    /// just as the other sends a request is blamed for a `502`.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of what is sent to it. Once this is used up, an answer that isn't a stream must have
    /// been taken at 1 KiB/s on average, too.
    pub stall_timeout: Duration,
    /// Origins whose pages may read from this server: `*`; exact; `https://*.example.com`; `*.example.com`, by any scheme;
    /// `http://localhost:*`, any port; `null`. Pages of those that are listed by name may publish, too.
    pub cors_origins: Vec<String>,
    /// Whether browsers may send cookies along from listed origins, and pages read what comes of it. It can't be used beside
    /// `*`.
    pub cors_credentials: bool,
    /// Methods a preflight allows where something is read. Elsewhere, as for publishing, it names those that are there.
    pub cors_methods: Vec<String>,
    /// Request headers a preflight allows. `Last-Event-ID` always is.
    pub cors_headers: Vec<String>,
    /// How long browsers may remember a preflight; `None` leaves it to them.
    pub cors_max_age: Option<Duration>,
    /// What `Host` may say to publishing and to the admin page, beside the names of loopback. If it is empty: nothing else
    /// where only loopback is listened on, so that no page gets there by a name of its own (DNS rebinding); otherwise anything.
    pub allowed_hosts: Vec<String>,
    /// Networks (`10.0.0.0/8`) and addresses of proxies whose `X-Forwarded-For` and `X-Real-IP` are believed.
    pub trusted_proxies: Vec<String>,
    /// Whether the admin page and its JSON are served.
    pub admin: bool,
    /// Whether events can be published over HTTP. It makes no difference to [`Publisher`](crate::Publisher).
    pub publish: bool,
    /// How deep and how long namespaces may be.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: vec![Address::from((Ipv4Addr::LOCALHOST, 8001))],
            workers: thread::available_parallelism().map_or(1, usize::from),
            prefix: "/subscribe".to_owned(),
            keepalive: Some(Duration::from_secs(15)),
            flush_interval: Duration::ZERO,
            history_bytes: 32 * 1024 * 1024,
            history_age: Duration::from_secs(10 * 60),
            max_lag: 1024 * 1024,
            slow_consumers: vec!["disconnect".to_owned()],
            retry: Some(Duration::from_secs(2)),
            max_connections: None,
            max_connections_per_ip: None,
            max_channels: HubConfig::default().max_channels,
            filter_limits: FilterLimits::default(),
            max_filter_segments_per_ip: 65_536,
            max_filter_wildcards_per_ip: 1024,
            max_replays: 16_384,
            max_body: 1024 * 1024,
            max_buffered: 256 * 1024 * 1024,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(90),
            stall_timeout: Duration::from_secs(10),
            cors_origins: vec!["*".to_owned()],
            cors_methods: vec!["GET".to_owned(), "OPTIONS".to_owned()],
            cors_credentials: false,
            cors_headers: ["Content-Type", "Authorization", "Cache-Control"].map(str::to_owned).to_vec(),
            cors_max_age: None,
            allowed_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            admin: true,
            publish: true,
            limits: Limits::default(),
        }
    }
}

/// A setting that can't be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    setting: &'static str,
    detail: String,
}

impl ConfigError {
    pub(crate) fn new(setting: &'static str, detail: impl Into<String>) -> ConfigError {
        ConfigError { setting, detail: detail.into() }
    }

    /// The setting's name, as the command line has it: `cors-origin`.
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// What is wrong with it.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.detail)
    }
}

impl std::error::Error for ConfigError {}
