//! The server from the outside: real sockets, real processes.

#[path = "../support/mod.rs"]
mod support;

mod command;
mod cors;
mod draining;
mod examples;
mod extending;
mod guard;
mod limits;
mod namespaces;
mod process;
mod publishing;
mod resuming;
mod routing;
mod slow_consumers;
mod status;
mod streams;
mod timeouts;
