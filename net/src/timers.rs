//! One timer queue for everything on a loop: a hashed wheel.
//!
//! Arming and firing cost a push and a pop. Nothing is ever cancelled or moved: what a timer was for is looked at
//! when it fires, and one that came too early is armed again. So a connection whose deadline moves with every byte
//! costs the wheel nothing.

use std::time::{Duration, Instant};

use crate::roster::Key;

/// The wheel's step. Keepalives and deadlines are seconds, so being late by this much is nothing; waking more often
/// than 60 times a second for thousands of idle streams would be something.
pub(crate) const TICK: Duration = Duration::from_millis(TICK_MS);
const TICK_MS: u64 = 16;

/// Steps of one turn: 16 s, so that the usual keepalive and head deadline are met within one. What lies farther off
/// stays in its slot for more turns.
const SLOTS: usize = 1024;

/// A slot's storage above this is given back once the slot is empty: a burst must not be remembered for ever.
const KEPT_ENTRIES: usize = 4;

/// What is to be looked at when a timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// A request's deadline.
    Deadline(Key),
    /// A stream's turn to show that it lives.
    Keepalive(Key),
    /// A blocked stream's patience.
    Stall(Key),
    /// A stream's turn to go, while draining.
    Leave(Key),
    /// This listener may try again.
    Accept(u32),
    /// Housekeeping, about once a second.
    Trim,
    /// The drain's time, or its grace, is up.
    DrainEnd,
}

/// A timer that has fired, and when it was to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fired {
    pub(crate) tick: u64,
    pub(crate) timer: Timer,
}

pub(crate) struct Timers {
    start: Instant,
    slots: Box<[Vec<Fired>]>,
    /// The tick whose slot is being walked. All before it are done.
    current: u64,
    /// How far that slot is walked.
    walked: usize,
    /// Timers armed.
    len: usize,
}

impl Timers {
    pub(crate) fn new(start: Instant) -> Timers {
        Timers { start, slots: (0..SLOTS).map(|_| Vec::new()).collect(), current: 0, walked: 0, len: 0 }
    }

    /// The tick that `time` lies in.
    pub(crate) fn tick(&self, time: Instant) -> u64 {
        let ticks = time.saturating_duration_since(self.start).as_nanos() / TICK.as_nanos();
        ticks.try_into().expect("a process does not live for so long")
    }

    /// The first tick that is not before `time`.
    pub(crate) fn tick_after(&self, time: Instant) -> u64 {
        let nanos = time.saturating_duration_since(self.start).as_nanos();
        nanos.div_ceil(TICK.as_nanos()).try_into().expect("nobody waits for so long")
    }

    /// Fires at `tick`, or as soon as possible if that has passed; gives the tick it will be.
    pub(crate) fn arm(&mut self, tick: u64, timer: Timer) -> u64 {
        let tick = tick.max(self.current);
        self.slots[slot_of(tick)].push(Fired { tick, timer });
        self.len += 1;
        tick
    }

    /// The next timer whose time has come by `now`; its order among those of one tick is anyone's guess.
    #[must_use]
    pub(crate) fn poll(&mut self, now: u64) -> Option<Fired> {
        loop {
            let slot = &mut self.slots[slot_of(self.current)];
            while let Some(fired) = slot.get(self.walked) {
                if fired.tick <= self.current {
                    self.len -= 1;
                    return Some(slot.swap_remove(self.walked));
                }
                self.walked += 1;
            }
            if slot.is_empty() && slot.capacity() > KEPT_ENTRIES {
                *slot = Vec::new();
            }
            if self.current >= now {
                return None;
            }
            // With nothing armed, the slots between need no look.
            self.current = if self.len == 0 { now } else { self.current + 1 };
            self.walked = 0;
        }
    }

