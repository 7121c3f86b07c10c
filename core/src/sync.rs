//! The one door to atomics and shared pointers: std and arc-swap, or loom's models of them.
//!
//! Every other file takes its synchronisation from here, so that `RUSTFLAGS="--cfg loom"` swaps the ground under
//! the whole engine and `tests/loom/` can try every order of *our* steps. Reference counts stay std's in both
//! worlds: they are not ours to prove.

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};

pub(crate) use imp::{AtomicSlot, Once, Swap, Tracker, pause};

/// The real ground.
#[cfg(not(loom))]
mod imp {
    use std::ops::Range;
    use std::sync::{Arc, OnceLock};

    use arc_swap::ArcSwap;
    use crossbeam::atomic::AtomicCell;

    /// A shared pointer to an immutable value: loaded with acquire, replaced with acquire and release.
    pub(crate) struct Swap<T>(ArcSwap<T>);

    impl<T> Swap<T> {
        pub(crate) fn new(value: Arc<T>) -> Self {
            Self(ArcSwap::new(value))
        }

        pub(crate) fn load(&self) -> Arc<T> {
            self.0.load_full()
        }

        /// Looks at the value without touching its reference count.
        #[inline]
        pub(crate) fn with<R>(&self, look: impl FnOnce(&Arc<T>) -> R) -> R {
            look(&self.0.load())
        }

        pub(crate) fn store(&self, value: Arc<T>) {
            self.0.store(value);
        }

        /// Puts `new` in place of `current`; `false` if another value was there.
        pub(crate) fn replace(&self, current: &Arc<T>, new: Arc<T>) -> bool {
            Arc::ptr_eq(&self.0.compare_and_swap(current, new), current)
        }
    }

    /// A pointer that is set once: released by `set`, acquired by `get`.
    pub(crate) struct Once<T>(OnceLock<Arc<T>>);

    impl<T> Once<T> {
        pub(crate) const fn new() -> Self {
            Self(OnceLock::new())
        }

        #[inline]
        pub(crate) fn get(&self) -> Option<&Arc<T>> {
            self.0.get()
        }

        /// `false` if it was set before.
        pub(crate) fn set(&self, value: Arc<T>) -> bool {
            self.0.set(value).is_ok()
        }
    }

    /// One place of a queue: filled with release, emptied with acquire, without a lock.
    pub(crate) struct AtomicSlot<T>(AtomicCell<Option<Box<T>>>);

    impl<T> AtomicSlot<T> {
        pub(crate) const fn new() -> Self {
            const { assert!(AtomicCell::<Option<Box<T>>>::is_lock_free()) };
            Self(AtomicCell::new(None))
        }

        /// Fills the slot and gives back what was in it.
        #[inline]
        pub(crate) fn put(&self, value: Box<T>) -> Option<Box<T>> {
            self.0.swap(Some(value))
        }

        #[inline]
        pub(crate) fn take(&self) -> Option<Box<T>> {
            self.0.take()
        }
    }

    /// Under loom, notices a byte that is read before it was released; here, nothing.
    pub(crate) struct Tracker;

    impl Tracker {
        pub(crate) fn new(_bytes: usize) -> Self {
            Self
        }

        #[inline]
        pub(crate) fn read(&self, _bytes: Range<usize>) {}

        #[inline]
        pub(crate) fn write(&self, _bytes: Range<usize>) {}
    }

    /// Lets another thread go first, the longer the more often the caller has waited already.
    pub(crate) fn pause(round: &mut crossbeam::utils::Backoff) {
        round.snooze();
    }
}

/// Loom's ground: the same contracts, every step a branching point.
#[cfg(loom)]
mod imp {
    use std::ops::Range;
    use std::sync::{Arc, Mutex, OnceLock};

    use loom::cell::UnsafeCell;
    use loom::sync::atomic::{AtomicUsize, Ordering};

    /// The pointer is modelled as an index into all the values there ever were, so that loom sees a plain atomic
    /// with acquire loads and release stores, and may hand out stale versions. A mutex would hide missing fences.
    pub(crate) struct Swap<T> {
        index: AtomicUsize,
        versions: Mutex<Vec<Arc<T>>>,
    }

