//! Everything a server is made of, put together.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use sse_core::{Hub, HubConfig};
use sse_net::{Listeners, proto};

use crate::agents::Agents;
use crate::app::{Admin, App};
use crate::batches::Batches;
use crate::config::{Config, ConfigError};
use crate::connection_log::ConnectionLog;
use crate::cors::Cors;
use crate::guard::Guard;
use crate::limits::{self, Holding, Networks};
use crate::middleware::{Middleware, Verdict};
use crate::page::Page;
use crate::proxy::TrustedProxies;
use crate::reply::Reply;
use crate::request::Request;
use crate::router::Router;
use crate::routes::{Handler, Routes};
use crate::server::Server;
use crate::shed::Shedder;
use crate::slow_consumers::SlowConsumers;
use crate::status::{Facts, StatusBoard};

/// Makes a [`Server`] with middleware and routes of the embedder's own.
///
/// ```
/// use sse_server::{Config, Filter, Reply, Server, Verdict, http::Method};
///
/// let events = Filter::parse("/events")?;
/// let server = Server::builder()
///     .config(Config { listen: vec!["127.0.0.1:0".parse()?], ..Config::default() })
///     .middleware(|request| {
///         println!("{} asks for {}", request.client(), request.path());
///         Verdict::pass()
///     })
///     .route(Method::GET, "/", |_| Reply::html("<h1>Hello</h1>"))
///     .route(Method::GET, "/events", move |_| Reply::subscribe(events.clone()))
///     .bind()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct Builder {
    config: Config,
    middleware: Vec<Middleware>,
    routes: Vec<(Method, String, Handler)>,
}

impl Server {
    /// Binds a server with nothing but its own routes.
    ///
    /// # Errors
    ///
    /// If a setting can't be used, or an address can't be had.
    pub fn bind(config: Config) -> Result<Server, BindError> {
        Server::builder().config(config).bind()
    }

    /// Begins a server with middleware and routes.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// With these settings instead of the defaults.
    pub fn config(mut self, config: Config) -> Builder {
        self.config = config;
        self
    }

    /// With a function that sees every request before anything else does, those added first coming first. It runs on an
    /// event loop's thread and must not block.
    pub fn middleware(mut self, middleware: impl Fn(&Request) -> Verdict + Send + Sync + 'static) -> Builder {
        self.middleware.push(Box::new(middleware));
        self
    }

