//! Who is woken when there is something new.

use std::sync::Arc;
use std::task::Waker;

use smallvec::SmallVec;

use crate::foreign_waker::ForeignWaker;
use crate::sync::{Ordering, Swap, fence};

/// A copy-on-write list of wakers: one for each event loop or task, not for each connection.
///
/// A waker that comes again (`Waker::will_wake`) is counted, so a thousand connections of one loop are woken once. Joining
/// costs a copy of the list: cheap for a handful of loops, quadratic for thousands of tasks on one channel.
pub(crate) struct Watchers {
    list: Swap<List>,
}

#[derive(Clone, Default)]
struct List {
    watchers: SmallVec<[Watcher; 1]>,
    /// The last id given.
    last: u64,
}

#[derive(Clone)]
struct Watcher {
    id: WatcherId,
    waker: Arc<ForeignWaker>,
    joined: usize,
}

/// A place in the list. Wakers themselves name none: clones of one need not be known as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WatcherId(u64);

impl Watchers {
    pub(crate) fn new() -> Self {
        Self { list: Swap::new(Arc::default()) }
    }

    /// Adds a waker once more. What the caller reads after this is at least as new as anything it won't be woken for.
    pub(crate) fn join(&self, waker: Waker) -> WatcherId {
        let waker = Arc::new(ForeignWaker::new(waker));
        let id = self.edit(|list| match list.watchers.iter_mut().find(|watcher| watcher.waker.is_same_as(&waker)) {
            Some(watcher) => {
                watcher.joined += 1;
                watcher.id
            }
            None => {
                list.last += 1;
                let id = WatcherId(list.last);
                list.watchers.push(Watcher { id, waker: waker.clone(), joined: 1 });
                id
            }
        });
        // A reader joins, then reads the log; a turn appends, then loads this list. Both orders:
        // - this fence first: the turn finds the reader here, and wakes it;
        // - the turn's fence first: what it appended is there when the reader reads.
        fence(Ordering::SeqCst); // with the one in `wake_all`
        id
    }

    /// Takes a waker away once.
    pub(crate) fn leave(&self, id: WatcherId) {
        self.edit(|list| {
            let index = list.watchers.iter().position(|watcher| watcher.id == id).expect("it has joined");
            list.watchers[index].joined -= 1;
            if list.watchers[index].joined == 0 {
                list.watchers.swap_remove(index);
            }
        });
    }

    /// Whether who joined as `id` is woken by this waker.
    pub(crate) fn wakes(&self, id: WatcherId, waker: &Waker) -> bool {
        self.list.with(|list| list.watchers.iter().any(|watcher| watcher.id == id && watcher.waker.will_wake(waker)))
    }

    fn edit<R>(&self, edit: impl Fn(&mut List) -> R) -> R {
        loop {
            let list = self.list.load();
            let mut new = (*list).clone();
            let result = edit(&mut new);
            if self.list.replace(&list, Arc::new(new)) {
                return result;
            }
        }
    }

    /// Wakes everyone, whatever any of them does.
    pub(crate) fn wake_all(&self) {
        fence(Ordering::SeqCst); // with the one in `join`
        for watcher in &self.list.load().watchers {
            watcher.waker.wake();
        }
    }

    /// Wakes one of them, in turn, and another if its waker panics; `false` if there is none.
    pub(crate) fn wake_one(&self, turn: usize) -> bool {
        let list = self.list.load();
        let (before, from) = list.watchers.split_at(turn % list.watchers.len().max(1));
        from.iter().chain(before).any(|watcher| watcher.waker.wake())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Bell(AtomicUsize);

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
        let id = watchers.join(waker.clone());
        let other_id = watchers.join(other_waker.clone());
        assert_eq!(watchers.join(waker.clone()), id);
        assert!(watchers.wakes(id, &waker) && !watchers.wakes(id, &other_waker));
        watchers.wake_all();
        let rung = || (bell.0.load(Ordering::Relaxed), other.0.load(Ordering::Relaxed)); // one thread
        assert_eq!(rung(), (1, 1));
        watchers.leave(id);
        watchers.leave(other_id);
        watchers.wake_all();
        assert_eq!(rung(), (2, 1));
        watchers.leave(id);
        watchers.wake_all();
        assert_eq!(rung(), (2, 1));
        assert!(!watchers.wake_one(1));
    }
}
