//! Which messages are published, and when: number n is due at start + n × interval, late or not.
//!
//! This file is also a part of the axum peer's program: it needs nothing but std.

use std::fmt;
use std::str::FromStr;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A publisher that has slept publishes what became due meanwhile: waking up for each of 100,000 messages a second
/// would cost more than publishing them.
const NAP: Duration = Duration::from_micros(100);

/// How much longer than planned publishing may take, if the rate is more than the server bears.
const OVERTIME: f64 = 2.0;

/// What to publish. Its text is `COUNT INTERVAL_NS START_NS`, the start since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) count: u64,
    pub(crate) interval_ns: f64,
    pub(crate) start_ns: u64,
}

impl Plan {
    /// When this message is due.
    pub(crate) fn due_ns(&self, number: u64) -> u64 {
        self.start_ns + (number as f64 * self.interval_ns) as u64
    }

    /// Publishes every `lanes`th message from number `lane` on, when it is due. Gives how many of them it published,
    /// which are fewer than planned if overtime is over or `publish` says false.
    pub(crate) fn carry_out(&self, lane: u64, lanes: u64, mut publish: impl FnMut(u64) -> bool) -> u64 {
        let give_up_ns = self.start_ns + (self.count as f64 * self.interval_ns * OVERTIME) as u64;
        let (mut number, mut published, mut now) = (lane, 0, now_ns());
        while number < self.count && now < give_up_ns {
            let due_ns = self.due_ns(number);
            if due_ns > now {
                thread::sleep(Duration::from_nanos(due_ns - now).max(NAP));
            } else if publish(number) {
                number += lanes;
                published += 1;
            } else {
                break;
            }
            now = now_ns();
        }
        published
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.count, self.interval_ns, self.start_ns)
    }
}

impl FromStr for Plan {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Plan, Self::Err> {
        let mut words = text.split(' ');
        let mut word = || words.next().ok_or("a plan has three numbers");
        Ok(Plan {
            count: word()?.parse().map_err(|_| "a plan's count is a whole number")?,
            interval_ns: word()?.parse().map_err(|_| "a plan's interval is a number")?,
            start_ns: word()?.parse().map_err(|_| "a plan's start is a whole number")?,
        })
    }
}

/// The 16 bytes that say which message it is. Its time is known by the plan.
pub(crate) fn payload(number: u64) -> String {
    format!("n={number:014}")
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