    /// When to poll next. It may be a turn of the wheel early for what lies far off. `None`: nothing is armed.
    #[must_use]
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.len == 0 {
            return None;
        }
        let unwalked = self.slots[slot_of(self.current)].len() > self.walked;
        let ahead = if unwalked {
            0
        } else {
            // At most one turn; a few slots when many timers are armed.
            (1..=SLOTS as u64).find(|ahead| !self.slots[slot_of(self.current + ahead)].is_empty())?
        };
        Some(self.start + Duration::from_millis(TICK_MS * (self.current + ahead)))
    }
}

fn slot_of(tick: u64) -> usize {
    (tick % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn timer(number: u32) -> Timer {
        Timer::Accept(number)
    }

    fn drain(timers: &mut Timers, now: u64) -> Vec<Fired> {
        std::iter::from_fn(|| timers.poll(now)).collect()
    }

    #[test]
    fn fires_when_due_and_not_before() {
        let mut timers = Timers::new(Instant::now());
        timers.arm(5, timer(0));
        timers.arm(5 + SLOTS as u64, timer(1));
        assert_eq!(drain(&mut timers, 4), []);
        assert_eq!(drain(&mut timers, 5), [Fired { tick: 5, timer: timer(0) }]);
        assert_eq!(drain(&mut timers, 4 + SLOTS as u64), []);
        assert_eq!(drain(&mut timers, 5 + SLOTS as u64).len(), 1);
        assert_eq!(timers.poll_timeout(), None);
    }

    #[test]
    fn the_past_fires_at_once() {
        let mut timers = Timers::new(Instant::now());
        assert_eq!(drain(&mut timers, 100), []);
        timers.arm(3, timer(0));
        assert_eq!(timers.poll_timeout(), Some(timers.start + TICK * 100));
        assert_eq!(drain(&mut timers, 100).len(), 1);
    }

    #[test]
    fn a_loop_that_has_run_for_years_still_wakes() {
        let mut timers = Timers::new(Instant::now());
        let years = 3 * 365 * 24 * 3600 * 1000 / TICK.as_millis() as u64;
        assert_eq!(drain(&mut timers, years), []);
        timers.arm(years + 10, timer(0));
        let wake = timers.poll_timeout().unwrap();
        assert_eq!(timers.tick(wake), years + 10);
    }

    #[test]
    fn ticks_round_as_they_say() {
        let timers = Timers::new(Instant::now());
        assert_eq!(timers.tick(timers.start + TICK * 3 / 2), 1);
        assert_eq!(timers.tick_after(timers.start + TICK * 3 / 2), 2);
        assert_eq!(timers.tick_after(timers.start + TICK), 1);
    }

    proptest! {
        /// The model: a list, searched.
        #[test]
        fn as_a_list_would(
            steps in prop::collection::vec((0u64..3000, prop::collection::vec(0u64..5000, 0..5)), 1..40)
        ) {
            let mut timers = Timers::new(Instant::now());
            let (mut model, mut now, mut number) = (Vec::new(), 0, 0);
            for (pause, delays) in steps {
                for delay in delays {
                    timers.arm(now + delay, timer(number));
                    model.push((now + delay, timer(number)));
                    number += 1;
                }
                let next = model.iter().map(|&(tick, _)| tick).min();
                let wake = timers.poll_timeout();
                prop_assert_eq!(wake.is_some(), next.is_some());
                if let (Some(wake), Some(next)) = (wake, next) {
                    prop_assert!(timers.tick(wake) <= next, "never late");
                }
                now += pause;
                let mut fired: Vec<_> = drain(&mut timers, now).iter().map(|fired| (fired.tick, fired.timer)).collect();
                let mut due: Vec<_> = model.extract_if(.., |(tick, _)| *tick <= now).collect();
                fired.sort_by_key(|(tick, timer)| (*tick, format!("{timer:?}")));
                due.sort_by_key(|(tick, timer)| (*tick, format!("{timer:?}")));
                prop_assert_eq!(fired, due);
            }
        }
    }
}
