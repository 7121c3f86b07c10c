//! The segments that lead from one node of the trie to the next.
//!
//! What is left of a path is its end, from a slash on: of `/pets/dogs` first all, then `/dogs`, then nothing. The root
//! is a path of which nothing is left.

use std::sync::Arc;

use crate::names::namespace::WILDCARD;

/// Some segments of a pattern, as it has them: `/pets/*`.
#[derive(Clone)]
pub(crate) enum Run {
    /// In the node, not behind a pointer: a lookup among a million siblings pays for each cache line it touches.
    Short {
        wild: bool,
        length: u8,
        bytes: [u8; SHORT],
    },
    Long {
        wild: bool,
        bytes: Arc<[u8]>,
    },
}

/// Most bytes of a short run: as many as make it no larger than a long one.
const SHORT: usize = 21;

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Run>() == 24);

impl Run {
    pub(crate) fn new(text: &[u8]) -> Self {
        let wild = segments(text).any(|segment| segment == WILDCARD.as_bytes());
        match u8::try_from(text.len()) {
            Ok(length) if text.len() <= SHORT => {
                let mut bytes = [0; SHORT];
                bytes[..text.len()].copy_from_slice(text);
                Self::Short { wild, length, bytes }
            }
            _ => Self::Long { wild, bytes: text.into() },
        }
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes, .. } => &bytes[..usize::from(*length)],
            Self::Long { bytes, .. } => bytes,
        }
    }

    fn is_wild(&self) -> bool {
        match self {
            Self::Short { wild, .. } | Self::Long { wild, .. } => *wild,
        }
    }

    /// Whether what is left of a pattern begins with these very segments: a wildcard is itself.
    #[inline]
    pub(crate) fn begins(&self, path: &[u8]) -> bool {
        let run = self.as_bytes();
        path.starts_with(run) && matches!(path.get(run.len()), None | Some(b'/'))
    }

    /// How many bytes these segments cover of what is left of a namespace, if they lead on.
    #[inline]
    pub(crate) fn covers(&self, path: &[u8]) -> Option<usize> {
        if self.is_wild() { self.covers_wildly(path) } else { self.begins(path).then(|| self.as_bytes().len()) }
    }

    #[inline(never)]
    fn covers_wildly(&self, path: &[u8]) -> Option<usize> {
        let mut left = path;
        for wanted in segments(self.as_bytes()) {
            let (segment, rest) = split_first(left)?;
            if wanted != WILDCARD.as_bytes() && wanted != segment {
                return None;
            }
            left = rest;
        }
        Some(path.len() - left.len())
    }

    /// How many bytes of whole segments this and what is left of a pattern begin with alike.
    pub(crate) fn common(&self, path: &[u8]) -> usize {
        let alike = segments(self.as_bytes()).zip(segments(path)).take_while(|(one, other)| one == other);
        alike.map(|(segment, _)| 1 + segment.len()).sum()
    }
}

/// All that is left of a canonical path that has not been gone down at all.
#[inline]
pub(crate) fn whole(path: &str) -> &[u8] {
    if path.len() == 1 { &[] } else { path.as_bytes() }
}

/// The first segment of what is left of a path, and what is left after it.
#[inline]
pub(crate) fn split_first(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_slash, relative) = path.split_first()?;
    Some(relative.split_at(relative.iter().position(|&byte| byte == b'/').unwrap_or(relative.len())))
}

/// The segments of what is left of a path.
pub(crate) fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut left = path;
    std::iter::from_fn(move || {
        let (segment, rest) = split_first(left)?;
        left = rest;
        Some(segment)
    })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::names::namespace::Namespace;
    use crate::names::pattern::Pattern;

    proptest! {
        /// Runs on both sides of the length at which they move out of the node, against the rules of patterns.
        #[test]
        fn a_run_says_what_its_pattern_says(
            run in "(/(a|b|ab|a{9}|\\*)){1,5}",
            other in "(/(a|b|ab|a{9}|\\*)){0,7}",
            namespace in "(/(a|b|ab|a{9})){0,7}",
        ) {
            let (pattern, text) = (Pattern::parse(&run).unwrap(), run.as_bytes());
            let run = Run::new(text);
            prop_assert_eq!(run.as_bytes(), text);
            let depth = pattern.segments().count();
            let through = |path: &str| path.split_inclusive('/').take(1 + depth).map(str::len).sum::<usize>();
            let ends = |path: &str| if through(path) < path.len() { through(path) - 1 } else { path.len() };

            let covered = !namespace.is_empty() && pattern.covers(&Namespace::parse(&namespace).unwrap());
            prop_assert_eq!(run.covers(namespace.as_bytes()), covered.then(|| ends(&namespace)));
            let alike = segments(text).zip(segments(other.as_bytes())).take_while(|(one, other)| one == other).count();
            prop_assert_eq!(run.begins(other.as_bytes()), alike == depth);
            let common = text.split_inclusive(|&byte| byte == b'/').take(1 + alike).map(<[u8]>::len).sum::<usize>();
            prop_assert_eq!(run.common(other.as_bytes()), if alike < depth { common - 1 } else { common });
        }
    }
}
