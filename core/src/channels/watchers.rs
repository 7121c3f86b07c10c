//! Who is woken when there is something new.

use std::slice;
use std::sync::Arc;
use std::task::Waker;

use smallvec::SmallVec;

use crate::channels::foreign_waker::{ForeignWaker, Identity};
use crate::hamt::Hamt;
use crate::sync::{AtomicUsize, Ordering, Swap, fence};

/// A copy-on-write list of watchers: one for each event loop or task, not for each connection.
///
/// A waker that joins again is counted, so a thousand connections of one loop are woken once. What joining and leaving
/// cost hardly depends on how many watchers there are: a few are a list, and more are a map, of which one path is
/// copied.
pub(crate) struct Watchers {
    list: Swap<List>,
}

/// A waker, and how often it has joined.
pub(crate) struct Watcher {
    identity: Identity,
    waker: ForeignWaker,
    /// Never more than 0 again once it is 0: then the watcher is on its way out of the list.
    joined: AtomicUsize,
}

enum List {
    /// Most channels have one watcher, and there may be a million channels.
    One(Arc<Watcher>),
    /// None, or up to [`FEW`].
    Few(Box<[Arc<Watcher>]>),
    /// Stays a map until the last has left.
    Many(Box<Hamt<Arc<Watcher>>>),
}

/// Event loops are fewer; of tasks, each with a waker of its own, there may be thousands.
const FEW: usize = if cfg!(loom) { 1 } else { 8 };

impl Watchers {
    pub(crate) fn new() -> Self {
        Self { list: Swap::new(Arc::new(List::Few(Box::default()))) }
    }

    /// Adds a waker once more. What the caller reads after this is at least as new as anything it won't be woken for.
    pub(crate) fn join(&self, waker: Waker) -> Arc<Watcher> {
        let identity = Identity::of(&waker);
        let waker = ForeignWaker::new(waker);
        let joined = self.list.with(|list| list.join(&identity));
        let watcher = joined.unwrap_or_else(|| self.add(Watcher { identity, waker, joined: AtomicUsize::new(1) }));
        // A reader joins, then reads the log; a turn appends, then loads this list. Both orders:
        // - this fence first: the turn finds the reader's watcher here, and wakes it. It also does so if the watcher
        //   was there already: the list that it was found in was loaded before this fence, and it is in all lists after
        //   that one until the reader leaves;
        // - the turn's fence first: what it appended is there when the reader reads.
        fence(Ordering::SeqCst); // with the one in `wake_all`
        watcher
    }

    fn add(&self, new: Watcher) -> Arc<Watcher> {
        let new = Arc::new(new);
        loop {
            let list = self.list.load();
            if let Some(watcher) = list.join(&new.identity) {
                return watcher;
            }
            if self.list.replace(&list, Arc::new(list.with(new.clone()))) {
                return new;
            }
        }
    }

    /// Takes a watcher away once.
    pub(crate) fn leave(&self, watcher: &Arc<Watcher>) {
        if watcher.leave() {
            self.remove(watcher);
        }
    }

    /// Takes a watcher out that is on its way out.
    ///
    /// Against a newcomer with the same waker, both orders:
    /// - the watcher is taken out first: the newcomer finds none, and adds its own;
    /// - the newcomer comes before that: it puts its own in the watcher's place, and here that one is found.
    fn remove(&self, watcher: &Arc<Watcher>) {
        loop {
            let list = self.list.load();
            if !list.find(&watcher.identity).is_some_and(|found| Arc::ptr_eq(found, watcher)) {
                return;
            }
            if self.list.replace(&list, Arc::new(list.without(watcher))) {
                return;
            }
        }
    }

    /// Wakes everyone, whatever any of them does.
    pub(crate) fn wake_all(&self) {
        fence(Ordering::SeqCst); // with the one in `join`
        self.list.load().for_each(|watcher| {
            watcher.waker.wake();
        });
    }

