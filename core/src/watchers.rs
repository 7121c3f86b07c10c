//! Who is woken when there is something new.

use std::sync::Arc;
use std::task::Waker;

use smallvec::SmallVec;

use crate::sync::{Ordering, Swap, fence};

/// A copy-on-write list of wakers: one for each event loop or task, not for each connection.
///
/// A waker that comes again (`Waker::will_wake`) is counted, so a thousand connections of one loop are woken once. Joining
/// costs a copy of the list: cheap for a handful of loops, quadratic for thousands of tasks on one channel.
pub(crate) struct Watchers {
    list: Swap<List>,
}

type List = SmallVec<[Watcher; 1]>;

#[derive(Clone)]
struct Watcher {
    waker: Waker,
    joined: usize,
}

impl Watchers {
    pub(crate) fn new() -> Self {
        Self { list: Swap::new(Arc::new(List::new())) }
    }

    /// Adds a waker once more. What the caller reads after this is at least as new as anything it won't be woken for.
    pub(crate) fn join(&self, waker: &Waker) {
        self.edit(|list| match list.iter_mut().find(|watcher| watcher.waker.will_wake(waker)) {
            Some(watcher) => watcher.joined += 1,
            None => list.push(Watcher { waker: waker.clone(), joined: 1 }),
        });
        // A reader joins, then reads the log; the drainer appends, then loads this list. Both orders:
        // - this fence first: the drainer finds the reader here, and wakes it;
        // - the drainer's fence first: what it appended is there when the reader reads.
        fence(Ordering::SeqCst); // with the one in `wake_all`
    }

    /// Takes a waker away once.
    pub(crate) fn leave(&self, waker: &Waker) {
        self.edit(|list| {
            let index = list.iter().position(|watcher| watcher.waker.will_wake(waker)).expect("it has joined");
            list[index].joined -= 1;
            if list[index].joined == 0 {
                list.swap_remove(index);
            }
        });
    }

    fn edit(&self, edit: impl Fn(&mut List)) {
        loop {
            let list = self.list.load();
            let mut new = (*list).clone();
            edit(&mut new);
            if self.list.replace(&list, Arc::new(new)) {
                return;
            }
        }
    }

    /// Wakes everyone.
    pub(crate) fn wake_all(&self) {
        fence(Ordering::SeqCst); // with the one in `join`
        self.list.load().iter().for_each(|watcher| watcher.waker.wake_by_ref());
    }

    /// Wakes the one who has been here longest; `false` if there is none.
    pub(crate) fn wake_one(&self) -> bool {
        let list = self.list.load();
        list.first().inspect(|watcher| watcher.waker.wake_by_ref()).is_some()
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
        watchers.join(&waker);
        watchers.join(&other_waker);
        watchers.join(&waker);
        watchers.wake_all();
        let rung = || (bell.0.load(Ordering::Relaxed), other.0.load(Ordering::Relaxed)); // one thread
        assert_eq!(rung(), (1, 1));
        watchers.leave(&waker);
        watchers.leave(&other_waker);
        watchers.wake_all();
        assert_eq!(rung(), (2, 1));
        watchers.leave(&waker);
        watchers.wake_all();
        assert_eq!(rung(), (2, 1));
        assert!(!watchers.wake_one());
    }
}