    /// With a route: `path`, with or without a slash at its end, or that and everything beneath it if it ends in `/*`. Such
    /// routes go before the server's own. The handler runs on an event loop's thread and must not block; see [`Reply::later`]. If it
    /// panics, its request is answered with `500`.
    pub fn route(
        mut self,
        method: Method,
        path: impl Into<String>,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Builder {
        self.routes.push((method, path.into(), Box::new(handler)));
        self
    }

    /// Takes the addresses.
    ///
    /// # Errors
    ///
    /// If a setting or route can't be used, or an address can't be had.
    pub fn bind(self) -> Result<Server, BindError> {
        let Builder { config, middleware, routes } = self;
        let loops = loops(&config)?;
        let mut app = app(&config, middleware, routes)?;
        let listeners = Listeners::bind(&config.listen, loops.workers).map_err(|source| {
            let addresses = config.listen.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            BindError::Listen { addresses, source }
        })?;
        app.guard.listens_on(listeners.local_addrs());
        Ok(Server::new(listeners, app, loops))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Bytes of a frame beyond its data, if that is one line: `data:`, the name of the event, line ends. A longer name counts
/// as data.
const FRAMING_BYTES: u64 = 960;

/// Bytes of the `id:` line before it, at most.
const ID_BYTES: u64 = 64;

/// Readers may lag by so much at least, so that events of a modest size can always be published.
const LEAST_LAG_BYTES: u64 = 64 * 1024;

/// Bytes of the largest event on the wire, its `id:` line aside: no more than readers may lag, so that one event is never too
/// much for its readers.
fn largest_event(config: &Config) -> u64 {
    config.max_lag.max(LEAST_LAG_BYTES).saturating_add(FRAMING_BYTES)
}

/// What concerns the event loops.
pub(crate) fn loops(config: &Config) -> Result<sse_net::Config, ConfigError> {
    if config.listen.is_empty() {
        return Err(ConfigError::new("listen", "at least one address is needed"));
    }
    let workers = at_least_one("workers", config.workers)?.get();
    let allowed = limits::connections_allowed(workers);
    let max_connections = match config.max_connections {
        Some(max) => at_least_one("max-connections", max)?.get(),
        None => allowed,
    };
    if max_connections > allowed {
        tracing::warn!(max_connections, allowed, "the file-descriptor limit doesn't allow as many connections");
    }
    if config.max_buffered / 2 < config.max_body {
        // A body's buffer grows by doubling. The one that is named is not the default.
        let is_large = config.max_body > Config::default().max_body;
        let detail = "--max-buffered must be at least twice --max-body, or the largest body could not be taken";
        return Err(ConfigError::new(if is_large { "max-body" } else { "max-buffered" }, detail));
    }
    Ok(sse_net::Config {
        workers,
        keepalive: config.keepalive.filter(|keepalive| !keepalive.is_zero()),
        flush_interval: config.flush_interval,
        max_lag: largest_event(config).saturating_add(ID_BYTES),
        retry: config.retry.filter(|retry| !retry.is_zero()),
        max_connections,
        max_buffered: config.max_buffered,
        limits: proto::Limits { body_bytes: config.max_body, ..proto::Limits::default() },
        head_timeout: some_time("head-timeout", config.head_timeout)?,
        body_timeout: some_time("body-timeout", config.body_timeout)?,
        idle_timeout: some_time("idle-timeout", config.idle_timeout)?,
        stall_timeout: some_time("stall-timeout", config.stall_timeout)?,
    })
}

/// What concerns requests.
pub(crate) fn app(
    config: &Config,
    middleware: Vec<Middleware>,
    routes: Vec<(Method, String, Handler)>,
) -> Result<App, ConfigError> {
    let router = Router::parse(&config.prefix)?;
    let per_address =
        config.max_connections_per_ip.map(|max| at_least_one("max-connections-per-ip", max)).transpose()?;
    at_least_one("max-filter-segments", config.filter_limits.segments)?;
    // As much as one stream may have at least, so that a client that is turned away may come once others of its network have left.
    let most = Holding {
        connections: per_address.map_or(usize::MAX, NonZeroUsize::get),
        segments: config.max_filter_segments_per_ip.max(config.filter_limits.segments),
        wildcards: config.max_filter_wildcards_per_ip.max(config.filter_limits.wildcards),
    };
    let mut table = Routes::default();
    for (method, path, handler) in routes {
        table.insert(method, &path, handler)?;
    }
    let hub = Hub::new(HubConfig {
        limits: config.limits,
        filter_limits: config.filter_limits,
        max_channels: at_least_one("max-channels", config.max_channels)?.get(),
        max_frame_bytes: usize::try_from(largest_event(config)).unwrap_or(usize::MAX),
        history_bytes: config.history_bytes,
        history_age: config.history_age,
        ..HubConfig::default()
    });
    let shedder = Arc::new(Shedder::default());
    let admin = config.admin.then(|| Admin {
        page: Page::admin(router.prefix()),
        status: StatusBoard::new(Facts::now(), hub.clone(), Arc::clone(&shedder)),
    });
    Ok(App {
        cors: Cors::parse(config)?,
        guard: Guard::parse(config)?,
        home: Page::home(router.prefix(), config.admin, config.publish),
        proxies: TrustedProxies::parse(&config.trusted_proxies)?,
        slow_consumers: SlowConsumers::parse(&config.slow_consumers, &config.limits)?,
        publish: config.publish,
        batches: Batches::default(),
        max_body: config.max_body,
        max_replays: at_least_one("max-replays", config.max_replays)?.get(),
        routes: table,
        hub,
        router,
        networks: Networks::new(most),
        agents: Agents::default(),
        connection_log: ConnectionLog::new(Instant::now()),
        middleware,
        shedder,
        admin,
    })
}

fn at_least_one(setting: &'static str, number: usize) -> Result<NonZeroUsize, ConfigError> {
    NonZeroUsize::new(number).ok_or_else(|| ConfigError::new(setting, "0 is too few: at least 1 is needed"))
}

fn some_time(setting: &'static str, time: Duration) -> Result<Duration, ConfigError> {
    match time.is_zero() {
        false => Ok(time),
        true => Err(ConfigError::new(setting, "0 leaves no time at all; to wait as good as for ever say 365d")),
    }
}

/// Why a server can't be had.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// A setting can't be used.
    Config(ConfigError),
    /// An address can't be listened on.
    Listen {
        /// The addresses asked for.
        addresses: String,
        /// What the system says.
        source: io::Error,
    },
}

impl From<ConfigError> for BindError {
    fn from(error: ConfigError) -> BindError {
        BindError::Config(error)
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BindError::Config(error) => error.fmt(f),
            BindError::Listen { addresses, source } => write!(f, "can't listen on {addresses}: {source}"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BindError::Config(error) => Some(error),
            BindError::Listen { source, .. } => Some(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use sse_core::FilterLimits;

    use super::*;

    fn setting(config: Config) -> &'static str {
        match Server::bind(config) {
            Err(BindError::Config(error)) => error.setting(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_can_not_be_used_is_named() {
        let config = Config::default;
        assert_eq!(setting(Config { listen: Vec::new(), ..config() }), "listen");
        assert_eq!(setting(Config { workers: 0, ..config() }), "workers");
        assert_eq!(setting(Config { prefix: "/admin".to_owned(), ..config() }), "prefix");
        assert_eq!(setting(Config { max_connections: Some(0), ..config() }), "max-connections");
        assert_eq!(setting(Config { max_connections_per_ip: Some(0), ..config() }), "max-connections-per-ip");
        assert_eq!(setting(Config { max_channels: 0, ..config() }), "max-channels");
        let filter_limits = |segments| FilterLimits { segments, ..FilterLimits::default() };
        assert_eq!(setting(Config { filter_limits: filter_limits(0), ..config() }), "max-filter-segments");
        assert_eq!(setting(Config { max_replays: 0, ..config() }), "max-replays");
        assert_eq!(setting(Config { max_body: 9, max_buffered: 17, ..config() }), "max-buffered");
        assert_eq!(setting(Config { max_body: usize::MAX, ..config() }), "max-body");
        let zero = Duration::ZERO;
        assert_eq!(setting(Config { head_timeout: zero, ..config() }), "head-timeout");
        assert_eq!(setting(Config { body_timeout: zero, ..config() }), "body-timeout");
        assert_eq!(setting(Config { idle_timeout: zero, ..config() }), "idle-timeout");
        assert_eq!(setting(Config { stall_timeout: zero, ..config() }), "stall-timeout");
        assert_eq!(setting(Config { slow_consumers: vec!["x".to_owned()], ..config() }), "slow-consumer");
        assert_eq!(setting(Config { cors_origins: vec!["x".to_owned()], ..config() }), "cors-origin");
        assert_eq!(setting(Config { cors_credentials: true, ..config() }), "cors-credentials");
        assert_eq!(setting(Config { allowed_hosts: vec!["a/b".to_owned()], ..config() }), "allowed-host");
        assert_eq!(setting(Config { trusted_proxies: vec!["x".to_owned()], ..config() }), "trust-proxy");
    }

    /// Two starts may have the same time, when the clock stands still or is set back between them.
    #[test]
    fn the_epoch_does_not_rest_on_the_clock() {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let before = now();
        let epoch = app(&Config::default(), Vec::new(), Vec::new()).unwrap().hub.epoch();
        assert!(!(before..=now()).contains(&epoch.into()), "{epoch}");
    }

    #[test]
    fn loops_are_told_each_time_by_its_name() {
        let times = [1, 2, 3, 4].map(Duration::from_secs);
        let [head_timeout, body_timeout, idle_timeout, stall_timeout] = times;
        let config = Config { head_timeout, body_timeout, idle_timeout, stall_timeout, ..Config::default() };
        let told = loops(&config).unwrap();
        assert_eq!([told.head_timeout, told.body_timeout, told.idle_timeout, told.stall_timeout], times);
    }
}
