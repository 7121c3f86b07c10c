//! From the queue to the logs: one order, and one who drains.

pub(crate) mod calls;
pub(crate) mod engine;
pub(crate) mod retention;
pub(crate) mod role;
pub(crate) mod sequencer;
pub(crate) mod statistics;
pub(crate) mod turn;
pub(crate) mod turn_counts;
pub(crate) mod writer;
