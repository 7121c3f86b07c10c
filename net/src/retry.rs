//! When clients whose stream has ended come back: each at a time of its own.

use std::time::Duration;

/// Some clients read the number as an `i32`.
const MOST_MS: u128 = i32::MAX as u128;

/// The line that tells a client how long to wait before it reconnects (WHATWG HTML §9.2.6): between half of `mean` and
/// one and a half of it, drawn anew each time, in whole milliseconds. It counts as soon as it is read, before its block
/// has ended.
pub(crate) fn retry_line(mean: Duration) -> String {
    let wait = mean.mul_f64(0.5 + fastrand::f64());
    // Zero would make browsers wait for a time of their own choice.
    format!("retry:{}\n", wait.as_millis().clamp(1, MOST_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_spread_around_the_mean() {
        let draw = || retry_line(Duration::from_secs(2)).strip_prefix("retry:").unwrap().trim_end().parse().unwrap();
        let waits: Vec<u64> = std::iter::repeat_with(draw).take(1000).collect();
        assert!(waits.iter().all(|wait| (1000..=3000).contains(wait)));
        assert!(waits.iter().any(|wait| *wait < 1500) && waits.iter().any(|wait| *wait > 2500));
        assert_eq!(retry_line(Duration::from_nanos(1)), "retry:1\n");
        assert_eq!(retry_line(Duration::from_secs(1 << 32)), "retry:2147483647\n");
    }
}
