//! What has happened, counted.

use std::fmt;
use std::sync::Mutex;

use crate::counter::Counter;

#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) connects: Counter,
    pub(crate) exact: Counter,
    pub(crate) gaps: Counter,
    /// Streams that the server has ended, on readers who were too slow.
    pub(crate) cut_off: Counter,
    pub(crate) published: Counter,
    pub(crate) delivered: Counter,
    /// Events that never came where they were due, and no gap was told.
    pub(crate) lost: Counter,
    /// Events that came again, or after a later one.
    pub(crate) doubled: Counter,
    /// Whatever else should not have come.
    pub(crate) wrong: Counter,
    first: Mutex<Option<String>>,
}

impl Tally {
    /// Keeps the first description of what went wrong: it explains what follows.
    pub(crate) fn describe(&self, what: impl FnOnce() -> String) {
        self.first.lock().expect("no one panics with it").get_or_insert_with(what);
    }

    pub(crate) fn first(&self) -> Option<String> {
        self.first.lock().expect("no one panics with it").clone()
    }

    pub(crate) fn is_clean(&self) -> bool {
        [&self.lost, &self.doubled, &self.wrong].iter().all(|counter| counter.get() == 0)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { connects, exact, gaps, cut_off, published, delivered, lost, doubled, wrong, .. } = self;
        write!(
            f,
            "{connects} connects, {exact} exact resumes, {gaps} gaps told, {cut_off} cut off; {published} published, \
             {delivered} delivered, {lost} lost, {doubled} doubled, {wrong} wrong"
        )
    }
}
