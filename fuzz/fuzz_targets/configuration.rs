//! No setting makes the server panic: it is taken, or refused by its name. What is written the way it is read comes back
//! as it was. Each line of the input is a setting and its value, as in `cors-origin https://*.example.com`.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use sse_server::{Address, Config, fuzzing};

fuzz_target!(|lines: &str| {
    // These two are asked of the system, and what it allows is beside the point.
    let mut config = Config { workers: 1, max_connections: Some(1), ..Config::default() };
    // Beside the origin that is listed by default, credentials would always be refused.
    config.cors_origins.clear();
    let mut set = vec!["workers", "max-connections"];
    for (name, value) in lines.lines().filter_map(|line| line.split_once(' ')) {
        if apply(&mut config, name, value).is_some() {
            set.push(name);
        }
    }
    if let Err(error) = fuzzing::check(&config) {
        assert!(set.contains(&error.setting()), "{error}");
    }
});

/// Takes one setting. `None`: there is none of this name, or it is no such value.
fn apply(config: &mut Config, name: &str, value: &str) -> Option<()> {
    let text = value.to_owned();
    match name {
        "listen" => config.listen.push(address(value)?),
        "prefix" => config.prefix = text,
        "keepalive" => config.keepalive = Some(duration(value)?),
        "flush-interval" => config.flush_interval = duration(value)?,
        "history-bytes" => config.history_bytes = size(value)? as usize,
        "history-age" => config.history_age = duration(value)?,
        "max-lag" => config.max_lag = size(value)?,
        "max-body" => config.max_body = size(value)? as usize,
        "max-buffered" => config.max_buffered = size(value)? as usize,
        "slow-consumer" => config.slow_consumers.push(text),
        "retry" => config.retry = Some(duration(value)?),
        "max-replays" => config.max_replays = value.parse().ok()?,
        "max-connections-per-ip" => config.max_connections_per_ip = value.parse().ok(),
        "max-channels" => config.max_channels = value.parse().ok()?,
        "max-filter-segments" => config.filter_limits.segments = value.parse().ok()?,
        "max-filter-wildcards" => config.filter_limits.wildcards = value.parse().ok()?,
        "max-filter-segments-per-ip" => config.max_filter_segments_per_ip = value.parse().ok()?,
        "max-filter-wildcards-per-ip" => config.max_filter_wildcards_per_ip = value.parse().ok()?,
        "cors-origin" => {
            covers_itself(value);
            config.cors_origins.push(text);
        }
        "cors-method" => config.cors_methods.push(text),
        "cors-header" => config.cors_headers.push(text),
        "cors-max-age" => config.cors_max_age = Some(duration(value)?),
        "cors-credentials" => config.cors_credentials = value == "true",
        "allowed-host" => config.allowed_hosts.push(text),
        "trust-proxy" => config.trusted_proxies.push(text),
        _ => return None,
    }
    Some(())
}

fn address(text: &str) -> Option<Address> {
    let address: Address = text.parse().ok()?;
    assert_eq!(address.to_string().parse().as_ref(), Ok(&address));
    Some(address)
}

fn size(text: &str) -> Option<u64> {
    let (bytes, written) = fuzzing::size(text)?;
    assert_eq!(fuzzing::size(&written), Some((bytes, written)));
    Some(bytes)
}

/// In nanoseconds: how people write it is a matter of another crate.
fn duration(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_nanos).or((text == "MAX").then_some(Duration::MAX))
}

/// An origin that is listed as browsers write it is covered.
fn covers_itself(listed: &str) {
    let is_exact = listed.contains("://") && !listed.contains(['*', '[']) && listed.matches(':').count() < 3;
    if is_exact && !listed.ends_with('/') {
        assert_ne!(fuzzing::origin_covers(listed, listed), Some(false), "{listed}");
    }
}
