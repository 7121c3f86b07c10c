//! A persistent hash map from names to shared items: the children of a trie node, be they three or a million.
//!
//! A hash array mapped trie (Bagwell 2001): five bits of a key's hash choose one of 32 places in a branch, and a bitmap
//! says which places are taken, so that a branch is no longer than what it holds. Nothing is changed in place: an insert
//! or removal copies the branches on its path, at most seven among a billion keys, and shares the rest.
//!
//! The caller hashes, with a key of its own (subscribers choose the names, so an unkeyed hash would let them choose the
//! collisions). Keys whose whole hashes are equal share a bucket and are told apart by name.

use std::sync::Arc;

/// An item that knows its name.
pub(crate) trait Named {
    fn name(&self) -> &[u8];
}

/// An immutable map; cloning shares it.
pub(crate) struct Hamt<T> {
    root: Option<Branch<T>>,
}

/// Up to 32 slots, in the order of their hash bits.
struct Branch<T> {
    /// Bit `b` is set if there is a slot for hash bits `b`.
    bitmap: u32,
    slots: Arc<[Slot<T>]>,
}

enum Slot<T> {
    Item {
        hash: u64,
        item: Arc<T>,
    },
    Branch(Branch<T>),
    /// Items of one and the same hash, all of whose bits are spent.
    Bucket(Arc<[Arc<T>]>),
}

/// Hash bits that choose a slot.
const BITS: u32 = 5;

impl<T: Named> Hamt<T> {
    pub(crate) const fn new() -> Self {
        Self { root: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    #[inline]
    pub(crate) fn get(&self, hash: u64, name: &[u8]) -> Option<&Arc<T>> {
        let mut branch = self.root.as_ref()?;
        let mut shift = 0;
        loop {
            match &branch.slots[branch.taken(bit(hash, shift))?] {
                Slot::Item { hash: other, item } => return (*other == hash && item.name() == name).then_some(item),
                Slot::Branch(below) => (branch, shift) = (below, shift + BITS),
                Slot::Bucket(items) => return items.iter().find(|item| item.name() == name),
            }
        }
    }

    pub(crate) fn for_each(&self, each: &mut impl FnMut(&T)) {
        self.root.iter().for_each(|root| root.for_each(each));
    }

    /// The map with `item` in it, in place of an item of the same name.
    pub(crate) fn with(&self, hash: u64, item: Arc<T>) -> Self {
        let root = match &self.root {
            Some(root) => root.with(hash, 0, item),
            None => Branch::of(hash, 0, Slot::Item { hash, item }),
        };
        Self { root: Some(root) }
    }

    /// The map without the item of that name, which must be in it.
    pub(crate) fn without(&self, hash: u64, name: &[u8]) -> Self {
        let root = self.root.as_ref().expect("only what is there is removed");
        Self { root: root.without(hash, 0, name) }
    }
}

impl<T> Clone for Hamt<T> {
    fn clone(&self) -> Self {
        Self { root: self.root.clone() }
    }
}

impl<T> Clone for Branch<T> {
    fn clone(&self) -> Self {
        Self { bitmap: self.bitmap, slots: self.slots.clone() }
    }
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Item { hash, item } => Self::Item { hash: *hash, item: item.clone() },
            Self::Branch(branch) => Self::Branch(branch.clone()),
            Self::Bucket(items) => Self::Bucket(items.clone()),
        }
    }
}

/// The bit of the slot for `hash` in a branch `shift` bits down.
#[inline]
fn bit(hash: u64, shift: u32) -> u32 {
    1 << ((hash >> shift) & u64::from((1u32 << BITS) - 1))
}

impl<T: Named> Branch<T> {
    fn of(hash: u64, shift: u32, slot: Slot<T>) -> Self {
        Self { bitmap: bit(hash, shift), slots: Arc::new([slot]) }
    }

    /// How many slots come before that of `bit`.
    #[inline]
    fn before(&self, bit: u32) -> usize {
        (self.bitmap & (bit - 1)).count_ones() as usize
    }

    /// The index of the slot of `bit`, if it is taken.
    #[inline]
    fn taken(&self, bit: u32) -> Option<usize> {
        (self.bitmap & bit != 0).then(|| self.before(bit))
    }

    fn for_each(&self, each: &mut impl FnMut(&T)) {
        for slot in &*self.slots {
            match slot {
                Slot::Item { item, .. } => each(item),
                Slot::Branch(branch) => branch.for_each(each),
                Slot::Bucket(items) => items.iter().for_each(|item| each(item)),
            }
        }
    }

    fn with(&self, hash: u64, shift: u32, item: Arc<T>) -> Self {
        let bit = bit(hash, shift);
        match self.taken(bit) {
            Some(index) => {
                let slot = self.slots[index].with(hash, shift + BITS, item);
                let slots = self.slots.iter().enumerate();
                Self {
                    slots: slots.map(|(i, old)| if i == index { slot.clone() } else { old.clone() }).collect(),
                    ..*self
                }
            }
            None => {
                let (before, after) = self.slots.split_at(self.before(bit));
                let slot = std::iter::once(Slot::Item { hash, item });
                let slots = before.iter().cloned().chain(slot).chain(after.iter().cloned()).collect();
                Self { bitmap: self.bitmap | bit, slots }
            }
        }
    }

