//! A load client: opens many event streams at once on one thread, and measures what comes.
//!
//! # What it is for
//!
//! `sse-server bench` drives any endpoint with it over plain HTTP; the project's own harness drains servers with it.
//! So that the client is never what is measured, it does as little as it is told to:
//!
//! | a connection's [`Reading`] | what each byte costs |
//! |---|---|
//! | [`Events`](Reading::Events) | it is parsed: chunked coding, lines, events, [payloads](Payload) |
//! | [`Bytes`](Reading::Bytes) | it is counted; on Linux it isn't even copied out of the kernel (`MSG_TRUNC`), but for the sizes of chunks |
//! | [`Nothing`](Reading::Nothing) | it stays where it is: a reader that has stopped |
//!
//! # What a payload says
//!
//! The data of an event may begin with the time it was sent, its number, or both, in this order:
//!
//! ```text
//! data:t=1735689600123456789 n=42 anything else
//! ```
//!
//! `t=` is in nanoseconds since the Unix epoch, `n=` counts up by one from event to event; both are decimal. From the
//! first comes latency (so sender and client need one clock: one machine), from the second come gaps.
//!
//! # How to use it
//!
//! ```no_run
//! use std::time::Duration;
//! use sse_server::load::{Client, Reading, Target};
//!
//! let target = Target::parse("http://127.0.0.1:8001/subscribe/pets")?;
//! let mut client = Client::new()?;
//! for index in 0..1_000 {
//!     client.connect(&target, if index < 10 { Reading::Events } else { Reading::Bytes });
//! }
//! while client.counts().events < 1_000 {
//!     client.turn(Duration::from_millis(100))?;
//! }
//! println!("{} µs", client.observer().latency().value_at_quantile(0.99) / 1_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chunked;
mod client;
mod connection;
mod events;
mod head;
mod observer;
mod payload;
mod skim;
mod target;

pub use chunked::{ChunkError, Chunked};
pub use client::{Client, Counts};
pub use connection::Reading;
pub use observer::{Observer, Timing, now_ns};
pub use payload::Payload;
pub use skim::{Skimmed, Skimmer};
pub use target::{Target, TargetError};
