//! The command line. Every flag is also an environment variable, `SSE_<FLAG>`.

use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, Parser, Subcommand};
use sse_server::{Address, Config, ConfigError, FilterLimits};

use crate::load_command::LoadCommand;
use crate::logging::LogFormat;
use crate::size::Size;

/// A Server-Sent Events server with hierarchical namespaces.
///
/// Subscribe:  curl -N localhost:8001/subscribe/pets
///
/// Publish:    curl -d Corgi 'localhost:8001/publish/pets/dogs?event=new-dog'
///
/// Watch:      http://localhost:8001/admin/
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Address to serve: 127.0.0.1:8001, [::1]:8001, localhost:8001, :8001 for all, or unix:/run/sse.sock; port 0 picks
    /// one, and the log says which. Repeatable
    #[arg(long, env = "SSE_LISTEN", value_name = "ADDR", value_delimiter = ',', default_value = "127.0.0.1:8001")]
    listen: Vec<Address>,

    /// Event-loop threads [default: the cores it may run on]
    #[arg(long, env = "SSE_WORKERS", value_name = "N")]
    workers: Option<usize>,

    /// Where subscriptions live
    #[arg(long, env = "SSE_PREFIX", value_name = "PATH", default_value = "/subscribe")]
    prefix: String,

    /// Comment sent to connections idle for this long; 0 = never
    #[arg(long, env = "SSE_KEEPALIVE", value_name = "DURATION", default_value = "15s", value_parser = parse_duration)]
    keepalive: Duration,

    /// Least time between two passes over the connections: trades latency for CPU
    #[arg(long, env = "SSE_FLUSH_INTERVAL", value_name = "DURATION", default_value = "0", value_parser = parse_duration)]
    flush_interval: Duration,

    /// Past events kept so that clients can resume; 0 = none, and no `id:` lines
    #[arg(long, env = "SSE_HISTORY_BYTES", value_name = "SIZE", default_value = "32MiB")]
    history_bytes: Size,

    /// How long past events are kept, within --history-bytes
    #[arg(long, env = "SSE_HISTORY_AGE", value_name = "DURATION", default_value = "10m", value_parser = parse_duration)]
    history_age: Duration,

    /// How far a reader may fall behind, at least 64KiB; no event may be larger on the wire
    #[arg(long, env = "SSE_MAX_LAG", value_name = "SIZE", default_value = "1MiB")]
    max_lag: Size,

    /// What happens then: `disconnect` or `skip`; beneath one namespace with its prefix: `/time=skip`. Repeatable
    #[arg(long, env = "SSE_SLOW_CONSUMER", value_name = "POLICY", value_delimiter = ',', default_value = "disconnect")]
    slow_consumer: Vec<String>,

    /// After how long a client is to come back: the mean of random times, one for each; 0 = as it likes
    #[arg(long, env = "SSE_RETRY", value_name = "DURATION", default_value = "2s", value_parser = parse_duration)]
    retry: Duration,

    /// Connections served at once [default: what the file-descriptor limit allows, less a reserve]
    #[arg(long, env = "SSE_MAX_CONNECTIONS", value_name = "N")]
    max_connections: Option<usize>,

    /// Connections at once from one client address, or one /64 of IPv6; behind a trusted proxy, streams of a client
    /// [default: no limit]
    #[arg(long, env = "SSE_MAX_CONNECTIONS_PER_IP", value_name = "N")]
    max_connections_per_ip: Option<usize>,

    /// Distinct namespaces and patterns subscribed to at once; who needs one more is told to come back
    #[arg(long, env = "SSE_MAX_CHANNELS", value_name = "N", default_value = "1000000")]
    max_channels: usize,

    /// Segments of all the namespaces that one subscription names, together
    #[arg(long, env = "SSE_MAX_FILTER_SEGMENTS", value_name = "N", default_value = "1024")]
    max_filter_segments: usize,

    /// Wildcards (`*`) in all the namespaces that one subscription names, together; 0 = no wildcards
    #[arg(long, env = "SSE_MAX_FILTER_WILDCARDS", value_name = "N", default_value = "128")]
    max_filter_wildcards: usize,

    /// Segments in the namespaces of all streams of one client address (as --max-connections-per-ip counts) that have more
    /// than 16 segments or 4 wildcards; who needs more is told to come back
    #[arg(long, env = "SSE_MAX_FILTER_SEGMENTS_PER_IP", value_name = "N", default_value = "65536")]
    max_filter_segments_per_ip: usize,

    /// Wildcards in the namespaces of those streams
    #[arg(long, env = "SSE_MAX_FILTER_WILDCARDS_PER_IP", value_name = "N", default_value = "1024")]
    max_filter_wildcards_per_ip: usize,

    /// Streams that get at once what they had missed; others that resume are told to come again
    #[arg(long, env = "SSE_MAX_REPLAYS", value_name = "N", default_value = "16384")]
    max_replays: usize,

    /// Largest body of a request: an event, or a batch
    #[arg(long, env = "SSE_MAX_BODY", value_name = "SIZE", default_value = "1MiB")]
    max_body: Size,

    /// What is held in all of requests that are not answered and answers that are not taken, beyond 16 KiB for each
    /// connection; what would be more is refused (503). At least twice --max-body
    #[arg(long, env = "SSE_MAX_BUFFERED", value_name = "SIZE", default_value = "256MiB")]
    max_buffered: Size,

    /// How long the head of a request may take
    #[arg(long, env = "SSE_HEAD_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    head_timeout: Duration,

    /// How long nothing of a body may come; it must come at 1 KiB/s as well, on average, once that is used up
    #[arg(long, env = "SSE_BODY_TIMEOUT", value_name = "DURATION", default_value = "60s", value_parser = parse_duration)]
    body_timeout: Duration,

    /// How long a connection may rest between requests: longer than your balancer lets it
    #[arg(long, env = "SSE_IDLE_TIMEOUT", value_name = "DURATION", default_value = "90s", value_parser = parse_duration)]
    idle_timeout: Duration,

    /// How long a client may take nothing of what is sent; answers must be taken at 1 KiB/s as well, once that is used up
    #[arg(long, env = "SSE_STALL_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    stall_timeout: Duration,

    /// Origin whose pages may read from here: `*`, exact, `https://*.example.com`, `*.example.com` or `http://localhost:*`;
    /// those listed by name may publish, too. Repeatable
    #[arg(long, env = "SSE_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',', default_value = "*")]
    cors_origin: Vec<String>,

    /// Method that a CORS preflight allows. Repeatable
    #[arg(long, env = "SSE_CORS_METHOD", value_name = "METHOD", value_delimiter = ',', default_value = "GET,OPTIONS")]
    cors_method: Vec<String>,

    /// Request header that a CORS preflight allows, beside Last-Event-ID. Repeatable
    #[arg(
        long,
        env = "SSE_CORS_HEADER",
        value_name = "HEADER",
        value_delimiter = ',',
        default_value = "Content-Type,Authorization,Cache-Control"
    )]
    cors_header: Vec<String>,

    /// Let browsers send cookies along from the origins that are listed by name
    #[arg(long, env = "SSE_CORS_CREDENTIALS", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    cors_credentials: bool,

    /// How long browsers may remember a CORS preflight [default: left to them]
    #[arg(long, env = "SSE_CORS_MAX_AGE", value_name = "DURATION", value_parser = parse_duration)]
    cors_max_age: Option<Duration>,

    /// What `Host` may say to publish and admin, beside the names of loopback. Repeatable [default: nothing else where only loopback is listened on; otherwise anything]
    #[arg(long, env = "SSE_ALLOWED_HOST", value_name = "HOST", value_delimiter = ',')]
    allowed_host: Vec<String>,

    /// Network (10.0.0.0/8) of proxies whose X-Forwarded-For and X-Real-IP are believed. Repeatable [default: none]
    #[arg(long, env = "SSE_TRUST_PROXY", value_name = "CIDR", value_delimiter = ',')]
    trust_proxy: Vec<String>,

    /// Switch the admin page and its JSON off (403)
    #[arg(long, env = "SSE_NO_ADMIN", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    no_admin: bool,

    /// Switch publishing over HTTP off (403)
    #[arg(long, env = "SSE_NO_PUBLISH", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    no_publish: bool,

    /// Log every request, not only streams
    #[arg(long, env = "SSE_DEBUG", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) debug: bool,

    /// How log lines are written
    #[arg(long, env = "SSE_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,

    /// On SIGTERM or SIGINT: time over which open streams are closed; a second later the process is gone. (Docker kills
    /// after ten seconds.)
    #[arg(long, env = "SSE_DRAIN", value_name = "DURATION", default_value = "8s", value_parser = parse_duration)]
    pub(crate) drain: Duration,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do other than to serve.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Bench(LoadCommand),
}

