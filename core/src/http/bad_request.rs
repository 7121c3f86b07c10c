//! Requests that are answered with `400`.

use std::fmt;

use super::text;

/// A request that can't be meant so: a sentence that tells a person what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRequest(String);

impl BadRequest {
    pub(super) fn new(detail: impl Into<String>) -> Self {
        Self(detail.into())
    }

    /// An error's own words, which have no capital and no full stop.
    pub(super) fn from_words(error: impl fmt::Display) -> Self {
        Self(text::sentence(error.to_string()))
    }

    /// The sentence.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadRequest {}