    /// `None` if nothing is left.
    fn without(&self, hash: u64, shift: u32, name: &[u8]) -> Option<Self> {
        let bit = bit(hash, shift);
        let index = self.taken(bit).expect("only what is there is removed");
        match self.slots[index].without(hash, shift + BITS, name) {
            Some(slot) => {
                let mut slots: Vec<_> = self.slots.to_vec();
                slots[index] = slot;
                Some(Self { bitmap: self.bitmap, slots: slots.into() })
            }
            None if self.slots.len() == 1 => None,
            None => {
                let (before, after) = (&self.slots[..index], &self.slots[index + 1..]);
                let slots = before.iter().chain(after).cloned().collect();
                Some(Self { bitmap: self.bitmap & !bit, slots })
            }
        }
    }
}

impl<T: Named> Slot<T> {
    /// This slot with `item` added; `shift` is that of a branch in its place.
    fn with(&self, hash: u64, shift: u32, item: Arc<T>) -> Self {
        match self {
            Self::Branch(branch) => Self::Branch(branch.with(hash, shift, item)),
            Self::Item { item: old, .. } if old.name() == item.name() => Self::Item { hash, item },
            Self::Item { item: old, .. } if shift >= u64::BITS => Self::Bucket(Arc::new([old.clone(), item])),
            Self::Item { hash: old, .. } => Self::Branch(Branch::of(*old, shift, self.clone()).with(hash, shift, item)),
            Self::Bucket(items) => {
                let others = items.iter().filter(|old| old.name() != item.name()).cloned();
                Self::Bucket(others.chain(std::iter::once(item.clone())).collect())
            }
        }
    }

    /// This slot with an item taken away; `None` if it was the last.
    fn without(&self, hash: u64, shift: u32, name: &[u8]) -> Option<Self> {
        match self {
            Self::Item { item, .. } => {
                assert_eq!(item.name(), name, "only what is there is removed");
                None
            }
            Self::Branch(branch) => {
                let branch = branch.without(hash, shift, name)?;
                Some(match &*branch.slots {
                    // An item that is alone moves up, so that a map is as flat as if the others had never been.
                    [Self::Item { hash, item }] => Self::Item { hash: *hash, item: item.clone() },
                    _ => Self::Branch(branch),
                })
            }
            Self::Bucket(items) => {
                let left: Arc<[_]> = items.iter().filter(|item| item.name() != name).cloned().collect();
                Some(match &*left {
                    [item] => Self::Item { hash, item: item.clone() },
                    _ => Self::Bucket(left),
                })
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    struct Item(Vec<u8>, u32);

    impl Named for Item {
        fn name(&self) -> &[u8] {
            &self.0
        }
    }

    /// Hashes on which names collide in few bits, in many, and in all.
    fn bad_hash(name: &[u8]) -> u64 {
        let seed = name.iter().fold(0u64, |hash, &byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
        match seed % 3 {
            0 => 7,
            1 => (seed % 5) << 60,
            _ => seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        }
    }

    proptest! {
        #[test]
        fn a_map_is_a_map(steps in prop::collection::vec((0u32..80, any::<bool>()), 0..300)) {
            let mut map = Hamt::new();
            let mut model = BTreeMap::new();
            for (value, (key, add)) in (0..).zip(steps) {
                let name = format!("n{key}").into_bytes();
                let hash = bad_hash(&name);
                let before = map.clone();
                let had = model.get(&name).copied();
                if add {
                    map = map.with(hash, Arc::new(Item(name.clone(), value)));
                    model.insert(name.clone(), value);
                } else if model.remove(&name).is_some() {
                    map = map.without(hash, &name);
                }
                prop_assert_eq!(before.get(hash, &name).map(|item| item.1), had, "a snapshot is whole");
                prop_assert_eq!(map.is_empty(), model.is_empty());
            }
            let mut all = BTreeMap::new();
            map.for_each(&mut |item: &Item| assert_eq!(all.insert(item.0.clone(), item.1), None));
            prop_assert_eq!(&all, &model);
            for name in (0..80).map(|key| format!("n{key}").into_bytes()) {
                let found = map.get(bad_hash(&name), &name).map(|item| item.1);
                prop_assert_eq!(found, model.get(&name).copied());
            }
        }
    }

    #[test]
    fn removal_flattens() {
        let item = |name: &str| Arc::new(Item(name.into(), 0));
        let map = Hamt::new().with(1 << 60, item("a")).with(2 << 60, item("b")).with(2 << 60, item("c"));
        let map = map.without(2 << 60, b"b").without(1 << 60, b"a");
        let root = map.root.unwrap();
        assert!(matches!(&*root.slots, [Slot::Item { .. }]));
    }
}
