//! When clients whose stream has ended come back: each at a time of its own.

use std::time::Duration;

/// The block that tells a client how long to wait before it reconnects (WHATWG HTML §9.2.6): between half of `mean` and
/// one and a half of it, drawn anew each time, in whole milliseconds.
pub(crate) fn retry_block(mean: Duration) -> String {
    let wait = mean.mul_f64(0.5 + fastrand::f64());
    // Zero would make browsers wait for a time of their own choice.
    format!("retry:{}\n\n", wait.as_millis().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_spread_around_the_mean() {
        let draw = || retry_block(Duration::from_secs(2)).strip_prefix("retry:").unwrap().trim_end().parse().unwrap();
        let waits: Vec<u64> = std::iter::repeat_with(draw).take(1000).collect();
        assert!(waits.iter().all(|wait| (1000..=3000).contains(wait)));
        assert!(waits.iter().any(|wait| *wait < 1500) && waits.iter().any(|wait| *wait > 2500));
        assert_eq!(retry_block(Duration::from_nanos(1)), "retry:1\n\n");
    }
}
