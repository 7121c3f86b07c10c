//! A worker's connections, by keys that outlive them.
//!
//! A slot is used again, a key is not: it carries the slot's generation. So who comes with a key of a connection that is
//! gone (a timer, a late edge of the poll, a list that waits for its turn, an answer that took long) finds nobody, and never
//! the next one in its slot. Each look-up says so by its type.

use mio::Token;
use slab::Slab;

/// Names a connection, during its life and after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    slot: u32,
    /// Wraps around after as many connections as half a token counts: on machines with 64 bits, four thousand million.
    generation: u32,
}

/// Bits of a token that are its slot's; the rest is its generation.
const SLOT_BITS: u32 = usize::BITS / 2;

/// The largest generation, and the largest slot, that a token has room for.
const MOST: usize = usize::MAX >> SLOT_BITS;

impl Key {
    /// What the poll knows the connection by.
    pub(crate) fn token(self) -> Token {
        Token((self.generation as usize) << SLOT_BITS | self.slot as usize)
    }

    /// The key that has this token.
    pub(crate) fn of(token: Token) -> Key {
        Key { slot: (token.0 & MOST) as u32, generation: (token.0 >> SLOT_BITS) as u32 }
    }
}

/// The connections.
#[derive(Debug)]
pub(crate) struct Roster<T> {
    slots: Slab<Entry<T>>,
    /// That of the last one that came.
    generation: u32,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: T,
}

impl<T> Roster<T> {
    pub(crate) fn new() -> Roster<T> {
        Roster { slots: Slab::new(), generation: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// A free slot, with the key of who comes there.
    pub(crate) fn vacancy(&mut self) -> Vacancy<'_, T> {
        self.generation = ((self.generation as usize + 1) & MOST) as u32;
        let slot = self.slots.vacant_entry();
        let key = Key {
            slot: u32::try_from(slot.key()).expect("a process has fewer descriptors than a u32 counts"),
            generation: self.generation,
        };
        Vacancy { slot, key }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let entry = self.slots.get(key.slot as usize)?;
        (entry.generation == key.generation).then_some(&entry.value)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let entry = self.slots.get_mut(key.slot as usize)?;
        (entry.generation == key.generation).then_some(&mut entry.value)
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        Some(self.slots.remove(key.slot as usize).value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.slots.iter().map(|(slot, entry)| (Key { slot: slot as u32, generation: entry.generation }, &entry.value))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut T)> {
        let entries = self.slots.iter_mut();
        entries.map(|(slot, entry)| (Key { slot: slot as u32, generation: entry.generation }, &mut entry.value))
    }

    /// Slots, free ones too: all connections lie in those below it.
    pub(crate) fn slots(&self) -> usize {
        self.slots.capacity()
    }

    /// Who is in this slot.
    pub(crate) fn in_slot(&self, slot: usize) -> Option<&T> {
        self.slots.get(slot).map(|entry| &entry.value)
    }

    /// Gives back what a crowd has left behind.
    pub(crate) fn trim(&mut self) {
        if self.slots.len() < self.slots.capacity() / 4 {
            self.slots.shrink_to_fit();
        }
    }
}

/// A free slot. Dropped, it stays free.
pub(crate) struct Vacancy<'a, T> {
    slot: slab::VacantEntry<'a, Entry<T>>,
    key: Key,
}

impl<T> Vacancy<'_, T> {
    pub(crate) fn key(&self) -> Key {
        self.key
    }

    pub(crate) fn fill(self, value: T) {
        self.slot.insert(Entry { generation: self.key.generation, value });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn add(roster: &mut Roster<usize>, value: usize) -> Key {
        let vacancy = roster.vacancy();
        let key = vacancy.key();
        vacancy.fill(value);
        key
    }

    proptest! {
        /// Each key finds what was put there under it, or nobody.
        #[test]
        fn a_key_finds_its_own_or_nobody(steps in prop::collection::vec((any::<bool>(), any::<usize>()), 0..100)) {
            let mut roster = Roster::new();
            let mut keys: Vec<(Key, bool)> = Vec::new();
            for (comes, index) in steps {
                if comes || keys.is_empty() {
                    let key = add(&mut roster, keys.len());
                    keys.push((key, true));
                } else {
                    let number = index % keys.len();
                    let (key, is_there) = &mut keys[number];
                    prop_assert_eq!(roster.remove(*key), is_there.then_some(number));
                    *is_there = false;
                }
                if index % 7 == 0 {
                    roster.trim();
                }
                for (number, (key, is_there)) in keys.iter().enumerate() {
                    prop_assert_eq!(roster.get(*key).copied(), is_there.then_some(number));
                    prop_assert_eq!(roster.get_mut(Key::of(key.token())).copied(), is_there.then_some(number));
                }
                let here: Vec<_> = roster.iter().map(|(key, _)| key).collect();
                prop_assert_eq!(here.len(), keys.iter().filter(|(_, is_there)| *is_there).count());
                prop_assert!(here.iter().all(|key| keys.contains(&(*key, true))));
            }
        }
    }

    #[test]
    fn generations_wrap_around() {
        let mut roster = Roster::new();
        roster.generation = MOST as u32;
        let key = add(&mut roster, 1);
        assert_eq!((key.generation, roster.get(key)), (0, Some(&1)));
        assert_eq!(Key::of(Key { slot: 7, generation: MOST as u32 }.token()), Key { slot: 7, generation: MOST as u32 });
    }
}
