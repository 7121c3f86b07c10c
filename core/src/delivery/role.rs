//! Who drains, in one word.
//!
//! ```text
//!   63                                       2      1      0
//!   | rings so far, less those announced     | RUNG | HELD |
//!
//!            ring, call: Drain                  finish, give_up
//!   free ──────────────────────────▶ held ──────────────────────▶ free
//!                                    │  ▲
//!                                    └──┘ ring, call: Held, and the holder will look again
//! ```
//!
//! Each ticket of the queue is followed by one ring, and so is each announcement. So a holder that has given the role
//! up can tell if another is about to ring: there are more tickets than rings. That one finds the role free, or had by
//! another; so the holder may go, though it leaves something. The same the other way round: one that rings and finds
//! the role held may go, since the holder can't give it up before it has looked after that ring. An announcement may
//! hide a ring from that comparison, since it counts against it; but then the ring of the announcement is still to come.
//!
//! The word is changed by read-modify-writes alone. So all of them are one release sequence: each acquires what was
//! released by all before it.

use crate::sync::{AtomicU64, Ordering};

/// Who drains: one at a time.
pub(crate) struct Role(AtomicU64);

const HELD: u64 = 1;
/// Someone has called since the last look.
const RUNG: u64 = 2;
/// One ring. What is announced and not rung may be more than what has rung, so the count is signed.
const RING: u64 = 4;

/// The word as its holder has seen it last: all rings up to then are heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard(u64);

/// How many have rung, less how many have announced it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rings(i64);

/// What a ring asks of the ringer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Ring {
    /// The role is yours: drain.
    Drain(Heard),
    /// Someone drains, and will look once more: there is nothing to do.
    Held,
}

/// What there is to do after an empty round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Finish {
    /// The role is given up.
    Done,
    /// Someone rang: look again.
    Rung,
}

impl Role {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Says that a ring is to come, as a ticket says. [`Role::ring`] after this, whatever happens.
    pub(crate) fn announce(&self) {
        self.0.fetch_sub(RING, Ordering::Relaxed); // a count: the order of changes to this word is all that matters
    }

    /// Says that there is something to drain. Once for each ticket and each announcement.
    pub(crate) fn ring(&self) -> Ring {
        let word = self.0.load(Ordering::Relaxed); // the exchange decides
        if word & HELD == 0 {
            let held = word.wrapping_add(RING) | HELD;
            // AcqRel: acquires what the last holder released in `finish` or `give_up`, and what ringers did before they
            // rang. Relaxed: on failure, what follows decides.
            if self.0.compare_exchange(word, held, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return Ring::Drain(Heard(held));
            }
        }
        // AcqRel: releases what the ringer has put, for who holds the role next, or looks (`look`).
        if self.0.fetch_add(RING, Ordering::AcqRel) & HELD != 0 {
            return Ring::Held;
        }
        // It was free by then. Who is faster now has heard this ring.
        let word = self.0.fetch_or(HELD, Ordering::AcqRel); // as in the exchange above
        if word & HELD == 0 { Ring::Drain(Heard(word | HELD)) } else { Ring::Held }
    }

    /// Rings without having announced it.
    pub(crate) fn call(&self) -> Ring {
        let word = self.0.fetch_or(HELD | RUNG, Ordering::AcqRel); // as in `ring`
        if word & HELD == 0 { Ring::Drain(self.look()) } else { Ring::Held }
    }

    /// Whether anyone rang since then.
    pub(crate) fn is_rung(&self, heard: Heard) -> bool {
        self.0.load(Ordering::Relaxed) != heard.0 // a hint; `finish` decides
    }

    /// Begins a round: every ring up to now is heard. For the holder.
    pub(crate) fn look(&self) -> Heard {
        // AcqRel: acquires what all ringers have put, from their `ring` or `call`.
        Heard(self.0.fetch_and(!RUNG, Ordering::AcqRel) & !RUNG)
    }

    /// Gives up the role, unless someone rang since then. For the holder.
    pub(crate) fn finish(&self, heard: Heard) -> Finish {
        // Release: what was drained, for the next holder's `ring` or `call`. Relaxed: on failure, `look` acquires.
        match self.0.compare_exchange(heard.0, heard.0 & !HELD, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => Finish::Done,
            Err(_) => Finish::Rung,
        }
    }

    /// Gives up the role whether anyone rang or not, and says how many have rung before that. The holder sees to it
    /// that someone rings after this.
    pub(crate) fn give_up(&self) -> Rings {
        // AcqRel: releases what was drained, for the next holder's `ring` or `call`; acquires from rings that are
        // dropped here, so that what their ringers did before is seen by what the caller does next.
        Rings::of(self.0.fetch_and(!(HELD | RUNG), Ordering::AcqRel))
    }

    /// How many have rung by now.
    pub(crate) fn rings(&self) -> Rings {
        Rings::of(self.0.load(Ordering::Relaxed)) // a hint; `give_up` decides
    }
}

impl Rings {
    fn of(word: u64) -> Self {
        Self(word as i64 >> RING.trailing_zeros())
    }

    /// Whether one of so many tickets, or of the announcements, is still to be rung for. The tickets may have been
    /// counted at any time.
    ///
    /// Each ring is for another ticket or announcement. If more are known than rang, one of them rang later, or will.
    pub(crate) fn are_fewer_than(self, tickets: u64) -> bool {
        self.0 < tickets as i64
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn begin(ring: Ring) -> Heard {
        match ring {
            Ring::Drain(heard) => heard,
            Ring::Held => panic!("nobody has the role"),
        }
    }

    #[test]
    fn the_role_is_one_holders_and_no_ring_is_missed() {
        for ring in [Role::ring, Role::call] {
            let role = Role::new();
            let heard = begin(ring(&role));
            assert_eq!(ring(&role), Ring::Held);
            assert!(role.is_rung(heard));
            assert_eq!(role.finish(heard), Finish::Rung);
            let heard = role.look();
            assert_eq!(ring(&role), Ring::Held);
            assert_eq!(role.finish(heard), Finish::Rung);
            let heard = role.look();
            assert!(!role.is_rung(heard));
            assert_eq!(role.finish(heard), Finish::Done);
            let _ = begin(ring(&role));
            let _ = role.give_up();
            let _ = begin(ring(&role));
        }
    }

    #[test]
    fn who_gives_up_knows_if_another_is_about_to_ring() {
        let role = Role::new();
        let _ = begin(role.ring());
        assert!(!role.give_up().are_fewer_than(1));
        assert!(role.rings().are_fewer_than(2), "a ticket that is not rung for");
        role.announce();
        assert!(role.rings().are_fewer_than(1));
        let _ = begin(role.call());
        assert!(role.give_up().are_fewer_than(1), "a call is for no ticket");
        let _ = begin(role.ring());
        assert!(!role.give_up().are_fewer_than(1));
    }

    #[test]
    fn more_may_be_announced_than_has_rung() {
        let role = Role::new();
        role.announce();
        role.announce();
        assert!(role.rings().are_fewer_than(0));
        let heard = begin(role.ring());
        assert_eq!(role.ring(), Ring::Held);
        assert_eq!(role.finish(heard), Finish::Rung);
        assert_eq!(role.finish(role.look()), Finish::Done);
        assert!(!role.rings().are_fewer_than(0));
    }
}
