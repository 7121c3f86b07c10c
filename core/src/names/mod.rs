//! What is asked for and published to: namespaces, patterns, filters.

pub(crate) mod filter;
pub(crate) mod namespace;
pub(crate) mod pattern;
pub(crate) mod pattern_set;
