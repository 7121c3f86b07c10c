//! A persistent hash map from names to items, each of which may have a map of its own below it: the children of a trie
//! node, be they three or a million, and their children.
//!
//! A hash array mapped trie (Bagwell 2001): five bits of a key's hash choose one of 32 places in the root, and four
//! more one of 16 in each branch below. A bitmap says which places are taken, so that a branch is no longer than what
//! it holds. Nothing is changed in place: an insert or removal copies the branches on its path, at most nine, and
//! shares the rest.
//!
//! An item lies in its branch, with the way to the map below it, and not behind a pointer: among a million, each
//! pointer that is followed is a cache line that isn't there. So items are small, and cheap to clone.
//!
//! The caller hashes, with a key of its own (subscribers choose the names, so an unkeyed hash would let them choose the
//! collisions). Keys whose whole hashes are equal share a branch of their own and are told apart by name.

use std::sync::Arc;

/// An immutable map; cloning shares it.
#[derive(Clone)]
pub(crate) struct Hamt<T> {
    root: Option<Branch<T>>,
}

/// Up to 32 slots in the order of their hash bits; or, once all bits are spent, any number of items of one hash.
#[derive(Clone)]
struct Branch<T> {
    /// Bit `b` is set if there is a slot for hash bits `b`.
    bitmap: u32,
    slots: Arc<[Slot<T>]>,
}

#[derive(Clone)]
enum Slot<T> {
    Item {
        hash: u32,
        /// The bitmap and the slots of the map below, side by side with the rest so that no space is lost between.
        bitmap: u32,
        slots: Option<Arc<[Self]>>,
        item: T,
    },
    Branch(Branch<T>),
}

/// A look at a map.
pub(crate) struct View<'a, T> {
    bitmap: u32,
    slots: Option<&'a Arc<[Slot<T>]>>,
}

/// An item that was found, and the map below it.
pub(crate) struct Entry<'a, T> {
    pub(crate) item: &'a T,
    pub(crate) below: View<'a, T>,
}

impl<T> Hamt<T> {
    /// Bytes that an item takes, with the way to the map below it.
    #[cfg(target_pointer_width = "64")]
    pub(crate) const ITEM_BYTES: usize = size_of::<Slot<T>>();

    pub(crate) const fn new() -> Self {
        Self { root: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    #[inline]
    pub(crate) fn view(&self) -> View<'_, T> {
        match &self.root {
            Some(Branch { bitmap, slots }) => View { bitmap: *bitmap, slots: Some(slots) },
            None => View { bitmap: 0, slots: None },
        }
    }

    /// The only entry, if there is no other.
    pub(crate) fn only(&self) -> Option<Entry<'_, T>> {
        // An item that is alone is in the root: see `Slot::without`.
        match &*self.root.as_ref()?.slots {
            [slot] => slot.entry(),
            _ => None,
        }
    }

    /// Calls `each` for every item of this map, and none of the maps below.
    pub(crate) fn for_each<'a>(&'a self, each: &mut impl FnMut(Entry<'a, T>)) {
        self.view().for_each(each);
    }
}

impl<T: Clone> Hamt<T> {
    /// The map with `item` in it, and `below` below it, in place of the item of that hash that `is` the same, if there
    /// is one.
    pub(crate) fn with(&self, hash: u32, item: T, below: Self, is: &impl Fn(&T) -> bool) -> Self {
        let (bitmap, slots) = below.root.map_or((0, None), |root| (root.bitmap, Some(root.slots)));
        let slot = Slot::Item { hash, bitmap, slots, item };
        let root = match &self.root {
            Some(root) => root.with(hash, 0, slot, is),
            None => Branch::of(hash, 0, slot),
        };
        Self { root: Some(root) }
    }

    /// The map without the item of that hash that `is` the one, which must be in it.
    pub(crate) fn without(&self, hash: u32, is: &impl Fn(&T) -> bool) -> Self {
        let root = self.root.as_ref().expect("only what is there is removed");
        Self { root: root.without(hash, 0, is) }
    }
}

