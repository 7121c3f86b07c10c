//! Real threads: publishers, readers that come and go, ticks. Each reader gets exactly what its position promises, and
//! all agree on one order.

#![cfg(not(loom))]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use sse_core::{Event, Filter, Hub, HubConfig, Subscription};

const PUBLISHERS: usize = 3;
const EVENTS: usize = if cfg!(miri) { 20 } else { 20_000 };
const READERS: usize = if cfg!(miri) { 2 } else { 4 };
/// Times that each reader leaves in the midst, and how much it reads at least before it does.
const SESSIONS: usize = 3;
const SESSION_BYTES: usize = if cfg!(miri) { 50 } else { 4_000 };
/// Publishers go on until the readers have come so often, but not for ever: a hub that gives nothing fails.
const MOST_EVENTS: usize = 50 * EVENTS;
const PATTERNS: [&str; 4] = ["/", "/0", "/*", "/0/a"];

/// Takes all there is to read; each event's data is `publisher-number`.
fn drain(subscription: &mut Subscription, into: &mut Vec<u8>) {
    loop {
        let chunk = subscription.chunk();
        if chunk.is_empty() {
            return;
        }
        into.extend_from_slice(chunk);
        let length = chunk.len();
        subscription.advance(length);
    }
}

fn events(bytes: &[u8]) -> Vec<&str> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.split_terminator("\n\n").map(|frame| frame.strip_prefix("data:").unwrap()).collect()
}

#[test]
fn all_readers_agree_with_the_order_of_ids() {
    let hub = Hub::new(HubConfig { queue_events: 64, ..HubConfig::default() });
    let published = Mutex::new(Vec::new());
    let (published_all, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let sessions = Mutex::new(Vec::new());
    // Readers that have yet to come and go.
    let coming = AtomicUsize::new(READERS);
    thread::scope(|scope| {
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|publisher| {
                let (hub, published, coming) = (&hub, &published, &coming);
                scope.spawn(move || {
                    let mut mine = Vec::with_capacity(EVENTS);
                    for number in 0..MOST_EVENTS {
                        if number >= EVENTS {
                            // Relaxed: it only says when there have been enough events.
                            if coming.load(Ordering::Relaxed) == 0 {
                                break;
                            }
                            thread::yield_now();
                        }
                        let path = format!("/{publisher}/{}", ["a", "b"][number % 2]);
                        let data = format!("{publisher}-{number}");
                        let id = hub.publish(&Event::new(&path, &data)).unwrap();
                        mine.push((id.sequence, path, data));
                    }
                    published.lock().unwrap().append(&mut mine);
                })
            })
            .collect();
        for reader in 0..READERS {
            let (hub, done, sessions, coming) = (&hub, &done, &sessions, &coming);
            scope.spawn(move || {
                let path = PATTERNS[reader % PATTERNS.len()];
                let mut finished = false;
                for session in 1.. {
                    let mut subscription = hub.subscribe(Filter::parse(path).unwrap(), Waker::noop().clone()).unwrap();
                    let mut bytes = Vec::new();
                    // A session of some length, and then another; the last one reads to the end.
                    while bytes.len() < SESSION_BYTES && !finished {
                        // Acquire: with the release after the publishers; nothing comes after what is read then.
                        finished = done.load(Ordering::Acquire);
                        drain(&mut subscription, &mut bytes);
                        thread::yield_now();
                    }
                    sessions.lock().unwrap().push((reader, subscription.starts_after(), bytes, finished));
                    if finished {
                        break;
                    }
                    if session == SESSIONS {
                        coming.fetch_sub(1, Ordering::Relaxed); // as above
                    }
                }
            });
        }
        let ticker = scope.spawn(|| {
            while !published_all.load(Ordering::Acquire) {
                hub.tick(Duration::ZERO);
                thread::yield_now();
            }
        });
        for publisher in publishers {
            publisher.join().unwrap();
        }
        // A tick may be at delivering what was published last: all is delivered when it has come back, too.
        published_all.store(true, Ordering::Release); // with the load above
        ticker.join().unwrap();
        done.store(true, Ordering::Release); // with the readers' loads
    });
    let mut published = published.into_inner().unwrap();
    published.sort();
    assert!(published.iter().map(|(sequence, ..)| *sequence).eq(1..=published.len() as u64));
    let sessions = sessions.into_inner().unwrap();
    // In the midst: others publish until each reader has come so often.
    let in_the_midst = sessions.iter().filter(|(.., whole)| !whole).count();
    assert!(in_the_midst >= READERS * SESSIONS, "only {in_the_midst} sessions while events were published");
    let mut seen_through = [0; READERS];
    for (reader, starts_after, bytes, whole) in &sessions {
        let (path, starts_after) = (PATTERNS[reader % PATTERNS.len()], *starts_after);
        assert!(starts_after >= seen_through[*reader], "who comes again begins after all that it has seen");
        let filter = Filter::parse(path).unwrap();
        let after = &published[starts_after as usize..];
        let due = after.iter().filter(|(_, path, _)| filter.covers(&sse_core::Namespace::parse(path).unwrap()));
        let (sequences, due): (Vec<u64>, Vec<_>) = due.map(|(sequence, _, data)| (sequence, data.as_str())).unzip();
        let read = events(bytes);
        assert_eq!(read, due[..read.len()], "{path} after {starts_after}");
        seen_through[*reader] = sequences[..read.len()].last().copied().unwrap_or(starts_after);
        assert!(!whole || read.len() == due.len(), "{path} after {starts_after}: {} of {}", read.len(), due.len());
    }
    assert_eq!(hub.channels(), 0);
}

/// The driver sleeps until it is woken: nothing else comes for what the publishers' turns have left.
#[test]
fn a_driver_goes_on_with_what_a_turn_leaves() {
    const MANY: usize = if cfg!(miri) { 1_100 } else { 50_000 };
    /// Nothing waits for this: it only ends a test that has failed already.
    const PATIENCE: Duration = Duration::from_secs(60);
    let hub = Hub::new(HubConfig::default());
    let mut reader = hub.subscribe(Filter::parse("/a").unwrap(), Waker::noop().clone()).unwrap();
    let done = AtomicBool::new(false);
    let mut bytes = Vec::new();
    thread::scope(|scope| {
        let (hub, done) = (&hub, &done);
        let driving = scope.spawn(move || {
            let _driver = hub.drive(Waker::from(Arc::new(Unpark(thread::current()))));
            // Acquire: with the release below. An unpark before the park makes it return at once.
            while !done.load(Ordering::Acquire) {
                thread::park();
                while hub.drain() {}
            }
        });
        let publishers: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| (0..MANY).for_each(|_| _ = hub.publish(&Event::new("/a", "x")).unwrap())))
            .collect();
        publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
        let begun = Instant::now();
        while bytes.len() < 2 * MANY * "data:x\n\n".len() && begun.elapsed() < PATIENCE {
            drain(&mut reader, &mut bytes);
            thread::yield_now();
        }
        done.store(true, Ordering::Release); // with the load above
        driving.thread().unpark();
    });
    assert_eq!(events(&bytes).len(), 2 * MANY);
}

/// Wakes its thread.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
