//! Which entries of a block of the journal are of which namespaces.
//!
//! ```text
//!   entries    0 /pets/dogs    1 /time    2 /pets/cats    3 /pets/dogs
//!
//!   key        | hash of "pets" | hash of "dogs" |   0   |   0   |     16 bits for each of the first segments
//!
//!   keys       | time | pets cats | pets dogs | pets dogs |            in order
//!   entries    |  1   |     2     |     0     |     3     |
//!                      └────────────── /pets ─────────────┘            what begins with the same segments has keys
//!                                  └─────── /pets/dogs ────┘           that stand side by side
//! ```
//!
//! So what is at or below a path is a range of keys, found by binary search among numbers. Namespaces with the same key
//! are in the order of the bytes after it, and are searched by these. Different segments may have the same hash. So a
//! range may have entries of other namespaces, and the reader looks at each entry. The hashes are seeded, so that a
//! publisher can't choose names with the same hash.

use ahash::RandomState;

/// Segments in a key.
const LEVELS: u32 = 4;

/// Bits of a segment's hash.
const LEVEL_BITS: u32 = u64::BITS / LEVELS;

/// The entries of one block, by namespace: ten bytes for each.
pub(crate) struct JournalIndex {
    keys: Box<[u64]>,
    /// The entry that each key is of.
    entries: Box<[u16]>,
}

/// A path to look for.
pub(crate) struct Probe<'a> {
    key: Key<'a>,
    /// The last key of what is at or below the path.
    last: u64,
}

/// What gives segments their hashes.
pub(crate) struct SegmentHasher(RandomState);

/// A path as it is looked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    hashes: u64,
    /// What follows the segments that have hashes.
    rest: &'a [u8],
}

impl JournalIndex {
    /// Of entries with these canonical namespaces.
    ///
    /// # Panics
    /// If there are more than 65,536.
    pub(crate) fn new<'a>(namespaces: impl Iterator<Item = &'a [u8]>, hasher: &SegmentHasher) -> Self {
        let number = |index| u16::try_from(index).expect("a block has no more entries");
        let mut found: Vec<(Key<'a>, u16)> =
            namespaces.enumerate().map(|(index, path)| (hasher.key(path).0, number(index))).collect();
        found.sort_unstable();
        Self {
            keys: found.iter().map(|(key, _)| key.hashes).collect(),
            entries: found.iter().map(|(_, entry)| *entry).collect(),
        }
    }

    /// All entries at or below the probe's path, and perhaps others. `namespace` gives the namespace of an entry.
    pub(crate) fn find<'n>(&self, probe: &Probe<'_>, namespace: impl Fn(u16) -> &'n [u8]) -> &[u16] {
        let start = self.keys.partition_point(|key| *key < probe.key.hashes);
        let count = self.keys[start..].partition_point(|key| *key <= probe.last);
        let found = &self.entries[start..start + count];
        if probe.key.rest.is_empty() {
            return found;
        }
        let rest = |entry: &u16| rest_of(namespace(*entry));
        let found = &found[found.partition_point(|entry| rest(entry) < probe.key.rest)..];
        &found[..found.partition_point(|entry| rest(entry).starts_with(probe.key.rest))]
    }
}

impl<'a> Probe<'a> {
    /// A probe for what is at or below a path; `None` for the root, below which everything is.
    pub(crate) fn new(path: &'a str, hasher: &SegmentHasher) -> Option<Self> {
        let (key, levels) = hasher.key(path.as_bytes());
        let below = u64::MAX.checked_shr(levels * LEVEL_BITS).unwrap_or(0);
        (levels > 0).then_some(Self { key, last: key.hashes | below })
    }
}

impl SegmentHasher {
    pub(crate) fn new() -> Self {
        Self(RandomState::new())
    }

    /// The key of a path, and how many of its segments have hashes in it.
    fn key<'a>(&self, path: &'a [u8]) -> (Key<'a>, u32) {
        let (mut hashes, mut levels) = (0, 0);
        let rest = first_segments(path, |segment| {
            levels += 1;
            let hash = self.0.hash_one(segment) >> (u64::BITS - LEVEL_BITS);
            hashes |= hash << (u64::BITS - levels * LEVEL_BITS);
        });
        (Key { hashes, rest }, levels)
    }
}

/// Shows the segments of a path that belong into its key; gives what follows them.
fn first_segments(mut path: &[u8], mut show: impl FnMut(&[u8])) -> &[u8] {
    for _ in 0..LEVELS {
        // The root has no segments, though it has a slash.
        let ([b'/', below @ ..], 2..) = (path, path.len()) else { return &[] };
        let (segment, rest) = below.split_at(memchr::memchr(b'/', below).unwrap_or(below.len()));
        show(segment);
        path = rest;
    }
    path
}

/// What of a path is not in its key.
fn rest_of(path: &[u8]) -> &[u8] {
    first_segments(path, |_| ())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_below(path: &str, prefix: &str) -> bool {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// One whose hashes are known, so that no test fails by a chance of 1 in 65,536.
    fn hasher() -> SegmentHasher {
        SegmentHasher(RandomState::with_seeds(1, 2, 3, 4))
    }

    proptest! {
        /// Against a `Vec`: what is at or below a path is found, and nothing else. Only the segments that are too deep
        /// for a key are compared as bytes, so that `/a-` is below `/a` there.
        #[test]
        fn what_is_below_a_path_is_found(
            namespaces in prop::collection::vec("(/([ab]|a-|é)){1,8}|/", 0..60),
            path in "(/([ab]|a-|é)){1,8}",
        ) {
            let index = JournalIndex::new(namespaces.iter().map(String::as_bytes), &hasher());
            let hasher = hasher();
            let probe = Probe::new(&path, &hasher).unwrap();
            let mut found = index.find(&probe, |entry| namespaces[usize::from(entry)].as_bytes()).to_vec();
            found.sort_unstable();
            let is_deep = path.matches('/').count() > LEVELS as usize;
            let is_due =
                |namespace: &str| if is_deep { namespace.starts_with(&path) } else { is_below(namespace, &path) };
            let due = (0..).zip(&namespaces).filter(|(_, namespace)| is_due(namespace));
            prop_assert_eq!(found, due.map(|(entry, _)| entry).collect::<Vec<u16>>());
        }
    }

    #[test]
    fn everything_is_below_the_root() {
        assert!(Probe::new("", &SegmentHasher::new()).is_none());
    }
}