impl<'a, T> View<'a, T> {
    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.slots.is_none()
    }

    /// The item of this hash for which `is` gives something, and what it gives.
    #[inline]
    pub(crate) fn find<R>(self, hash: u32, mut is: impl FnMut(&T) -> Option<R>) -> Option<(Entry<'a, T>, R)> {
        let (mut bitmap, mut slots) = (self.bitmap, &**self.slots?);
        let mut shift = 0;
        while shift < u32::BITS {
            let slot = &slots[taken(bitmap, bit(hash, shift))?];
            match slot {
                Slot::Item { hash: other, item, .. } => {
                    return if *other == hash { Some((slot.entry()?, is(item)?)) } else { None };
                }
                Slot::Branch(branch) => (bitmap, slots) = (branch.bitmap, &*branch.slots),
            }
            shift += width(shift);
        }
        slots.iter().filter_map(Slot::entry).find_map(|entry| is(entry.item).map(|found| (entry, found)))
    }

    /// Calls `each` for every item of this map, and none of the maps below.
    pub(crate) fn for_each(self, each: &mut impl FnMut(Entry<'a, T>)) {
        for slot in self.slots.iter().flat_map(|slots| slots.iter()) {
            match slot {
                Slot::Item { .. } => slot.entry().into_iter().for_each(&mut *each),
                Slot::Branch(branch) => View { bitmap: branch.bitmap, slots: Some(&branch.slots) }.for_each(each),
            }
        }
    }

    /// The map itself, shared.
    pub(crate) fn to_hamt(self) -> Hamt<T> {
        Hamt { root: self.slots.map(|slots| Branch { bitmap: self.bitmap, slots: slots.clone() }) }
    }
}

impl<T> Clone for View<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for View<'_, T> {}

/// Hash bits that choose a slot in a branch `shift` bits down. Five in the root of a map, so that most maps are flat;
/// four below, where a branch of 32 would be copied for each of a million siblings.
#[inline]
const fn width(shift: u32) -> u32 {
    if shift == 0 { 5 } else { 4 }
}

/// The bit of the slot for `hash` in a branch `shift` bits down; none if all bits are spent.
#[inline]
fn bit(hash: u32, shift: u32) -> u32 {
    hash.checked_shr(shift).map_or(0, |hash| 1 << (hash & ((1 << width(shift)) - 1)))
}

/// How many slots come before that of `bit`.
#[inline]
fn before(bitmap: u32, bit: u32) -> usize {
    (bitmap & (bit - 1)).count_ones() as usize
}

/// The index of the slot of `bit`, if it is taken.
#[inline]
fn taken(bitmap: u32, bit: u32) -> Option<usize> {
    (bitmap & bit != 0).then(|| before(bitmap, bit))
}

impl<T> Branch<T> {
    fn of(hash: u32, shift: u32, slot: Slot<T>) -> Self {
        Self { bitmap: bit(hash, shift), slots: Arc::new([slot]) }
    }
}

impl<T: Clone> Branch<T> {
    /// The index of the slot for `hash`, or where it would be, and whether it is there; `shift` is that of this branch.
    fn place(&self, hash: u32, shift: u32, is: &impl Fn(&T) -> bool) -> (usize, bool) {
        if shift < u32::BITS {
            let bit = bit(hash, shift);
            (before(self.bitmap, bit), self.bitmap & bit != 0)
        } else {
            let found = self.slots.iter().position(|slot| slot.is(hash, is));
            (found.unwrap_or(self.slots.len()), found.is_some())
        }
    }

    fn with(&self, hash: u32, shift: u32, new: Slot<T>, is: &impl Fn(&T) -> bool) -> Self {
        let (index, taken) = self.place(hash, shift, is);
        let (before, after) = self.slots.split_at(index);
        let (new, after) = match after {
            [old, after @ ..] if taken => (old.with(hash, shift + width(shift), new, is), after),
            _ => (new, after),
        };
        let slots = before.iter().cloned().chain([new]).chain(after.iter().cloned()).collect();
        Self { bitmap: self.bitmap | bit(hash, shift), slots }
    }

    /// `None` if nothing is left.
    fn without(&self, hash: u32, shift: u32, is: &impl Fn(&T) -> bool) -> Option<Self> {
        let (index, taken) = self.place(hash, shift, is);
        assert!(taken, "only what is there is removed");
        let left = self.slots[index].without(hash, shift + width(shift), is);
        if left.is_none() && self.slots.len() == 1 {
            return None;
        }
        let bitmap = if left.is_some() { self.bitmap } else { self.bitmap & !bit(hash, shift) };
        let (before, after) = (&self.slots[..index], &self.slots[index + 1..]);
        let slots = before.iter().cloned().chain(left).chain(after.iter().cloned()).collect();
        Some(Self { bitmap, slots })
    }
}

