//! What publishers hand in, and what it is on the wire.

pub(crate) mod event;
pub(crate) mod event_id;
pub(crate) mod frame;
pub(crate) mod gap;
