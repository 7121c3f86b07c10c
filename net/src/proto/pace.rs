//! How slow a transfer may be.
//!
//! Who moves nothing for too long is gone. But a timeout that each byte renews is none for a peer that moves a byte just
//! before it runs out, and one that no byte renews is too long for a kilobyte and too short for a gigabyte. So each byte
//! buys time, at a price:
//!
//! ```text
//!   deadline = the earlier of  last progress + patience
//!                         and  begin + patience + bytes moved / LEAST_BYTES_PER_SECOND
//! ```

use std::time::{Duration, Instant};

/// The least average rate of a body or an answer, once its patience is used up: about what a GSM modem carried
/// (9,600 bit/s), so what is slower is no slow line, but a broken one or a peer that wants to hold us. Other servers ask for
/// less (Apache's `MinRate` is 500, Kestrel's 240), and are held for longer.
pub(super) const LEAST_BYTES_PER_SECOND: u64 = 1024;

/// One transfer's progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    patience: Duration,
    begun: Instant,
    /// The last progress.
    moved_at: Instant,
    bytes: u64,
}

impl Pace {
    /// A transfer that begins now, and may rest for as long as `patience`.
    pub(super) fn new(now: Instant, patience: Duration) -> Pace {
        Pace { patience, begun: now, moved_at: now, bytes: 0 }
    }

    /// So many bytes more have moved. None are no progress.
    pub(super) fn handle_moved(&mut self, now: Instant, bytes: usize) {
        if bytes > 0 {
            self.moved_at = now;
            self.bytes = self.bytes.saturating_add(bytes as u64);
        }
    }

    /// When to give up.
    pub(super) fn deadline(&self) -> Instant {
        let earned = Duration::from_secs(self.bytes / LEAST_BYTES_PER_SECOND);
        self.moved_at.min(self.begun + earned) + self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// How long a peer that moves this much each `pause` is borne with; at most an hour.
    fn lasts(bytes: usize, pause: Duration) -> Duration {
        let begun = Instant::now();
        let mut pace = Pace::new(begun, PATIENCE);
        let mut now = begun + pause;
        while now < pace.deadline() && now < begun + Duration::from_secs(3600) {
            pace.handle_moved(now, bytes);
            now += pause;
        }
        now.min(pace.deadline()) - begun
    }

    #[test]
    fn a_trickle_buys_no_time() {
        assert_eq!(lasts(0, Duration::from_secs(1)), PATIENCE);
        assert_eq!(lasts(1, Duration::from_secs(9)), PATIENCE);
        assert_eq!(lasts(100, Duration::from_secs(1)), PATIENCE);
    }

    #[test]
    fn what_is_nearly_fast_enough_lasts_a_while() {
        let seconds = lasts(600, Duration::from_secs(1)).as_secs();
        assert!((15..30).contains(&seconds), "{seconds}");
    }

    #[test]
    fn an_honest_slow_line_is_borne_with() {
        for bytes in [1024, 4 << 10, 1 << 20] {
            assert_eq!(lasts(bytes, Duration::from_secs(1)), Duration::from_secs(3600), "{bytes} B/s");
        }
        // In bursts, as over a line that drops out.
        assert_eq!(lasts(32 << 10, Duration::from_secs(9)), Duration::from_secs(3600));
    }

    #[test]
    fn what_has_moved_fast_buys_no_long_rest() {
        let begun = Instant::now();
        let mut pace = Pace::new(begun, PATIENCE);
        pace.handle_moved(begun, 1 << 30);
        assert_eq!(pace.deadline(), begun + PATIENCE);
        pace.handle_moved(begun + PATIENCE / 2, 0);
        assert_eq!(pace.deadline(), begun + PATIENCE, "nothing is no progress");
        pace.handle_moved(begun, usize::MAX);
        pace.handle_moved(begun, usize::MAX);
        assert_eq!(pace.deadline(), begun + PATIENCE, "and however much is no overflow");
    }
}
