//! A waker that is others' code, and may panic.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::task::Waker;

use ahash::RandomState;

/// A waker that is others' code. When it panics, the panic ends here, after the panic hook has told of it: any
/// publisher may be the one that wakes, it has no part in the fault, and others are still to be woken.
///
/// It is never cloned, so that nothing but waking and dropping is to be feared of it.
pub(crate) struct ForeignWaker(
    /// There until this is dropped.
    Option<Waker>,
);

/// What a waker wakes, as far as can be said: its data and its table of functions, which are what `Waker::will_wake`
/// compares. As long as a waker is kept, no other has its identity that wakes something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity([u8; 16]);

/// Without a key: nobody chooses the addresses of wakers.
const HASHER: RandomState = RandomState::with_seeds(1, 2, 3, 4);

impl Identity {
    pub(crate) fn of(waker: &Waker) -> Self {
        let (data, vtable) = (waker.data().addr() as u128, ptr::from_ref(waker.vtable()).addr() as u128);
        Self((data << 64 | vtable).to_ne_bytes())
    }

    pub(crate) fn hash(&self) -> u32 {
        HASHER.hash_one(self.0) as u32 // as good as any other half
    }
}

impl ForeignWaker {
    pub(crate) fn new(waker: Waker) -> Self {
        Self(Some(waker))
    }

    /// `false`: it panicked.
    pub(crate) fn wake(&self) -> bool {
        contain(|| self.0.iter().for_each(Waker::wake_by_ref))
    }
}

impl Drop for ForeignWaker {
    fn drop(&mut self) {
        contain(|| drop(self.0.take()));
    }
}

/// Calls others' code, which sees nothing of ours half done; `false`: it panicked.
fn contain(call: impl FnOnce()) -> bool {
    let Err(panic) = catch_unwind(AssertUnwindSafe(call)) else { return true };
    // What it panicked with is others', too.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        mem::forget(panic);
    }
    false
}
