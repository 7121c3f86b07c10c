//! When a silent stream gets a comment, so that proxies and clients don't think it dead (WHATWG HTML §9.2.7).

use std::time::Duration;

use crate::timers::TICK;

/// How often a stream's silence is looked at, in ticks, for a keepalive period.
///
/// Each stream has a phase of its own, drawn once, and is looked at twice a period. It gets a comment if it has been
/// silent for longer than half a period. So the silence is never longer than a period: if it was half of one or less
/// at the last look, then at this one it is a whole one at most. And whatever all streams have in common, such as an
/// event that went to everyone, their comments stay as spread as their phases.
pub(crate) fn keepalive_ticks(period: Duration) -> u64 {
    let ticks = period.as_nanos() / TICK.as_nanos();
    // A tick less, for a timer fires up to a tick late.
    u64::try_from(ticks.saturating_sub(1) / 2).unwrap_or(u64::MAX).max(1)
}

/// Whether a stream is to get a comment at a look that was due at `tick`.
pub(crate) fn is_silent(tick: u64, active_at: u64, keepalive_ticks: u64) -> bool {
    tick.saturating_sub(active_at) > keepalive_ticks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Simulated: whatever the phase and whenever frames are sent, no silence is longer than a period, and a
        /// stream without frames gets one comment a period.
        #[test]
        fn silence_has_an_end(phase in 1u64..=10, pauses in prop::collection::vec(0u64..60, 0..50)) {
            let ticks = 10;
            let (mut look, mut active_at, mut now, mut comments) = (phase, 0, 0, 0);
            for pause in pauses.into_iter().chain([1000]) {
                now += pause;
                while look <= now {
                    if is_silent(look, active_at, ticks) {
                        prop_assert!(look - active_at <= 2 * ticks);
                        active_at = look;
                        comments += 1;
                    }
                    look += ticks;
                }
                prop_assert!(now - active_at <= 2 * ticks);
                active_at = now;
            }
            prop_assert!((49..=now / ticks).contains(&comments), "{comments} comments in {now}");
        }
    }

    #[test]
    fn two_looks_fit_in_a_period() {
        for period in [15_000, 1_000, 100, 49] {
            let period = Duration::from_millis(period);
            let ticks = u32::try_from(keepalive_ticks(period)).unwrap();
            assert!(TICK * (2 * ticks + 1) <= period, "{period:?}: {ticks}");
        }
        assert_eq!(keepalive_ticks(Duration::ZERO), 1);
    }
}
