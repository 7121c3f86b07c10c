//! A Server-Sent Events server with hierarchical namespaces: to run as it is, or to embed.
//!
//! # What it is for
//!
//! One program's news must reach thousands of browsers, now and in order. Each event has a namespace; whoever
//! subscribes to `/pets` gets `/pets`, `/pets/dogs` and everything else beneath. There is no broker to run beside it,
//! no runtime to adopt, and a slow reader harms no one but itself.
//!
//! ```
//! use sse_server::{Config, Event, Server};
//!
//! let config = Config { listen: vec!["127.0.0.1:0".parse()?], ..Config::default() };
//! let server = Server::bind(config)?;
//! let publisher = server.publisher(); // Clone + Send + Sync
//! let handle = server.spawn()?; // or server.run() on this thread
//!
//! publisher.publish(Event::new("/pets/dogs", "Corgi").named("new-dog"))?;
//! assert_eq!(handle.published(), 1);
//! handle.shutdown();
//! handle.join()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! ```text
//!   Publisher ───────────────┐                         ┌─► worker 1 ─► its connections
//!                            ▼                         │
//!   POST /publish/… ──────► Hub: one log per channel ──┼─► worker 2 ─► its connections
//!                            ▲                         │
//!   GET /subscribe/… ────────┘                         └─► …
//! ```
//!
//! `sse_core` keeps one log for each channel and a cursor for each subscriber; `sse_net` moves bytes between the logs
//! and the sockets on a few threads; this crate decides what a request means. Subscriptions, publishing, the admin
//! page and the health endpoints come with it. [`Server::builder`] adds routes and middleware of your own.
//!
//! # Trade-offs
//!
//! Handlers and middleware run on the event loops' threads: an answer that takes work which blocks is given
//! [later](Reply::later), from a thread of its own. History is kept in memory and has bounds: a client that was away for
//! longer, or while the server was restarted, is told that it has missed something, not what.
//!
//! # Features
//!
//! `cli` (on by default) is what the `sse-server` command needs, with the `load` client; the library does without it.

mod agents;
mod app;
mod batch;
mod batches;
mod builder;
mod config;
mod connection_log;
mod cors;
mod entry;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guard;
mod handle;
mod health;
mod limits;
#[cfg(feature = "cli")]
pub mod load;
mod middleware;
mod namespaces;
mod origin;
mod page;
mod problem;
mod proxy;
mod publish;
mod publisher;
mod quota;
mod reply;
mod request;
mod router;
mod routes;
mod server;
mod service;
mod session;
mod shed;
#[cfg(fuzzing)]
mod size;
mod slow_consumers;
mod status;

pub use builder::{BindError, Builder};
pub use bytes::Bytes;
pub use config::{Config, ConfigError};
pub use handle::{Control, ServerHandle};
pub use http;
pub use middleware::Verdict;
pub use problem::Problem;
pub use publisher::Publisher;
pub use reply::{Reply, Responder};
pub use request::Request;
pub use server::Server;
pub use sse_core::{
    Event, EventError, EventId, Filter, FilterError, FilterLimits, Hub, Limits, NamespaceError, Pattern,
};
pub use sse_net::{Address, AddressError};

/// The examples of the README, as doctests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
