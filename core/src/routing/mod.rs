//! Which channels get the events of a namespace.

pub(crate) mod node;
pub(crate) mod run;
pub(crate) mod trie;
