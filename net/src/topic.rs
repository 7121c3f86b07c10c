//! Topics: a worker's connections on one channel, and the bell that says the channel has something new.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use slab::Slab;
use smallvec::SmallVec;
use sse_core::Pattern;

use crate::inbox::{Inbox, Message};
use crate::roster::Key;

/// All topics of one worker.
pub(crate) struct Topics<S> {
    keys: HashMap<Pattern, u32>,
    topics: Slab<Topic<S>>,
    inbox: Arc<Inbox<S>>,
}

/// A worker's connections on one channel. It lives as long as it has members.
pub(crate) struct Topic<S> {
    pattern: Pattern,
    bell: Arc<Bell<S>>,
    /// In no order.
    members: Vec<Key>,
}

/// A connection's place in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The topic's key.
    pub(crate) topic: u32,
    /// The index among its members.
    pub(crate) member: u32,
}

/// A connection's places, one for each of its patterns. Most have one, which costs no allocation.
pub(crate) enum Places {
    One(Place),
    Several(Box<[Place]>),
}

impl Places {
    pub(crate) fn as_slice(&self) -> &[Place] {
        match self {
            Places::One(place) => std::slice::from_ref(place),
            Places::Several(places) => places,
        }
    }

    /// Takes note of a new place in a topic that it is in.
    pub(crate) fn change(&mut self, new: Place) {
        let places = match self {
            Places::One(place) => std::slice::from_mut(place),
            Places::Several(places) => places,
        };
        if let Some(place) = places.iter_mut().find(|place| place.topic == new.topic) {
            *place = new;
        }
    }
}

impl FromIterator<Place> for Places {
    fn from_iter<I: IntoIterator<Item = Place>>(places: I) -> Places {
        let places: SmallVec<[Place; 1]> = places.into_iter().collect();
        match *places {
            [place] => Places::One(place),
            _ => Places::Several(places.into_vec().into()),
        }
    }
}

impl<S: Send + 'static> Topics<S> {
    pub(crate) fn new(inbox: Arc<Inbox<S>>) -> Topics<S> {
        Topics { keys: HashMap::new(), topics: Slab::new(), inbox }
    }

    /// The key of the topic for this pattern, made if need be, and the one waker of its members. A topic that nobody
    /// joins after this is to be [`discard_empty`](Self::discard_empty)-ed.
    pub(crate) fn open(&mut self, pattern: &Pattern) -> (u32, Waker) {
        let key = match self.keys.entry(pattern.clone()) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let slot = self.topics.vacant_entry();
                let key = u32::try_from(slot.key()).expect("fewer topics than descriptors");
                let bell = Bell::new(Arc::clone(&self.inbox), Ring::Topic(key));
                slot.insert(Topic { pattern: pattern.clone(), bell, members: Vec::new() });
                *entry.insert(key)
            }
        };
        (key, Waker::from(Arc::clone(&self.topics[key as usize].bell)))
    }

    /// Adds a connection; gives its place.
    pub(crate) fn join(&mut self, key: u32, member: Key) -> Place {
        let members = &mut self.topics[key as usize].members;
        members.push(member);
        Place { topic: key, member: u32::try_from(members.len() - 1).expect("fewer members than descriptors") }
    }

    /// Takes out who is at `place`. Gives the key of the one who has this place now, if any.
    pub(crate) fn leave(&mut self, place: Place) -> Option<Key> {
        let Place { topic: key, member } = place;
        let members = &mut self.topics[key as usize].members;
        members.swap_remove(member as usize);
        let moved = members.get(member as usize).copied();
        // What a crowd left behind is given back.
        if members.capacity() > 64 && members.len() < members.capacity() / 4 {
            members.shrink_to(members.len() * 2);
        }
        self.discard_empty(key);
        moved
    }

    /// Frees a topic without members.
    pub(crate) fn discard_empty(&mut self, key: u32) {
        if self.topics[key as usize].members.is_empty() {
            let topic = self.topics.remove(key as usize);
            self.keys.remove(&topic.pattern);
        }
    }

    /// Those to flush, now that the bell of this topic has rung. From here on it rings anew. None if the topic
    /// is gone; a topic that has its key since then is flushed in vain.
    pub(crate) fn answer_bell(&mut self, key: u32) -> &[Key] {
        match self.topics.get(key as usize) {
            Some(topic) => {
                topic.bell.reset();
                &topic.members
            }
            None => &[],
        }
    }

    /// Gives back what a crowd of topics left behind.
    pub(crate) fn trim(&mut self) {
        if self.topics.len() < self.topics.capacity() / 4 {
            self.topics.shrink_to_fit();
            self.keys.shrink_to_fit();
        }
    }
}

/// What a bell is rung for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ring {
    /// The topic with this key has new frames.
    Topic(u32),
    /// The hub has something left to drain.
    Hub,
}

/// A waker that leaves one message in a worker's inbox, however often it is woken before the worker looks.
///
/// No wake-up is lost. Either order of a ring and the worker's `reset`:
/// - the ring comes first and finds `rung` set: its message is still to be read, `reset` comes with that, and it
///   acquires what was written before the ring;
/// - the reset comes first: the ring finds `rung` cleared and leaves a new message.
pub(crate) struct Bell<S> {
    inbox: Arc<Inbox<S>>,
    ring: Ring,
    rung: AtomicBool,
}

impl<S> Bell<S> {
    pub(crate) fn new(inbox: Arc<Inbox<S>>, ring: Ring) -> Arc<Bell<S>> {
        Arc::new(Bell { inbox, ring, rung: AtomicBool::new(false) })
    }

    /// The worker is about to look at what it was rung for.
    pub(crate) fn reset(&self) {
        // Acquire: sees what was written before every ring so far. Partner: the swap in `wake_by_ref`. A swap, not
        // a store: a store would break off the release sequence without having read it.
        self.rung.swap(false, Ordering::AcqRel);
    }
}

impl<S: Send + 'static> Wake for Bell<S> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release: what was written before the ring is seen after `reset`, even if an earlier ring's message is the
        // one that brings the worker there; so this must always write, and no load may come first to spare it.
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.inbox.push(match self.ring {
                Ring::Topic(key) => Message::Topic(key),
                Ring::Hub => Message::Hub,
            });
        }
    }
}
