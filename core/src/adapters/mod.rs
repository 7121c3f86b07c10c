//! Readers in the shape that others expect: streams, bodies, threads that wait.

#[cfg(feature = "blocking")]
pub(crate) mod blocking;
#[cfg(feature = "stream")]
pub(crate) mod event_stream;
#[cfg(feature = "stream")]
pub(crate) mod keepalive;
#[cfg(feature = "stream")]
pub(crate) mod stream;
pub(crate) mod time;
#[cfg(feature = "stream")]
pub(crate) mod timer;
