//! Subscriptions as streams against the simplest model, one `Vec` of all events: readers that stall, park, keep the
//! bytes they were given, or leave. Each gets its events once and in order, bytes that are kept stay as they were,
//! and who waits is woken.

#![cfg(all(not(loom), feature = "stream"))]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use futures_core::Stream;
use proptest::prelude::*;
use sse_core::{Event, EventStream, Filter, Hub, HubConfig, Namespace, Pattern, Subscription};

const PATHS: [&str; 5] = ["/", "/a", "/b", "/a/x", "/*/x"];

#[derive(Clone, Debug)]
enum Step {
    Publish {
        path: &'static str,
        length: usize,
    },
    Subscribe {
        paths: Vec<&'static str>,
        is_body: bool,
    },
    /// With the id of one of the events so far, where there are ids.
    Return {
        paths: Vec<&'static str>,
        is_body: bool,
        after: usize,
    },
    Poll {
        reader: usize,
        times: usize,
    },
    /// Drops some of the bytes that a reader keeps.
    Forget(usize),
    Park(usize),
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let paths = || prop::collection::vec(prop::sample::select(&PATHS[..]), 1..3);
    prop_oneof![
        12 => (prop::sample::select(&["/", "/a", "/b", "/a/x", "/b/x", "/c"][..]), 0usize..60)
            .prop_map(|(path, length)| Step::Publish { path, length }),
        2 => (paths(), any::<bool>()).prop_map(|(paths, is_body)| Step::Subscribe { paths, is_body }),
        1 => (paths(), any::<bool>(), any::<usize>())
            .prop_map(|(paths, is_body, after)| Step::Return { paths, is_body, after }),
        8 => (any::<usize>(), 1usize..5).prop_map(|(reader, times)| Step::Poll { reader, times }),
        1 => any::<usize>().prop_map(Step::Forget),
        1 => any::<usize>().prop_map(Step::Park),
        1 => any::<usize>().prop_map(Step::Leave),
    ]
}

/// What the streams of this crate are.
enum Source {
    Plain(Subscription),
    Body(EventStream),
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed); // one thread
    }
}

/// A stream, and what it has given.
struct Reader {
    filter: Filter,
    source: Source,
    /// It reads events after this one.
    starts_after: usize,
    /// What comes before the events.
    opening: String,
    read: Vec<u8>,
    /// Pieces, and where they are in what was read.
    kept: Vec<(Bytes, usize)>,
    flag: Arc<Flag>,
    /// The last poll found nothing.
    is_waiting: bool,
}

impl Reader {
    fn new(hub: &Hub, paths: &[&str], is_body: bool, after: Option<usize>, now: usize) -> Self {
        let filter = Filter::any_of(paths.iter().map(|path| Pattern::parse(path).unwrap())).unwrap();
        let id = after.map(|after| format!("e-{after}"));
        let subscription = hub.subscribe_with(&filter, id.as_deref(), |_| Waker::noop().clone()).unwrap();
        let starts_after = after.unwrap_or(now);
        let opening = match (subscription.has_opening(), is_body) {
            (true, _) => format!("id:e-{starts_after}\n\n"),
            (false, true) => ":\n".to_owned(),
            (false, false) => String::new(),
        };
        let source = match is_body {
            true => Source::Body(EventStream::new(subscription)),
            false => Source::Plain(subscription),
        };
        let (read, kept, flag) = (Vec::new(), Vec::new(), Arc::new(Flag(AtomicBool::new(false))));
        Self { filter, source, starts_after, opening, read, kept, flag, is_waiting: false }
    }

    /// Takes the next piece, and keeps it; `Ready(false)` at the end.
    fn poll(&mut self) -> Poll<bool> {
        self.flag.0.store(false, Ordering::Relaxed); // one thread
        let waker = Waker::from(self.flag.clone());
        let mut cx = Context::from_waker(&waker);
        let piece = match &mut self.source {
            Source::Plain(subscription) => Pin::new(subscription).poll_next(&mut cx),
            Source::Body(body) => Pin::new(body).poll_next(&mut cx).map(|piece| piece.map(|Ok(bytes)| bytes)),
        };
        self.is_waiting = piece.is_pending();
        piece
            .map(|piece| {
                let piece = piece?;
                self.kept.push((piece.clone(), self.read.len()));
                self.read.extend_from_slice(&piece);
                Some(())
            })
            .map(|piece| piece.is_some())
    }

    /// All that it is to get, with the events so far.
    fn due(&self, events: &[(Namespace, String)]) -> String {
        let events = events[self.starts_after..].iter().filter(|(namespace, _)| self.filter.covers(namespace));
        self.opening.clone() + &events.map(|(_, frame)| frame.as_str()).collect::<String>()
    }

