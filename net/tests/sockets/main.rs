//! The event loops with real sockets, and a small service on top.

mod http;
mod lifecycle;
mod streams;
mod support;
