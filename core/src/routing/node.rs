//! The nodes of the trie: what hangs where, and how a version of it becomes the next.
//!
//! ```text
//!   the patterns /pets, /pets/dogs/*, /pets/dogs/*/new and /time/utc/now:
//!
//!   (root)
//!   ├─ /pets             the channel of /pets
//!   │  └─ /dogs/*        the channel of /pets/dogs/*
//!   │     └─ /new        the channel of /pets/dogs/*/new
//!   └─ /time/utc/now     the channel of /time/utc/now
//! ```
//!
//! A node is where a channel is, or where ways part; segments between are the run that leads to it. So there are at
//! most two nodes for a pattern, however deep it is. A run is split where a new pattern leaves it, and joined again
//! when nothing but one way on is left.
//!
//! Nothing here recurses but the drop of a version that is no longer used. It goes as deep as there are nodes on a
//! path, times the branches of a map on the way to an item: one or two, but among thousands of siblings. For that
//! [`MOST_SEGMENTS`] is the most that a hub allows in a path.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use ahash::RandomState;
use smallvec::SmallVec;

use crate::channels::channel::Channel;
use crate::hamt::{Entry, Hamt, View};
use crate::names::namespace::WILDCARD;
use crate::routing::run::{Run, split_first};

/// Where a run leads to, and what hangs below; cloning shares that.
#[derive(Clone)]
pub(crate) struct Tree {
    node: Node,
    /// By the first segments of their runs, which are names.
    below: Hamt<Node>,
}

#[derive(Clone)]
struct Node {
    /// The segments that lead here from the node above. None lead to the root.
    run: Run,
    channel: Option<Arc<Channel>>,
    /// What hangs below by a run that begins with a wildcard.
    star: Option<Arc<Tree>>,
}

/// One among a million, with its name, its channel and the way on, is as long as a cache line.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(Hamt::<Node>::ITEM_BYTES == 64);

/// A place on the way down: what is there, and what is still to go down.
struct Way<'a> {
    node: &'a Node,
    below: View<'a, Node>,
    /// What is left of the namespace, or of the pattern.
    path: &'a [u8],
}

/// Segments of a path at most: a drop of as many nodes takes up to 128 KiB of stack (measured). std gives a thread 2
/// MiB.
pub(crate) const MOST_SEGMENTS: usize = 1 << 10;

/// Ways that a walk has not gone down yet, kept in place. There are more only below a wildcard below a wildcard ….
const WAYS: usize = 4;

impl Tree {
    /// A tree without channels.
    pub(crate) fn empty() -> Self {
        Self::of(&[], None)
    }

    /// A tree of one node.
    fn of(run: &[u8], channel: Option<Arc<Channel>>) -> Self {
        Self { node: Node { run: Run::new(run), channel, star: None }, below: Hamt::new() }
    }

    /// The channel of a pattern.
    pub(crate) fn find(&self, pattern: &[u8], hasher: &RandomState) -> Option<&Arc<Channel>> {
        let (mut node, mut below, mut path) = (&self.node, self.below.view(), pattern);
        while let Some((segment, _)) = split_first(path) {
            (node, below) = if segment == WILDCARD.as_bytes() {
                let star = node.star.as_deref().filter(|star| star.node.run.begins(path))?;
                (&star.node, star.below.view())
            } else {
                let is = |child: &Node| child.run.begins(path).then_some(());
                let (Entry { item, below }, ()) = below.find(hash(hasher, segment), is)?;
                (item, below)
            };
            path = &path[node.run.as_bytes().len()..];
        }
        node.channel.as_ref()
    }

