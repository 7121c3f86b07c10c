//! Numbers that nobody can know beforehand.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number that no other call gives, in any process, but for a chance of one in 2^64. A clock would give the same one
/// twice if it stood still or were set back; the keys of std's hash maps come from the system's randomness, and each
/// key is another.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