const AFTER_HELP: &str = "\
Durations: 500ms, 15s, 10m. Sizes: 64KiB, 1MiB. What is repeatable is separated by commas in the environment.";

impl From<Args> for Config {
    fn from(args: Args) -> Config {
        let default = Config::default();
        Config {
            listen: args.listen,
            workers: args.workers.unwrap_or(default.workers),
            prefix: args.prefix,
            keepalive: (!args.keepalive.is_zero()).then_some(args.keepalive),
            flush_interval: args.flush_interval,
            history_bytes: usize::try_from(args.history_bytes.0).unwrap_or(usize::MAX),
            history_age: args.history_age,
            max_lag: args.max_lag.0,
            slow_consumers: args.slow_consumer,
            retry: (!args.retry.is_zero()).then_some(args.retry),
            max_connections: args.max_connections,
            max_connections_per_ip: args.max_connections_per_ip,
            max_channels: args.max_channels,
            filter_limits: FilterLimits {
                segments: args.max_filter_segments,
                wildcards: args.max_filter_wildcards,
                ..default.filter_limits
            },
            max_filter_segments_per_ip: args.max_filter_segments_per_ip,
            max_filter_wildcards_per_ip: args.max_filter_wildcards_per_ip,
            max_replays: args.max_replays,
            max_body: usize::try_from(args.max_body.0).unwrap_or(usize::MAX),
            max_buffered: usize::try_from(args.max_buffered.0).unwrap_or(usize::MAX),
            head_timeout: args.head_timeout,
            body_timeout: args.body_timeout,
            idle_timeout: args.idle_timeout,
            stall_timeout: args.stall_timeout,
            cors_origins: args.cors_origin,
            cors_methods: args.cors_method,
            cors_credentials: args.cors_credentials,
            cors_headers: args.cors_header,
            cors_max_age: args.cors_max_age,
            allowed_hosts: args.allowed_host,
            trusted_proxies: args.trust_proxy,
            admin: !args.no_admin,
            publish: !args.no_publish,
            limits: default.limits,
        }
    }
}

