//! Waiting as a plain thread does. The one file of this crate that blocks a thread and reads the clock, and only when
//! its caller asks for it.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use crate::reading::ready::Ready;
use crate::reading::subscription::Subscription;

/// What a wait has ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Waited {
    /// There is something to read.
    Ready,
    /// The deadline has passed, and there is nothing to read.
    TimedOut,
    /// All is read, and nothing more will come: see [`Ready::Ended`].
    Ended,
}

impl Subscription {
    /// Blocks this thread until there is a [`chunk`](Self::chunk) to read, the deadline has passed, or the hub has
    /// ended. Without a deadline it waits for as long as that takes.
    ///
    /// From now on the subscription wakes this thread in place of its waker. Other subscriptions for which the same
    /// thread waits are no hindrance: what wakes it for them makes it look here once more.
    ///
    /// ```
    /// # use sse_core::{Event, Filter, Hub, HubConfig, Waited};
    /// # use std::task::Waker;
    /// # use std::thread;
    /// let hub = Hub::new(HubConfig::default());
    /// let mut subscription = hub.subscribe(Filter::parse("/pets")?, Waker::noop().clone())?;
    /// let reader = thread::spawn(move || {
    ///     let mut socket = Vec::new();
    ///     while subscription.wait(None) == Waited::Ready {
    ///         let length = subscription.chunk().len();
    ///         socket.extend_from_slice(subscription.chunk());
    ///         subscription.advance(length);
    ///     }
    ///     socket
    /// });
    /// hub.publish(&Event::new("/pets/dogs", "Corgi"))?;
    /// hub.publish(&Event::new("/pets/cats", "Manx"))?;
    /// hub.close();
    /// assert_eq!(reader.join().unwrap(), b"data:Corgi\n\ndata:Manx\n\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(&mut self, deadline: Option<Instant>) -> Waited {
        // Asked again below, a reader may have come from the history to the logs, where it waits.
        if matches!(self.ready(), Ready::Again | Ready::Wait) {
            THIS_THREAD.with(|waker| self.set_waker(waker));
        }
        loop {
            let waits = match self.ready() {
                Ready::Bytes(_) => return Waited::Ready,
                Ready::Ended => return Waited::Ended,
                Ready::Again => false,
                Ready::Wait => true,
            };
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match left {
                Some(left) if left.is_zero() => return Waited::TimedOut,
                _ if !waits => {}
                Some(left) => thread::park_timeout(left),
                None => thread::park(),
            }
        }
    }
}

thread_local! {
    /// One for all waits of a thread, so that a wait finds it in its place.
    static THIS_THREAD: Waker = Waker::from(Arc::new(Unpark(thread::current())));
}

/// Wakes a thread that is parked, or keeps it from being parked once.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::config::HubConfig;
    use crate::events::event::Event;
    use crate::hub::Hub;
    use crate::names::filter::Filter;

    /// Only a test that fails uses it up.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn subscribe(hub: &Hub, last_event_id: Option<&str>) -> Subscription {
        hub.subscribe_with(&Filter::parse("/a").unwrap(), last_event_id, |_| Waker::noop().clone()).unwrap()
    }

    /// Takes all that is there.
    fn read(subscription: &mut Subscription) -> Vec<u8> {
        let mut read = Vec::new();
        while !subscription.chunk().is_empty() {
            let chunk = subscription.chunk().to_vec();
            subscription.advance(chunk.len());
            read.extend(chunk);
        }
        read
    }

    #[test]
    fn a_thread_is_woken_for_each_event_and_for_the_end() {
        let hub = Hub::new(HubConfig::default());
        let mut subscription = subscribe(&hub, None);
        let (sender, read_so_far) = mpsc::channel();
        let reader = thread::spawn(move || {
            while subscription.wait(None) == Waited::Ready {
                sender.send(read(&mut subscription)).unwrap();
            }
            subscription.has_ended()
        });
        for number in 0..100 {
            hub.publish(&Event::new("/a", &number.to_string())).unwrap();
            assert_eq!(read_so_far.recv_timeout(PATIENCE).expect("woken"), format!("data:{number}\n\n").as_bytes());
        }
        hub.close();
        assert_eq!(read_so_far.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected), "woken");
        assert!(reader.join().unwrap());
    }

    #[test]
    fn a_deadline_that_has_passed_is_no_wait_and_what_is_there_comes_first() {
        let hub = Hub::new(HubConfig::default());
        let mut subscription = subscribe(&hub, None);
        let passed = Some(Instant::now());
        assert_eq!(subscription.wait(passed), Waited::TimedOut);
        assert_eq!(subscription.wait(Some(Instant::now() + Duration::from_millis(1))), Waited::TimedOut);
        hub.publish(&Event::new("/a", "x")).unwrap();
        hub.close();
        assert_eq!(subscription.wait(passed), Waited::Ready);
        assert_eq!(read(&mut subscription), b"data:x\n\n");
        assert_eq!(subscription.wait(passed), Waited::Ended);
    }

    #[test]
    fn a_reader_that_replays_does_not_wait_to_be_woken() {
        let hub = Hub::new(HubConfig { epoch: Some(0), history_bytes: 1 << 20, ..HubConfig::default() });
        hub.publish(&Event::new("/a", "x")).unwrap();
        // Slices of these have nothing for the reader.
        for _ in 0..10_000 {
            hub.publish(&Event::new("/b", "y")).unwrap();
        }
        hub.publish(&Event::new("/a", "z")).unwrap();
        let mut subscription = subscribe(&hub, Some("0-0"));
        let mut all = Vec::new();
        while !all.ends_with(b"id:0-10002\n\n") {
            assert_eq!(subscription.wait(None), Waited::Ready);
            all.extend(read(&mut subscription));
        }
        assert_eq!(all, b"id:0-0\n\ndata:x\nid:0-1\n\ndata:z\nid:0-10002\n\n");
        assert_eq!(subscription.wait(Some(Instant::now())), Waited::TimedOut);
    }

    /// The slice of the history that is looked at has nothing for the reader, which goes on in the log at once.
    #[test]
    fn who_comes_from_the_history_is_woken() {
        let hub = Hub::new(HubConfig { epoch: Some(0), history_bytes: 1 << 20, ..HubConfig::default() });
        hub.publish(&Event::new("/b", "1")).unwrap();
        let mut subscription = subscribe(&hub, Some("0-0"));
        hub.publish(&Event::new("/b", "2")).unwrap();
        let opening = subscription.chunk().len();
        subscription.advance(opening);
        assert_eq!(subscription.wait(Some(Instant::now())), Waited::TimedOut);
        let begun = Instant::now();
        hub.publish(&Event::new("/a", "4")).unwrap();
        thread::park_timeout(PATIENCE);
        assert!(begun.elapsed() < PATIENCE, "asleep with something to read");
        assert_eq!(subscription.wait(None), Waited::Ready);
    }
}
