//! What is known of the server at any time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What is known of the server at any time.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(super) node: String,
    pub(super) started: Instant,
    started_unix: Duration,
}

impl Facts {
    pub(crate) fn now() -> Facts {
        Facts {
            node: gethostname::gethostname().to_string_lossy().into_owned(),
            started: Instant::now(),
            started_unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }

    /// Unix time, moving steadily from that of the start however the system's clock is set meanwhile.
    pub(super) fn unix_secs(&self, at: Instant) -> u64 {
        (self.started_unix + at.saturating_duration_since(self.started)).as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_unix_seconds() {
        let facts = Facts::now();
        let later = facts.started + Duration::from_secs(90);
        assert_eq!(facts.unix_secs(later), (facts.started_unix + Duration::from_secs(90)).as_secs());
        assert!(facts.unix_secs(facts.started) > 1_700_000_000);
    }
}