    /// Calls `each` for every channel that must get the events of a namespace, once; and `compare` for every run that
    /// is held against what is left of the namespace, which is all that this costs.
    #[inline]
    pub(crate) fn walk<'a>(
        &'a self,
        namespace: &'a [u8],
        hasher: &RandomState,
        mut compare: impl FnMut(&Run, &[u8]),
        mut each: impl FnMut(&Arc<Channel>),
    ) {
        let mut ways = SmallVec::<[Way<'a>; WAYS]>::new();
        let mut way = self.way(namespace);
        loop {
            if let Some(channel) = &way.node.channel {
                each(channel);
            }
            if let Some(star) = &way.node.star {
                compare(&star.node.run, way.path);
                if let Some(way) = star.way_from(way.path) {
                    ways.push(way);
                }
            }
            way = match way.by_name(hasher, &mut compare).or_else(|| ways.pop()) {
                Some(way) => way,
                None => return,
            };
        }
    }

    /// Calls `each` for every channel.
    pub(crate) fn for_each(&self, each: &mut impl FnMut(&Arc<Channel>)) {
        let mut nodes = vec![(&self.node, self.below.view())];
        while let Some((node, below)) = nodes.pop() {
            node.channel.iter().for_each(&mut *each);
            nodes.extend(node.star.as_deref().map(|star| (&star.node, star.below.view())));
            below.for_each(&mut |Entry { item, below }| nodes.push((item, below)));
        }
    }

    /// The way here by the tree's run, from where that begins.
    #[inline(never)]
    fn way_from<'a>(&'a self, path: &'a [u8]) -> Option<Way<'a>> {
        let covered = self.node.run.covers(path)?;
        Some(self.way(&path[covered..]))
    }
}

impl<'a> Way<'a> {
    /// The way on by the name of the next segment.
    #[inline]
    fn by_name(&self, hasher: &RandomState, mut compare: impl FnMut(&Run, &[u8])) -> Option<Self> {
        if self.below.is_empty() {
            return None;
        }
        let (name, _) = split_first(self.path)?;
        let covered = |child: &Node| {
            compare(&child.run, self.path);
            child.run.covers(self.path)
        };
        let (Entry { item, below }, covered) = self.below.find(hash(hasher, name), covered)?;
        Some(Self { node: item, below, path: &self.path[covered..] })
    }
}

/// The hash of a segment. Only segments are hashed, each by itself, so no length is needed to keep them apart.
#[inline]
fn hash(hasher: &RandomState, segment: &[u8]) -> u32 {
    let mut hasher = hasher.build_hasher();
    hasher.write(segment);
    hasher.finish() as u32
}

