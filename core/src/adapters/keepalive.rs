//! When a silent stream gets a comment, so that proxies and clients don't think it dead (WHATWG HTML §9.2.7).
//!
//! ```text
//!   looks        |         |         |         |         |         |      twice a period
//!   events          x   x                            x
//!   comments                         :         :               (:)        where nothing was sent since the look before
//! ```

use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::adapters::timer::{Sleep, Timer};

/// One comment line. No blank line: some clients make an empty event of it.
pub(crate) const COMMENT: &[u8] = b":keepalive\n";

/// Looks at a stream twice a period, and finds it silent if nothing was sent since the look before. So no silence is
/// longer than a period, an event costs no timer, and a stream without events gets one comment a period.
#[derive(Debug)]
pub(crate) struct Keepalive {
    timer: Timer,
    half_period: Duration,
    /// Until the next look. `None`: nobody waits yet.
    sleep: Option<Asleep>,
    silent: bool,
}

/// A [`Sleep`].
struct Asleep(Sleep);

impl Keepalive {
    pub(crate) fn new(timer: Timer, period: Duration) -> Self {
        Self { timer, half_period: period / 2, sleep: None, silent: false }
    }

    /// Something was sent, an event or a comment.
    pub(crate) fn note_sent(&mut self) {
        self.silent = false;
    }

    /// Ready when a comment is to be sent.
    pub(crate) fn poll_silent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Twice at most, even if the timer does not sleep: a stream is silent after the first look.
        loop {
            let Self { timer, half_period, sleep, .. } = self;
            let sleep = sleep.get_or_insert_with(|| Asleep(timer.sleep(*half_period)));
            ready!(sleep.0.as_mut().poll(cx));
            self.sleep = None;
            if std::mem::replace(&mut self.silent, true) {
                return Poll::Ready(());
            }
        }
    }
}

impl std::fmt::Debug for Asleep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asleep")
    }
}
