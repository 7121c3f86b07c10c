//! What fuzz targets feed of this crate that is private otherwise: one thin function each. It is here under
//! `--cfg fuzzing` alone, which `cargo fuzz` sets.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, Request as Head};
use sse_core::Filter;
use sse_core::http::requested_filter;

use crate::batch::{self, Form};
use crate::builder;
use crate::config::{Config, ConfigError};
use crate::origin::OriginPattern;
use crate::proxy::TrustedProxies;
use crate::request::Request;
use crate::router::{Route, Router};
use crate::size::Size;

/// What a request subscribes to, if it subscribes and is not refused.
pub fn subscription(head: Head<()>, config: &Config) -> Option<Filter> {
    let client = Ipv4Addr::LOCALHOST.into();
    let request = Request::new(head.map(|()| Default::default()), client, (client, 0).into());
    let router = Router::parse(&config.prefix).ok()?;
    let path = request.decoded_path().ok()?;
    let Some(Route::Subscribe { namespace }) = router.route(path) else { return None };
    requested_filter(namespace, request.parameters(), &config.limits, &config.filter_limits).ok()
}

/// The events of a batch of lines, each as its `Debug` shows it, if it is taken.
pub fn batch_of_lines(body: &[u8]) -> Option<Vec<String>> {
    batch::read(Form::Lines, body, |event| Ok(format!("{event:?}"))).ok()
}

/// The same for one JSON document.
pub fn batch_document(body: &[u8]) -> Option<Vec<String>> {
    batch::read(Form::Document, body, |event| Ok(format!("{event:?}"))).ok()
}

/// The client's address, where these proxies are trusted.
pub fn client(proxies: &[String], peer: IpAddr, headers: &HeaderMap) -> Result<IpAddr, ConfigError> {
    Ok(TrustedProxies::parse(proxies)?.client(peer, headers))
}

/// Whether a listed origin covers what a browser sent; none if it can't be listed.
pub fn origin_covers(listed: &str, origin: &str) -> Option<bool> {
    OriginPattern::parse(listed).ok().map(|pattern| pattern.covers(origin))
}

/// The bytes that a size stands for, and how they are written.
pub fn size(text: &str) -> Option<(u64, String)> {
    let size: Size = text.parse().ok()?;
    Some((size.0, size.to_string()))
}

/// Whether a server can be had with these settings, its addresses aside.
pub fn check(config: &Config) -> Result<(), ConfigError> {
    builder::loops(config)?;
    builder::app(config, Vec::new(), Vec::new()).map(drop)
}