    impl<T> Swap<T> {
        pub(crate) fn new(value: Arc<T>) -> Self {
            Self { index: AtomicUsize::new(0), versions: Mutex::new(vec![value]) }
        }

        fn version(&self, index: usize) -> Arc<T> {
            self.versions.lock().unwrap()[index].clone()
        }

        fn keep(&self, value: Arc<T>) -> usize {
            let mut versions = self.versions.lock().unwrap();
            versions.push(value);
            versions.len() - 1
        }

        pub(crate) fn load(&self) -> Arc<T> {
            // Acquire: with the releasing `store` or `replace` that put this version here.
            self.version(self.index.load(Ordering::Acquire))
        }

        pub(crate) fn with<R>(&self, look: impl FnOnce(&Arc<T>) -> R) -> R {
            look(&self.load())
        }

        pub(crate) fn store(&self, value: Arc<T>) {
            // AcqRel: as arc-swap's, with the acquiring `load`.
            self.index.swap(self.keep(value), Ordering::AcqRel);
        }

        pub(crate) fn replace(&self, current: &Arc<T>, new: Arc<T>) -> bool {
            let old = {
                let versions = self.versions.lock().unwrap();
                versions.iter().rposition(|version| Arc::ptr_eq(version, current)).expect("loaded from here")
            };
            let new = self.keep(new);
            // AcqRel and Acquire: as arc-swap's, with `load` and with each other.
            self.index.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire).is_ok()
        }
    }

    pub(crate) struct Once<T> {
        set: loom::sync::atomic::AtomicBool,
        value: OnceLock<Arc<T>>,
    }

    impl<T> Once<T> {
        pub(crate) fn new() -> Self {
            Self { set: loom::sync::atomic::AtomicBool::new(false), value: OnceLock::new() }
        }

        pub(crate) fn get(&self) -> Option<&Arc<T>> {
            // Acquire: with the release in `set`.
            if self.set.load(Ordering::Acquire) { self.value.get() } else { None }
        }

        pub(crate) fn set(&self, value: Arc<T>) -> bool {
            let first = self.value.set(value).is_ok();
            // Release: what was written before the link is seen by who follows it (`get`).
            self.set.store(true, Ordering::Release);
            first
        }
    }

    pub(crate) struct AtomicSlot<T> {
        full: loom::sync::atomic::AtomicBool,
        value: Mutex<Option<Box<T>>>,
    }

    impl<T> AtomicSlot<T> {
        pub(crate) fn new() -> Self {
            Self { full: loom::sync::atomic::AtomicBool::new(false), value: Mutex::new(None) }
        }

        pub(crate) fn put(&self, value: Box<T>) -> Option<Box<T>> {
            let old = self.value.lock().unwrap().replace(value);
            // AcqRel: as `AtomicCell::swap`, with the swap in `take`.
            self.full.swap(true, Ordering::AcqRel);
            old
        }

        pub(crate) fn take(&self) -> Option<Box<T>> {
            // AcqRel: as `AtomicCell::take`, with the swap in `put`.
            if self.full.swap(false, Ordering::AcqRel) { self.value.lock().unwrap().take() } else { None }
        }
    }

    /// One loom cell for each byte, beside the bytes: loom reports a read that is not ordered after the write.
    pub(crate) struct Tracker(Box<[UnsafeCell<()>]>);

    impl Tracker {
        pub(crate) fn new(bytes: usize) -> Self {
            Self((0..bytes).map(|_| UnsafeCell::new(())).collect())
        }

        pub(crate) fn read(&self, bytes: Range<usize>) {
            self.0[bytes].iter().for_each(|cell| cell.with(|_| ()));
        }

        pub(crate) fn write(&self, bytes: Range<usize>) {
            self.0[bytes].iter().for_each(|cell| cell.with_mut(|_| ()));
        }
    }

    pub(crate) fn pause(_round: &mut crossbeam::utils::Backoff) {
        loom::thread::yield_now();
    }
}