/// How the next version is made.
impl Tree {
    /// This tree with the channel of a pattern set, or taken away if it is there. What leads nowhere goes, and runs
    /// that were split are joined again.
    pub(crate) fn edited(&self, pattern: &[u8], hasher: &RandomState, channel: Option<Arc<Channel>>) -> Self {
        // Down to what is edited, noting what hangs above it, and up again.
        let (mut above, mut way) = (SmallVec::<[Way<'_>; 8]>::new(), self.way(pattern));
        let mut edited = loop {
            if way.path.is_empty() {
                break Some(way.with_channel(channel));
            }
            let child = way.child(hasher);
            let path = way.path;
            above.push(way);
            let Some(child) = child else { break channel.map(|channel| Self::of(path, Some(channel))) };
            let common = child.node.run.common(path);
            if common < child.node.run.as_bytes().len() {
                break Some(child.split(common, hasher, channel));
            }
            way = Way { path: &path[common..], ..child };
        };
        for way in above.iter().rev() {
            edited = Some(way.with_child(hasher, edited));
        }
        edited.expect("the root stays, whatever is left of it")
    }

    fn way<'a>(&'a self, path: &'a [u8]) -> Way<'a> {
        Way { node: &self.node, below: self.below.view(), path }
    }

    /// This tree without its node, if nothing or only one way needs that.
    fn pruned(self) -> Option<Self> {
        if self.node.channel.is_some() {
            return Some(self);
        }
        let only = match (&self.node.star, self.below.only()) {
            (None, None) if self.below.is_empty() => return None,
            (None, Some(entry)) => Self::from(entry),
            (Some(star), None) if self.below.is_empty() => Self::clone(star),
            _ => return Some(self),
        };
        let run = Run::new(&[self.node.run.as_bytes(), only.node.run.as_bytes()].concat());
        Some(Self { node: Node { run, ..only.node }, below: only.below })
    }
}

/// How a node is edited: each gives what hangs there then.
impl Way<'_> {
    /// What hangs here by a run that begins as the path does, where that run begins.
    fn child(&self, hasher: &RandomState) -> Option<Self> {
        let (segment, _) = split_first(self.path)?;
        if segment == WILDCARD.as_bytes() {
            return self.node.star.as_deref().map(|star| star.way(self.path));
        }
        let is = |child: &Node| child.begins_with(segment).then_some(());
        let (Entry { item, below }, ()) = self.below.find(hash(hasher, segment), is)?;
        Some(Self { node: item, below, path: self.path })
    }

    /// With what is needed of `child` in place of what hangs here by a run that begins as the path does.
    fn with_child(&self, hasher: &RandomState, child: Option<Tree>) -> Tree {
        let child = child.and_then(Tree::pruned);
        let (Node { run, channel, star }, below) = (self.node.clone(), self.below.to_hamt());
        let Some((segment, _)) = split_first(self.path) else {
            return Tree { node: Node { run, channel, star }, below };
        };
        if segment == WILDCARD.as_bytes() {
            return Tree { node: Node { run, channel, star: child.map(Arc::new) }, below };
        }
        let (hash, is) = (hash(hasher, segment), |child: &Node| child.begins_with(segment));
        let below = match child {
            Some(child) => below.with(hash, child.node, child.below, &is),
            None => below.without(hash, &is),
        };
        Tree { node: Node { run, channel, star }, below }
    }

    fn with_channel(&self, channel: Option<Arc<Channel>>) -> Tree {
        Tree { node: Node { channel, ..self.node.clone() }, below: self.below.to_hamt() }
    }

    /// Under a node that the first `common` bytes of the run lead to, and beside it, or there, the channel of the path.
    fn split(&self, common: usize, hasher: &RandomState, channel: Option<Arc<Channel>>) -> Tree {
        let (upper, lower) = self.node.run.as_bytes().split_at(common);
        let own = Tree { node: Node { run: Run::new(lower), ..self.node.clone() }, below: self.below.to_hamt() };
        let parted = Tree::of(upper, None).way(lower).with_child(hasher, Some(own));
        let path = &self.path[common..];
        if path.is_empty() {
            return parted.way(path).with_channel(channel);
        }
        parted.way(path).with_child(hasher, Some(Tree::of(path, channel)))
    }
}

impl Node {
    fn begins_with(&self, segment: &[u8]) -> bool {
        split_first(self.run.as_bytes()).is_some_and(|(first, _)| first == segment)
    }
}

impl From<Entry<'_, Node>> for Tree {
    fn from(entry: Entry<'_, Node>) -> Self {
        Self { node: entry.item.clone(), below: entry.below.to_hamt() }
    }
}

#[cfg(all(test, not(loom)))]
impl Tree {
    pub(crate) fn is_empty(&self) -> bool {
        self.node.channel.is_none() && self.node.star.is_none() && self.below.is_empty()
    }

    /// Nodes, this one's included, and their bytes. Panics if there is a node that nothing needs.
    pub(crate) fn size(&self) -> (usize, usize) {
        let mut below: Vec<Self> = self.node.star.as_deref().cloned().into_iter().collect();
        self.below.for_each(&mut |entry| below.push(Self::from(entry)));
        let run = self.node.run.as_bytes();
        assert!(run.is_empty() || self.node.channel.is_some() || below.len() > 1, "only a way to the next node");
        let own = (1, size_of::<Self>() + run.len());
        below.iter().map(Self::size).fold(own, |(nodes, bytes), (more, larger)| (nodes + more, bytes + larger))
    }
}
