//! How many streams are open.

use std::sync::Arc;

use crate::sync::{AtomicUsize, Ordering};

/// Counts what is open at once, for all clones.
#[derive(Clone, Debug, Default)]
pub(super) struct Permits(Arc<AtomicUsize>);

/// The right to be open; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Permit(Arc<AtomicUsize>);

impl Permits {
    /// A permit, unless there are `most` already.
    pub(super) fn take(&self, most: usize) -> Option<Permit> {
        let one_more = |open: usize| (open < most).then_some(open + 1);
        // Relaxed, both: the count says nothing about other memory.
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Permit(self.0.clone()))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed); // as above
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_than_may_be() {
        let permits = Permits::default();
        let first = permits.take(2);
        let second = permits.clone().take(2);
        assert!(first.is_some() && second.is_some() && permits.take(2).is_none());
        drop(first);
        assert!(permits.take(2).is_some());
        assert!(permits.take(0).is_none());
    }
}
