//! Work too long for an event loop, done piece by piece on a thread of its own.
//!
//! A body of a mebibyte holds some 40,000 events. To read and publish them takes some 20 ms, in which an event loop would serve
//! nobody; and the engine, whose turns are bounded, delivers in between.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// Jobs, done one after another: however many batches come at once, they take one thread, and the memory of one. The thread
/// is there while there are any.
#[derive(Clone, Default)]
pub(crate) struct Batches(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// A thread is there, and looks for the next job before it ends.
    is_served: bool,
}

impl Batches {
    /// Does this after all that has been handed over before.
    pub(crate) fn push(&self, job: impl FnOnce() + Send + 'static) {
        let mut queue = self.queue();
        queue.jobs.push_back(Box::new(job));
        if std::mem::replace(&mut queue.is_served, true) {
            return;
        }
        drop(queue);
        let batches = self.clone();
        let thread = thread::Builder::new().name("batches".to_owned()).spawn(move || batches.serve());
        if let Err(error) = thread {
            tracing::error!(%error, "no thread to publish batches: an event loop does");
            self.serve();
        }
    }

    fn serve(&self) {
        while let Some(job) = self.next() {
            // Its responder is dropped then, which answers.
            if panic::catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("a batch panicked");
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.queue();
        let job = queue.jobs.pop_front();
        queue.is_served = job.is_some();
        if !queue.is_served {
            queue.jobs = VecDeque::new();
        }
        job
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("waiting", &self.queue().jobs.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn jobs_are_done_elsewhere_one_after_another() {
        let batches = Batches::default();
        let (sender, done) = channel();
        for number in 0..100 {
            let sender = sender.clone();
            batches.push(move || sender.send((number, thread::current().id())).unwrap());
        }
        drop(sender);
        let done: Vec<_> = done.iter().collect();
        assert_eq!(done.iter().map(|&(number, _)| number).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
        assert!(done.iter().all(|&(_, thread)| thread != thread::current().id()));
    }

    #[test]
    fn a_panic_stops_no_other() {
        let batches = Batches::default();
        let (sender, done) = channel();
        batches.push(|| panic!("as asked"));
        batches.push(move || sender.send(()).unwrap());
        done.recv().unwrap();
    }
}
