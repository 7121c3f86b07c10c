//! A subscriber's side: where it stands, and what there is to do for it.

pub(crate) mod cursor;
pub(crate) mod membership;
pub(crate) mod merge;
pub(crate) mod pieces;
pub(crate) mod place;
pub(crate) mod reader;
pub(crate) mod ready;
pub(crate) mod source;
pub(crate) mod start;
pub(crate) mod subscription;