impl<T> Slot<T> {
    /// The item and what is below it; `None` for a branch.
    #[inline]
    fn entry(&self) -> Option<Entry<'_, T>> {
        match self {
            Self::Item { bitmap, slots, item, .. } => {
                Some(Entry { item, below: View { bitmap: *bitmap, slots: slots.as_ref() } })
            }
            Self::Branch(_) => None,
        }
    }

    /// Whether this is the item of that hash that `is` the one.
    fn is(&self, hash: u32, is: &impl Fn(&T) -> bool) -> bool {
        matches!(self, Self::Item { hash: other, item, .. } if *other == hash && is(item))
    }
}

impl<T: Clone> Slot<T> {
    /// This slot with the item `new` added; `shift` is that of a branch in its place.
    fn with(&self, hash: u32, shift: u32, new: Self, is: &impl Fn(&T) -> bool) -> Self {
        match self {
            Self::Branch(branch) => Self::Branch(branch.with(hash, shift, new, is)),
            Self::Item { .. } if self.is(hash, is) => new,
            Self::Item { hash: old, .. } => {
                Self::Branch(Branch::of(*old, shift, self.clone()).with(hash, shift, new, is))
            }
        }
    }

    /// This slot with an item taken away; `None` if it was the last.
    fn without(&self, hash: u32, shift: u32, is: &impl Fn(&T) -> bool) -> Option<Self> {
        let Self::Branch(branch) = self else {
            assert!(self.is(hash, is), "only what is there is removed");
            return None;
        };
        let branch = branch.without(hash, shift, is)?;
        Some(match &*branch.slots {
            // An item that is alone moves up, so that a map is as flat as if the others had never been.
            [item @ Self::Item { .. }] => item.clone(),
            _ => Self::Branch(branch),
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone)]
    struct Item(Vec<u8>, u32);

    /// The value of the item of that name, and that of the item below it.
    fn get(map: &Hamt<Item>, name: &[u8]) -> Option<(u32, u32)> {
        let (entry, ()) = map.view().find(bad_hash(name), |item| (item.0 == name).then_some(()))?;
        let below = entry.below.to_hamt();
        Some((entry.item.1, below.only().expect("each has one").item.1))
    }

    /// Hashes on which names collide in few bits, in many, and in all.
    fn bad_hash(name: &[u8]) -> u32 {
        let seed = name.iter().fold(0u32, |hash, &byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
        match seed % 3 {
            0 => 7,
            1 => (seed % 5) << 28,
            _ => seed.wrapping_mul(0x9e37_79b9),
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
                let is = |item: &Item| item.0 == name;
                let before = map.clone();
                let had = model.get(&name).copied();
                if add {
                    let below = Hamt::new().with(0, Item(Vec::new(), !value), Hamt::new(), &|_| false);
                    map = map.with(hash, Item(name.clone(), value), below, &is);
                    model.insert(name.clone(), (value, !value));
                } else if model.remove(&name).is_some() {
                    map = map.without(hash, &is);
                }
                prop_assert_eq!(get(&before, &name), had, "a snapshot is whole");
                prop_assert_eq!(map.is_empty(), model.is_empty());
                let only = map.only().map(|entry| entry.item.1);
                prop_assert_eq!(only, model.values().next().filter(|_| model.len() == 1).map(|&(value, _)| value));
            }
            let mut all = BTreeMap::new();
            map.for_each(&mut |entry| assert_eq!(all.insert(entry.item.0.clone(), entry.item.1), None));
            let values: BTreeMap<_, _> = model.iter().map(|(name, &(value, _))| (name.clone(), value)).collect();
            prop_assert_eq!(&all, &values);
            for name in (0..80).map(|key| format!("n{key}").into_bytes()) {
                prop_assert_eq!(get(&map, &name), model.get(&name).copied());
            }
        }
    }

    #[test]
    fn removal_flattens() {
        let is = |name: &'static str| move |item: &Item| item.0 == name.as_bytes();
        let items = [(1 << 30, "a"), (2 << 30, "b"), (2 << 30, "c")];
        let map = items
            .into_iter()
            .fold(Hamt::new(), |map, (hash, name)| map.with(hash, Item(name.into(), 0), Hamt::new(), &is(name)));
        let map = map.without(2 << 30, &is("b")).without(1 << 30, &is("a"));
        let root = map.root.unwrap();
        assert!(matches!(&*root.slots, [Slot::Item { .. }]));
    }
}
