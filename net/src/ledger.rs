//! What strangers make us buffer, over all event loops: counted as it comes, and bounded.
//!
//! ```text
//!   exchange ── account ──┐
//!   exchange ── account ──┼──▶ ledger: held ≤ most
//!   a body that the service has ── account ──┘
//! ```
//!
//! An account is its holder's, and gives back what it has when it is dropped: so nothing stays on the ledger of who is gone.
//! A connection that holds no more than [`ALLOWANCE_BYTES`] is not counted, and can't be refused: small requests are
//! answered however much others hold, and cost no atomic operation. So all that strangers make us buffer is at most
//! `most + connections × ALLOWANCE_BYTES`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;

/// What each connection may hold whatever others do: a request of some kilobytes, or its answer.
pub const ALLOWANCE_BYTES: usize = 16 << 10;

/// What all hold together.
#[derive(Debug)]
pub(crate) struct Ledger {
    most: usize,
    held: AtomicUsize,
    refused: AtomicU64,
}

impl Ledger {
    /// With room for so many bytes.
    pub(crate) fn new(most: usize) -> Arc<Ledger> {
        Arc::new(Ledger { most, held: AtomicUsize::new(0), refused: AtomicU64::new(0) })
    }

    /// Bytes held now.
    pub(crate) fn held(&self) -> usize {
        // Relaxed: a count on its own.
        self.held.load(Ordering::Relaxed)
    }

    /// How often there was no room.
    pub(crate) fn refused(&self) -> u64 {
        // Relaxed: a count on its own.
        self.refused.load(Ordering::Relaxed)
    }

    fn has_taken(&self, bytes: usize) -> bool {
        let sum = |held: usize| held.checked_add(bytes).filter(|&sum| sum <= self.most);
        // Relaxed: a count on its own. What it counts is its holder's, and nobody reaches it by way of the count.
        let is_taken = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum).is_ok();
        if !is_taken {
            self.refused.fetch_add(1, Ordering::Relaxed); // a count on its own
        }
        is_taken
    }
}

/// What one holder has on the ledger.
#[derive(Debug)]
pub(crate) struct Account {
    ledger: Arc<Ledger>,
    bytes: usize,
}

impl Account {
    pub(crate) fn new(ledger: Arc<Ledger>) -> Account {
        Account { ledger, bytes: 0 }
    }

    /// The holder wants to have so many bytes. False: there is no room, and nothing has changed.
    #[must_use]
    pub(crate) fn may_hold(&mut self, held: usize) -> bool {
        let bytes = counted(held);
        if bytes > self.bytes {
            if !self.ledger.has_taken(bytes - self.bytes) {
                return false;
            }
            self.bytes = bytes;
        } else {
            self.hold(held);
        }
        true
    }

    /// The holder has so many bytes, room or not.
    pub(crate) fn hold(&mut self, held: usize) {
        let bytes = counted(held);
        if bytes > self.bytes {
            // Relaxed: as in `has_taken`.
            self.ledger.held.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else if bytes < self.bytes {
            // Relaxed: as in `has_taken`.
            self.ledger.held.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }

    /// Part of what this holder has becomes another's.
    #[must_use]
    pub(crate) fn split_off(&mut self, bytes: usize) -> Account {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Account { ledger: Arc::clone(&self.ledger), bytes }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.hold(0);
    }
}

/// Who holds little is not counted; who holds more is counted for all of it, so that nobody can hand on a little for nothing
/// again and again.
pub(crate) fn counted(held: usize) -> usize {
    if held > ALLOWANCE_BYTES { held } else { 0 }
}

/// A body that is counted for as long as anybody has a clone of it, be its connection gone or not.
pub(crate) fn counted_body(body: Bytes, account: Account) -> Bytes {
    Bytes::from_owner(Counted { body, _account: account })
}

struct Counted {
    body: Bytes,
    _account: Account,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        MayHold(usize, usize),
        Hold(usize, usize),
        SplitOff(usize, usize),
        Drop(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let holder = 0..4_usize;
        let held = 0..5 * ALLOWANCE_BYTES;
        prop_oneof![
            4 => (holder.clone(), held.clone()).prop_map(|(holder, held)| Step::MayHold(holder, held)),
            1 => (holder.clone(), held.clone()).prop_map(|(holder, held)| Step::Hold(holder, held)),
            1 => (holder.clone(), held).prop_map(|(holder, bytes)| Step::SplitOff(holder, bytes)),
            1 => holder.prop_map(Step::Drop),
        ]
    }

    proptest! {
        /// Against a list of what each has.
        #[test]
        fn the_ledger_is_the_sum_of_the_accounts(steps in prop::collection::vec(step(), 0..60)) {
            const MOST: usize = 8 * ALLOWANCE_BYTES;
            let ledger = Ledger::new(MOST);
            let mut accounts: Vec<_> = (0..4).map(|_| Account::new(Arc::clone(&ledger))).collect();
            let mut model = [0_usize; 4];
            let (mut parts, mut refused) = (Vec::new(), 0);
            for step in steps {
                let before = ledger.held();
                match step {
                    Step::MayHold(holder, held) => {
                        let bytes = counted(held);
                        let has_room = bytes <= model[holder] || before - model[holder] + bytes <= MOST;
                        prop_assert_eq!(accounts[holder].may_hold(held), has_room);
                        if has_room {
                            model[holder] = bytes;
                        } else {
                            refused += 1;
                        }
                    }
                    Step::Hold(holder, held) => {
                        accounts[holder].hold(held);
                        model[holder] = counted(held);
                    }
                    Step::SplitOff(holder, bytes) => {
                        parts.push(accounts[holder].split_off(bytes));
                        model[holder] -= bytes.min(model[holder]);
                        prop_assert_eq!(ledger.held(), before);
                    }
                    Step::Drop(holder) => {
                        accounts[holder] = Account::new(Arc::clone(&ledger));
                        model[holder] = 0;
                    }
                }
                let parts: usize = parts.iter().map(|part| part.bytes).sum();
                prop_assert_eq!(ledger.held(), model.iter().sum::<usize>() + parts);
                prop_assert_eq!(ledger.refused(), refused);
            }
            drop((accounts, parts));
            prop_assert_eq!(ledger.held(), 0);
        }
    }

    #[test]
    fn a_body_counts_until_its_last_clone_is_gone() {
        let ledger = Ledger::new(1 << 20);
        let mut account = Account::new(Arc::clone(&ledger));
        assert!(account.may_hold(100_000));
        let body = counted_body(vec![b'x'; 60_000].into(), account.split_off(60_000));
        let clone = body.slice(1..2);
        drop((account, body));
        assert_eq!((ledger.held(), &clone[..]), (60_000, &b"x"[..]));
        drop(clone);
        assert_eq!(ledger.held(), 0);
    }

    /// Whatever the order of their steps, they never hold more than there is room for.
    #[test]
    fn threads_share_the_room() {
        const STEPS: usize = if cfg!(miri) { 20 } else { 20_000 };
        let ledger = Ledger::new(3 * ALLOWANCE_BYTES);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut account = Account::new(Arc::clone(&ledger));
                    for step in 0..STEPS {
                        let has_room = account.may_hold(ALLOWANCE_BYTES + 1 + step % ALLOWANCE_BYTES);
                        assert!(ledger.held() <= 3 * ALLOWANCE_BYTES);
                        if has_room && step % 3 == 0 {
                            account.hold(0);
                        }
                    }
                });
            }
        });
        assert_eq!(ledger.held(), 0);
    }
}
