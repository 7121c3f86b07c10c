//! What the events that were read have shown.

use std::time::{SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;

use super::payload::Payload;

/// Latencies beyond a minute are recorded as one.
const MAX_LATENCY_NS: u64 = 60_000_000_000;

/// Latencies are kept to three digits.
const DIGITS: u8 = 3;

/// How it is known when an event was sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Timing {
    /// By the `t=` of its payload. Those without one have no latency.
    Stamped,
    /// By a schedule: the event `n=` was due at `start + n × interval` (nanoseconds; the first since the Unix epoch).
    Scheduled {
        /// When number 0 was due.
        start: u64,
        /// Time between two events.
        interval: f64,
    },
}

/// Collects latencies and gaps over all connections that are read by [events](super::Reading::Events).
#[derive(Clone, Debug)]
pub struct Observer {
    timing: Timing,
    since: u64,
    stride: u64,
    latency: Histogram<u64>,
    missed: u64,
    disordered: u64,
}

impl Default for Observer {
    fn default() -> Self {
        Observer::new(Timing::Stamped)
    }
}

impl Observer {
    /// One that has seen nothing yet.
    ///
    /// # Panics
    ///
    /// Never: the histogram's bounds are right.
    #[must_use]
    pub fn new(timing: Timing) -> Observer {
        let latency = Histogram::new_with_max(MAX_LATENCY_NS, DIGITS).expect("bounds within what a histogram takes");
        Observer { timing, since: 0, stride: 1, latency, missed: 0, disordered: 0 }
    }

    /// With latencies of those events only that were sent at or after this time (nanoseconds since the Unix epoch).
    #[must_use]
    pub fn since(self, since: u64) -> Observer {
        Observer { since, ..self }
    }

    /// With numbers that are a connection's own modulo `stride`: of the events with one remainder it gets all or none,
    /// in order; those with different remainders may come in any order. With 1 (the default) numbers simply count up.
    ///
    /// # Panics
    ///
    /// If `stride` is 0.
    #[must_use]
    pub fn stride(self, stride: u64) -> Observer {
        assert!(stride > 0, "a stride counts up");
        Observer { stride, ..self }
    }

    /// Time from sending to reading, in nanoseconds.
    #[must_use]
    pub fn latency(&self) -> &Histogram<u64> {
        &self.latency
    }

    /// Events whose number was passed over.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Events that came twice, or after a later one.
    #[must_use]
    pub fn disordered(&self) -> u64 {
        self.disordered
    }

    /// Takes an event into account that was read at `now`.
    #[inline]
    pub(super) fn see(&mut self, track: &mut Track, payload: Payload, now: u64) {
        let sent_at = match (self.timing, payload.number) {
            (Timing::Stamped, _) => payload.sent_at,
            // Whole nanoseconds are exact enough, and exact up to 2^53 of them: 104 days.
            (Timing::Scheduled { start, interval }, Some(number)) => Some(start + (number as f64 * interval) as u64),
            (Timing::Scheduled { .. }, None) => None,
        };
        if let Some(sent_at) = sent_at
            && sent_at >= self.since
        {
            self.latency.saturating_record(now.saturating_sub(sent_at));
        }
        if let Some(number) = payload.number {
            self.check(track, number);
        }
    }

    fn check(&mut self, track: &mut Track, number: u64) {
        let (class, number) = (number % self.stride, number / self.stride);
        let class = usize::try_from(class).expect("strides are small");
        if track.next.len() <= class {
            track.next.resize(class + 1, None);
        }
        match track.next[class] {
            Some(next) if number < next => return self.disordered += 1,
            Some(next) => self.missed += number - next,
            None => {}
        }
        track.next[class] = Some(number + 1);
    }
}

/// A connection's place in each sequence of numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Track {
    next: Vec<Option<u64>>,
}

/// Nanoseconds since the Unix epoch.
#[must_use]
pub fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(stride: u64, numbers: &[u64]) -> (u64, u64) {
        let (mut observer, mut track) = (Observer::default().stride(stride), Track::default());
        for &number in numbers {
            observer.see(&mut track, Payload { number: Some(number), sent_at: None }, 0);
        }
        (observer.missed(), observer.disordered())
    }

    #[test]
    fn gaps_and_disorder_are_counted() {
        assert_eq!(numbers(1, &[5, 6, 7]), (0, 0));
        assert_eq!(numbers(1, &[5, 8, 9, 11]), (3, 0));
        assert_eq!(numbers(1, &[5, 6, 6, 5, 7]), (0, 2));
        assert_eq!(numbers(3, &[0, 3, 1, 6, 4, 7, 9]), (0, 0));
        assert_eq!(numbers(3, &[0, 6, 1, 7, 3]), (2, 1));
    }

    #[test]
    fn latency_is_from_stamp_or_schedule() {
        let mut track = Track::default();
        let mut stamped = Observer::new(Timing::Stamped).since(50);
        for sent_at in [Some(49), Some(50), None] {
            stamped.see(&mut track, Payload { sent_at, number: None }, 60);
        }
        assert_eq!((stamped.latency().len(), stamped.latency().max()), (1, 10));

        let mut scheduled = Observer::new(Timing::Scheduled { start: 1_000, interval: 10.0 });
        scheduled.see(&mut track, Payload { sent_at: Some(1), number: Some(3) }, 1_100);
        assert_eq!((scheduled.latency().len(), scheduled.latency().max()), (1, 70));
    }
}