/// Ends the process as a flag that doesn't parse does: with a message that names it, and status 2.
pub(crate) fn exit_naming_the_flag(error: &ConfigError) -> ! {
    let message = format!("invalid value for '--{}': {}", error.setting(), error.detail());
    Args::command().error(ErrorKind::ValueValidation, message).exit()
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; a duration is a number and a unit, such as 500ms, 15s or 10m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["sse-server"], args].concat())
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_the_librarys() {
        let config = Config::from(parse(&[]).unwrap());
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn flags_repeat_or_take_commas() {
        let args = parse(&["--listen", "127.0.0.1:0", "--listen", "[::1]:0,localhost:80,:80"]).unwrap();
        assert_eq!(
            args.listen.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["127.0.0.1:0", "[::1]:0", "localhost:80", ":80"]
        );
        let args = parse(&["--cors-origin", "https://a.example", "--cors-origin", "https://b.example"]).unwrap();
        assert_eq!(args.cors_origin, ["https://a.example", "https://b.example"]);
    }

    #[test]
    fn units_are_read() {
        let args =
            parse(&["--keepalive", "0", "--flush-interval", "500ms", "--max-lag", "64KiB", "--drain", "1m"]).unwrap();
        assert_eq!(args.drain, Duration::from_secs(60));
        let config = Config::from(args);
        assert_eq!(config.keepalive, None);
        assert_eq!(config.flush_interval, Duration::from_millis(500));
        assert_eq!(config.max_lag, 65_536);
        let config = Config::from(parse(&["--history-bytes", "0", "--history-age", "1h", "--retry", "0"]).unwrap());
        assert_eq!((config.history_bytes, config.history_age, config.retry), (0, Duration::from_secs(3600), None));
    }

    #[test]
    fn a_policy_for_one_prefix_leaves_the_default_to_the_library() {
        let args = parse(&["--slow-consumer", "/time=skip", "--slow-consumer", "/a=skip,/a/b=disconnect"]).unwrap();
        assert_eq!(args.slow_consumer, ["/time=skip", "/a=skip", "/a/b=disconnect"]);
    }

    #[test]
    fn a_bad_value_names_its_flag() {
        for (flag, value) in [
            ("--listen", "localhost"),
            ("--workers", "many"),
            ("--keepalive", "15"),
            ("--history-bytes", "much"),
            ("--history-age", "old"),
            ("--max-lag", "1mb"),
            ("--max-channels", "many"),
            ("--max-filter-segments", "few"),
            ("--max-filter-wildcards", "*"),
            ("--max-filter-segments-per-ip", "64k"),
            ("--max-filter-wildcards-per-ip", "all"),
            ("--max-body", "huge"),
            ("--max-buffered", "most"),
            ("--retry", "2"),
            ("--head-timeout", "never"),
            ("--body-timeout", "60"),
            ("--idle-timeout", "1 moment"),
            ("--stall-timeout", ""),
            ("--log-format", "xml"),
        ] {
            let error = parse(&[flag, value]).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(flag), "{error}");
        }
    }
}
