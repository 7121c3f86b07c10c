//! Makes the events of a plan, when they are due.
//!
//! Events of 16 bytes of data carry their number alone, so that frames have the 23 bytes of the clock example. Their
//! time is known by the schedule; where there is none (publishing as fast as readers read), one in 512 is longer and
//! stamped. Events of 40 bytes and more carry both.

use std::thread;
use std::time::Duration;

use sse_server::load::{Payload, now_ns};

use crate::credit::Credit;
use crate::order::{Pace, Plan, Published};

/// The least data with a time and a number.
const STAMPED_BYTES: usize = 40;

/// One in so many is stamped where data is too short for it.
const STAMP_EVERY: u64 = 512;

/// A publisher that has slept publishes what became due meanwhile: waking up for each of 100,000 events a second
/// would cost more than publishing them.
const NAP: Duration = Duration::from_micros(100);

/// How much longer than planned publishing may take, if the rate is more than the server bears.
const OVERTIME: u64 = 2;

/// Events between two looks at the clock and at the readers.
const BURST: u64 = 64;

/// One publisher thread's part of a plan: every `threads`th number, from its own on.
pub(crate) struct Producer<'a> {
    plan: &'a Plan,
    number: u64,
    data: Vec<u8>,
    short: Vec<u8>,
    /// Frame bytes so far.
    total_bytes: u64,
    published: Published,
}

impl<'a> Producer<'a> {
    pub(crate) fn new(plan: &'a Plan, thread: u64) -> Producer<'a> {
        Producer {
            plan,
            number: thread,
            data: vec![0; plan.data_bytes.max(STAMPED_BYTES)],
            short: vec![0; plan.data_bytes],
            total_bytes: 0,
            published: Published { bytes: vec![0; plan.namespaces.len()], ..Published::default() },
        }
    }

    /// How many events are to be published now, at most a burst.
    pub(crate) fn due(&self, now: u64, credit: &Credit) -> u64 {
        match self.plan.pace {
            Pace::Rate(rate) => {
                let end = now.min(self.plan.start_ns + self.plan.length_ns);
                let due = (end.saturating_sub(self.plan.start_ns) as f64 * rate / 1e9).ceil() as u64;
                due.saturating_sub(self.number).div_ceil(self.plan.threads).min(BURST)
            }
            Pace::Ahead(_) if now < self.plan.start_ns => 0,
            Pace::Ahead(bytes) => {
                let ahead = self.total_bytes.saturating_sub(credit.seen());
                (bytes.saturating_sub(ahead) / self.plan.frame_bytes()).min(BURST)
            }
        }
    }

    /// Whether nothing will be due any more.
    pub(crate) fn is_over(&self, now: u64, credit: &Credit) -> bool {
        if credit.is_stopped() {
            return true;
        }
        let Plan { start_ns, length_ns, .. } = *self.plan;
        match self.plan.pace {
            Pace::Rate(rate) => {
                let planned = self.number as f64 >= length_ns as f64 * rate / 1e9;
                planned || now > start_ns + OVERTIME * length_ns
            }
            Pace::Ahead(_) => now > start_ns + length_ns,
        }
    }

    /// Waits until something may be due.
    pub(crate) fn wait(&self, now: u64, credit: &Credit) {
        match self.plan.pace {
            Pace::Rate(rate) => {
                let due_ns = self.plan.start_ns + (self.number as f64 * 1e9 / rate) as u64;
                thread::sleep(Duration::from_nanos(due_ns.saturating_sub(now)).max(NAP));
            }
            Pace::Ahead(_) => credit.wait(),
        }
    }

    /// The next event: the index of its namespace, and its data.
    pub(crate) fn next(&mut self, now: u64) -> (usize, &[u8]) {
        let number = self.number;
        self.number += self.plan.threads;
        let sent_at = match self.plan.pace {
            Pace::Rate(rate) => self.plan.start_ns + (number as f64 * 1e9 / rate) as u64,
            Pace::Ahead(_) => now,
        };
        let may_be_longer = matches!(self.plan.pace, Pace::Ahead(_)) && number.is_multiple_of(STAMP_EVERY);
        let stamped = self.plan.data_bytes >= STAMPED_BYTES || may_be_longer;
        let data = if stamped { &mut self.data } else { &mut self.short };
        Payload { sent_at: stamped.then_some(sent_at), number: Some(number) }.fill(data);
        let namespace = (number % self.plan.namespaces.len() as u64) as usize;
        let frame_bytes = data.len() as u64 + 7;
        self.total_bytes += frame_bytes;
        self.published.bytes[namespace] += frame_bytes;
        self.published.events += 1;
        (namespace, data)
    }

    pub(crate) fn into_published(self) -> Published {
        self.published
    }

    /// Publishes until the plan is done. `publish` tells the bytes of the id in the event's frame.
    pub(crate) fn run(mut self, credit: &Credit, mut publish: impl FnMut(usize, &[u8]) -> u64) -> Published {
        loop {
            let now = now_ns();
            if self.is_over(now, credit) {
                return self.published;
            }
            let due = self.due(now, credit);
            if due == 0 {
                self.wait(now, credit);
            }
            for _ in 0..due {
                let (namespace, data) = self.next(now);
                let id_bytes = publish(namespace, data);
                self.total_bytes += id_bytes;
                self.published.bytes[namespace] += id_bytes;
            }
        }
    }
}
