//! What was published: all events, for those who come back.

pub(crate) mod block;
pub(crate) mod index;
pub(crate) mod journal;
pub(crate) mod resume_counts;
pub(crate) mod slice;
