//! So many of something per second, and what went beyond.

use std::time::{Duration, Instant};

/// Time that one line takes: a hundred a second for as long as it may be.
const PERIOD: Duration = Duration::from_millis(10);

/// What may come at once after a quiet time: a thousand.
const BURST: Duration = Duration::from_secs(10);

/// Once something was left out, nothing is let through before so much is free again: then what was left out is told of
/// once a second, and not before every line.
const PAUSE: Duration = Duration::from_secs(1);

/// A bucket of tokens, as the time at which it is full again.
#[derive(Debug)]
pub(crate) struct Quota {
    full_at: Instant,
    left_out: u64,
}

impl Quota {
    pub(crate) fn new(now: Instant) -> Quota {
        Quota { full_at: now, left_out: 0 }
    }

    /// Takes one, and gives how many were left out before it. `None`: it is left out too.
    pub(crate) fn take(&mut self, now: Instant) -> Option<u64> {
        let filling = self.full_at.saturating_duration_since(now);
        let most = if self.left_out > 0 { BURST - PAUSE } else { BURST - PERIOD };
        if filling > most {
            self.left_out += 1;
            return None;
        }
        self.full_at = now + filling + PERIOD;
        Some(self.take_left_out())
    }

    /// How many were left out since this was last told.
    pub(crate) fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_so_many_a_second_and_none_uncounted() {
        let start = Instant::now();
        let mut quota = Quota::new(start);
        let burst: Vec<_> = (0..3000).map(|_| quota.take(start)).collect();
        assert!(burst[..1000].iter().all(|told| *told == Some(0)));
        assert!(burst[1000..].iter().all(Option::is_none));

        // A flood of one a millisecond.
        let flood: Vec<_> = (1..=10_000).map(|ms| quota.take(start + Duration::from_millis(ms))).collect();
        let written = flood.iter().flatten().count();
        assert!((900..=1000).contains(&written), "{written}");
        let notes = flood.iter().flatten().filter(|left_out| **left_out > 0).count();
        assert!((9..=10).contains(&notes), "{notes}");
        let told: u64 = flood.iter().flatten().sum();
        assert_eq!(told + quota.take_left_out(), 2000 + 10_000 - written as u64);
    }

    #[test]
    fn a_quiet_time_makes_up_for_a_flood() {
        let start = Instant::now();
        let mut quota = Quota::new(start);
        assert_eq!((0..2000).filter_map(|_| quota.take(start)).count(), 1000);
        let later = start + Duration::from_secs(3600);
        assert_eq!(quota.take(later), Some(1000));
        assert_eq!((0..2000).filter_map(|_| quota.take(later)).count(), 999);
    }
}
