//! What the subscribers of one pattern share: its log, and who is woken.

pub(crate) mod blocks;
pub(crate) mod channel;
pub(crate) mod foreign_waker;
pub(crate) mod log;
pub(crate) mod overlaps;
pub(crate) mod segment;
pub(crate) mod watchers;
pub(crate) mod writer_token;