    /// Wakes one of them, in turn, and another if its waker panics; `false` if there is none.
    pub(crate) fn wake_one(&self, turn: usize) -> bool {
        let list = self.list.load();
        let mut all = SmallVec::<[&Watcher; FEW]>::new();
        list.for_each(|watcher| all.push(watcher));
        let (before, from) = all.split_at(turn % all.len().max(1));
        from.iter().chain(before).any(|watcher| watcher.waker.wake())
    }
}

impl Watcher {
    /// Whether this is the waker that is woken.
    pub(crate) fn is_of(&self, waker: &Waker) -> bool {
        self.identity == Identity::of(waker)
    }

    /// Counts one more, unless the watcher is on its way out.
    fn try_join(&self) -> bool {
        let one_more = |joined| (joined > 0).then(|| joined + 1);
        // Relaxed, both: the order of changes to this one word is all that is asked of it; what a reader sees of the
        // log is ordered by the fences.
        self.joined.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// Counts one less; `true` if it was the last.
    fn leave(&self) -> bool {
        self.joined.fetch_sub(1, Ordering::Relaxed) == 1 // as in `try_join`
    }
}

impl List {
    fn of(mut watchers: Vec<Arc<Watcher>>) -> Self {
        match watchers.len() {
            1 => Self::One(watchers.remove(0)),
            0..=FEW => Self::Few(watchers.into()),
            _ => Self::Many(Box::new(watchers.into_iter().fold(Hamt::new(), |map, watcher| with(&map, watcher)))),
        }
    }

    /// The watchers, as long as they are few.
    fn few(&self) -> Result<&[Arc<Watcher>], &Hamt<Arc<Watcher>>> {
        match self {
            Self::One(watcher) => Ok(slice::from_ref(watcher)),
            Self::Few(watchers) => Ok(watchers),
            Self::Many(map) => Err(map),
        }
    }

    fn find(&self, identity: &Identity) -> Option<&Arc<Watcher>> {
        match self.few() {
            Ok(few) => few.iter().find(|watcher| watcher.identity == *identity),
            Err(many) => {
                let is = |watcher: &Arc<Watcher>| (watcher.identity == *identity).then_some(());
                many.view().find(identity.hash(), is).map(|(entry, ())| entry.item)
            }
        }
    }

    /// The watcher with this identity, counted once more, if there is one that isn't on its way out.
    fn join(&self, identity: &Identity) -> Option<Arc<Watcher>> {
        self.find(identity).filter(|watcher| watcher.try_join()).cloned()
    }

    /// The list with a watcher in it, in place of one that is on its way out.
    fn with(&self, new: Arc<Watcher>) -> Self {
        match self.few() {
            Ok(few) => Self::of(others(few, &new).chain([new.clone()]).collect()),
            Err(many) => Self::Many(Box::new(with(many, new))),
        }
    }

    /// The list without a watcher, which must be in it.
    fn without(&self, old: &Watcher) -> Self {
        match self.few() {
            Ok(few) => Self::of(others(few, old).collect()),
            Err(many) => match many.without(old.identity.hash(), &|watcher| watcher.identity == old.identity) {
                none if none.is_empty() => Self::of(Vec::new()),
                fewer => Self::Many(Box::new(fewer)),
            },
        }
    }