    fn check(&self, events: &[(Namespace, String)]) -> Result<(), TestCaseError> {
        let due = self.due(events);
        prop_assert!(due.as_bytes().starts_with(&self.read), "{:?} of {due:?}", String::from_utf8_lossy(&self.read));
        for (piece, at) in &self.kept {
            prop_assert_eq!(&piece[..], &self.read[*at..at + piece.len()]);
            prop_assert!(piece.ends_with(b"\n\n") || &piece[..] == b":\n", "not whole frames: {:?}", piece);
        }
        let is_awake = !self.is_waiting || self.flag.0.load(Ordering::Relaxed); // one thread
        prop_assert!(is_awake || due.len() == self.read.len(), "asleep with something to read");
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 512 }, ..ProptestConfig::default() })]

    /// The history has room for all events, and the logs beside it have not: what they let go of comes from there.
    #[test]
    fn a_stream_gives_each_event_once_and_in_order(
        history_bytes in prop_oneof![Just(0), Just(64 << 10)],
        steps in prop::collection::vec(step(), 0..400),
    ) {
        let hub = Hub::new(HubConfig { epoch: Some(0xe), history_bytes, ..HubConfig::default() });
        let mut events: Vec<(Namespace, String)> = Vec::new();
        let mut readers: Vec<Reader> = Vec::new();
        for step in steps {
            let count = readers.len().max(1);
            match step {
                Step::Publish { path, length } => {
                    let number = events.len() + 1;
                    let data = format!("{number}{}", "x".repeat(length));
                    hub.publish(&Event::new(path, &data)).unwrap();
                    let id = if history_bytes > 0 { format!("id:e-{number}\n") } else { String::new() };
                    events.push((Namespace::parse(path).unwrap(), format!("data:{data}\n{id}\n")));
                }
                Step::Subscribe { paths, is_body } => {
                    readers.push(Reader::new(&hub, &paths, is_body, None, events.len()));
                }
                Step::Return { paths, is_body, after } => {
                    let after = (history_bytes > 0).then(|| after % (events.len() + 1));
                    readers.push(Reader::new(&hub, &paths, is_body, after, events.len()));
                }
                Step::Leave(reader) if !readers.is_empty() => drop(readers.swap_remove(reader % count)),
                Step::Poll { reader, .. } | Step::Forget(reader) | Step::Park(reader) | Step::Leave(reader) => {
                    let Some(reader) = readers.get_mut(reader % count) else { continue };
                    match (step, &mut reader.source) {
                        (Step::Poll { times, .. }, _) => for _ in 0..times {
                            prop_assert_ne!(reader.poll(), Poll::Ready(false), "ended, and the hub is open");
                        },
                        (Step::Forget(number), _) => reader.kept.truncate(number % (reader.kept.len() + 1)),
                        (Step::Park(_), Source::Plain(subscription)) => {
                            subscription.park();
                            // A reader that is parked asks again by itself.
                            reader.is_waiting = false;
                        }
                        _ => {}
                    }
                }
            }
            for reader in &readers {
                reader.check(&events)?;
            }
        }
        hub.close();
        for reader in &mut readers {
            let due = reader.due(&events);
            while reader.poll() != Poll::Ready(false) {
                prop_assert!(reader.read.len() <= due.len(), "something came twice");
                prop_assert!(!reader.is_waiting || reader.flag.0.load(Ordering::Relaxed), "asleep before the end");
            }
            prop_assert_eq!(String::from_utf8_lossy(&reader.read), due);
            reader.check(&events)?;
        }
    }
}

/// The slice of the history that is looked at has nothing for the reader, which goes on in the log at once.
#[test]
fn who_comes_from_the_history_is_woken() {
    let hub = Hub::new(HubConfig { epoch: Some(0xe), history_bytes: 64 << 10, ..HubConfig::default() });
    for is_body in [false, true] {
        let now = hub.publish(&Event::new("/b", "1")).unwrap().sequence as usize;
        let mut reader = Reader::new(&hub, &["/a"], is_body, Some(now - 1), now);
        hub.publish(&Event::new("/b", "2")).unwrap();
        assert_eq!(reader.poll(), Poll::Ready(true), "the opening");
        while reader.poll().is_pending() && reader.flag.0.load(Ordering::Relaxed) {}
        assert!(reader.is_waiting);
        hub.publish(&Event::new("/a", "3")).unwrap();
        assert!(reader.flag.0.load(Ordering::Relaxed), "asleep with something to read");
    }
}
