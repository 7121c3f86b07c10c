//! The engine against the simplest model that could be right: one `Vec` of all events, and for each subscriber the rule
//! `Pattern::covers`.

#![cfg(not(loom))]

#[path = "support/starts.rs"]
mod starts;

use std::task::Waker;
use std::time::Duration;

use proptest::prelude::*;
use sse_core::{Event, Filter, Frame, Hub, HubConfig, Namespace, Subscription};
use starts::check_starts;

#[derive(Clone, Debug)]
enum Step {
    Subscribe(String),
    Unsubscribe(usize),
    Publish { namespace: String, name: Option<String>, data: String },
    Read { reader: usize, bytes: usize },
    Tick,
}

fn path(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(names), 0..4).prop_map(|segments| format!("/{}", segments.join("/")))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => path(&["a", "b", "*"]).prop_map(Step::Subscribe),
        1 => any::<usize>().prop_map(Step::Unsubscribe),
        6 => (path(&["a", "b", "c"]), prop::option::of("[a-f ]{0,5}"), "[a-c \r\n]{0,40}")
            .prop_map(|(namespace, name, data)| Step::Publish { namespace, name, data }),
        6 => (any::<usize>(), 0usize..200).prop_map(|(reader, bytes)| Step::Read { reader, bytes }),
        1 => Just(Step::Tick),
    ]
}

/// A subscription, and what it has read.
struct Reader {
    filter: Filter,
    subscription: Subscription,
    read: Vec<u8>,
}

impl Reader {
    fn read(&mut self, most: usize) {
        let chunk = self.subscription.chunk();
        let n = chunk.len().min(most);
        self.read.extend_from_slice(&chunk[..n]);
        self.subscription.advance(n);
    }

    /// Compares all that is public with the model.
    fn check(&self, history: &[(Namespace, Vec<u8>)]) -> Result<(), TestCaseError> {
        let after = &history[self.subscription.starts_after() as usize..];
        let due = after.iter().filter(|(namespace, _)| self.filter.covers(namespace));
        let (mut bytes, mut ends) = (Vec::new(), vec![0]);
        for (_, frame) in due {
            bytes.extend_from_slice(frame);
            ends.push(bytes.len());
        }
        let read = self.read.len();
        prop_assert_eq!(&self.read, &bytes[..read]);
        prop_assert_eq!(self.subscription.bytes_read(), read as u64);
        prop_assert_eq!(self.subscription.lag(), (bytes.len() - read) as u64);
        prop_assert_eq!(self.subscription.at_frame_boundary(), ends.contains(&read));
        prop_assert_eq!(self.subscription.events_read(), ends[1..].iter().filter(|end| **end <= read).count() as u64);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 512 }, ..ProptestConfig::default() })]

    #[test]
    fn every_reader_gets_exactly_its_events(steps in prop::collection::vec(step(), 0..150)) {
        let hub = Hub::new(HubConfig::default());
        let mut history: Vec<(Namespace, Vec<u8>)> = Vec::new();
        let mut readers: Vec<Reader> = Vec::new();
        for step in steps {
            match step {
                Step::Subscribe(path) => {
                    let filter = Filter::parse(&path).unwrap();
                    let subscription = hub.subscribe(filter.clone(), Waker::noop().clone()).unwrap();
                    prop_assert_eq!(subscription.starts_after(), history.len() as u64);
                    readers.push(Reader { filter, subscription, read: Vec::new() });
                }
                Step::Unsubscribe(index) if !readers.is_empty() => {
                    readers.swap_remove(index % readers.len());
                }
                Step::Publish { namespace, name, data } => {
                    let place = Namespace::parse(&namespace).unwrap();
                    let covering = readers.iter().filter(|reader| reader.filter.covers(&place));
                    prop_assert_eq!(hub.subscriptions(&place), covering.count());
                    let event = Event::new(&namespace, &data);
                    let event = name.iter().fold(event, |event, name| event.named(name));
                    let id = hub.publish(&event).unwrap();
                    let frame = Frame::encode(name.as_deref(), data.as_bytes()).unwrap();
                    history.push((place, frame.as_bytes().to_vec()));
                    prop_assert_eq!(id.sequence, history.len() as u64);
                }
                Step::Read { reader, bytes } if !readers.is_empty() => {
                    let index = reader % readers.len();
                    readers[index].read(bytes);
                }
                Step::Tick => hub.tick(Duration::ZERO),
                Step::Unsubscribe(_) | Step::Read { .. } => {}
            }
            for reader in &readers {
                reader.check(&history)?;
            }
            check_starts(readers.iter_mut().map(|reader| &mut reader.subscription))?;
        }
        for reader in &mut readers {
            while !reader.subscription.chunk().is_empty() {
                reader.read(usize::MAX);
            }
            prop_assert_eq!(reader.subscription.lag(), 0);
            reader.check(&history)?;
        }
        readers.clear();
        prop_assert_eq!(hub.channels(), 0);
    }
}