    fn for_each<'a>(&'a self, mut each: impl FnMut(&'a Watcher)) {
        match self.few() {
            Ok(few) => few.iter().for_each(|watcher| each(watcher)),
            Err(many) => many.for_each(&mut |entry| each(entry.item)),
        }
    }
}

/// The map with a watcher in it, in place of one that has the same waker.
fn with(map: &Hamt<Arc<Watcher>>, new: Arc<Watcher>) -> Hamt<Arc<Watcher>> {
    let identity = new.identity;
    map.with(identity.hash(), new, Hamt::new(), &|watcher| watcher.identity == identity)
}

/// Those of the watchers that have another waker.
fn others(few: &[Arc<Watcher>], watcher: &Watcher) -> impl Iterator<Item = Arc<Watcher>> {
    few.iter().filter(|other| other.identity != watcher.identity).cloned()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::task::Wake;

    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Bell {
        fn rung(&self) -> usize {
            self.0.load(Ordering::Relaxed) // one thread
        }
    }

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed); // one thread
        }
    }

    #[test]
    fn a_waker_is_woken_once_however_often_it_joined() {
        let (bell, other) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
        let (waker, other_waker) = (Waker::from(bell.clone()), Waker::from(other.clone()));
        let watchers = Watchers::new();
        let watcher = watchers.join(waker.clone());
        let other_watcher = watchers.join(other_waker.clone());
        assert!(Arc::ptr_eq(&watchers.join(waker.clone()), &watcher));
        assert!(watcher.is_of(&waker) && !watcher.is_of(&other_waker));
        watchers.wake_all();
        let rung = || (bell.rung(), other.rung());
        assert_eq!(rung(), (1, 1));
        watchers.leave(&watcher);
        watchers.leave(&other_watcher);
        watchers.wake_all();
        assert_eq!(rung(), (2, 1));
        watchers.leave(&watcher);
        watchers.wake_all();
        assert_eq!(rung(), (2, 1));
        assert!(!watchers.wake_one(1));
    }

    /// There may be a million channels, each with one watcher: two allocations, of 64 and 48 bytes with their counts
    /// and the allocator's word.
    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_lone_watcher_is_small() {
        assert_eq!((size_of::<Watcher>(), size_of::<List>()), (40, 24));
    }

    #[test]
    fn a_newcomer_takes_the_place_of_who_is_on_the_way_out() {
        for others in [0, 1, FEW, 2 * FEW] {
            let bells: Vec<_> = (0..=others).map(|_| Arc::new(Bell::default())).collect();
            let wakers: Vec<_> = bells.iter().map(|bell| Waker::from(bell.clone())).collect();
            let watchers = Watchers::new();
            let old: Vec<_> = wakers.iter().map(|waker| watchers.join(waker.clone())).collect();
            // The leaver comes as far as this before the newcomer comes.
            assert!(old[0].leave());
            let new = watchers.join(wakers[0].clone());
            assert!(!Arc::ptr_eq(&new, &old[0]));
            assert!(watchers.list.load().find(&old[0].identity).is_some_and(|found| Arc::ptr_eq(found, &new)));
            // And goes on.
            watchers.remove(&old[0]);
            watchers.wake_all();
            assert!(bells.iter().all(|bell| bell.rung() == 1), "beside {others}");
        }
    }

    proptest! {
        #[test]
        fn each_that_has_joined_is_woken_once(
            steps in prop::collection::vec((0..3 * FEW, prop::bool::weighted(0.6)), 0..200),
            leave_in_order in any::<bool>(),
        ) {
            let bells: Vec<_> = (0..3 * FEW).map(|_| Arc::new(Bell::default())).collect();
            // How often each has joined, and has been rung.
            let mut joined = vec![0; bells.len()];
            let mut rung = vec![0; bells.len()];
            let wakers: Vec<_> = bells.iter().map(|bell| Waker::from(bell.clone())).collect();
            let watchers = Watchers::new();
            let mut places: Vec<Vec<_>> = vec![Vec::new(); bells.len()];
            let mut check = |joined: &[usize]| {
                watchers.wake_all();
                rung.iter_mut().zip(joined).for_each(|(rung, &joined)| *rung += usize::from(joined > 0));
                prop_assert_eq!(&bells.iter().map(|bell| bell.rung()).collect::<Vec<_>>(), &rung);
                Ok(())
            };
            for (who, joins) in steps {
                if joins {
                    places[who].push(watchers.join(wakers[who].clone()));
                    joined[who] += 1;
                } else if let Some(watcher) = places[who].pop() {
                    watchers.leave(&watcher);
                    joined[who] -= 1;
                }
                check(&joined)?;
            }
            let mut left: Vec<_> = (0..).zip(&places).flat_map(|(who, of)| of.iter().map(move |of| (who, of))).collect();
            if !leave_in_order {
                left.reverse();
            }
            for (who, watcher) in left {
                watchers.leave(watcher);
                joined[who] -= 1;
                check(&joined)?;
            }
            drop((places, wakers));
            prop_assert!(bells.iter().all(|bell| Arc::strong_count(bell) == 1), "their wakers are let go of");
        }
    }
}
