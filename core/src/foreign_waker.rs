//! A waker that is others' code, and may panic.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// A waker that is others' code. When it panics, the panic ends here, after the panic hook has told of it: any publisher may be
/// the one that wakes, it has no part in the fault, and others are still to be woken.
///
/// It is never cloned, so that nothing but waking and dropping is to be feared of it.
pub(crate) struct ForeignWaker(
    /// There until this is dropped.
    Option<Waker>,
);

impl ForeignWaker {
    pub(crate) fn new(waker: Waker) -> Self {
        Self(Some(waker))
    }

    /// Whether this wakes what the other wakes, as far as can be said.
    pub(crate) fn will_wake(&self, other: &Waker) -> bool {
        self.0.as_ref().is_some_and(|waker| waker.will_wake(other))
    }

    /// The same, of another that is foreign.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        other.0.as_ref().is_some_and(|other| self.will_wake(other))
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
