//! The event loops with real sockets, and a small service on top.

mod chunks;
#[cfg(unix)]
mod descriptors;
#[cfg(unix)]
mod files;
mod http;
mod lifecycle;
mod resume;
mod streams;
mod support;
