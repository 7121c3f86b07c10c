//! Every subscriber gets exactly what its patterns cover, while others come and go. The model is a list of
//! subscribers, each of which is asked at every event.
//!
//! Each line of the input is a step: `+/a/*,/b` subscribes, `-3` unsubscribes one of those there are, `!/a/b` publishes.

#![no_main]

use std::collections::BTreeSet;
use std::task::Waker;

use libfuzzer_sys::fuzz_target;
use sse_core::{Event, Filter, Hub, HubConfig, Namespace, Pattern, Subscription};
use sse_fuzz::path::{covers, segments};

fuzz_target!(|steps: &str| {
    let hub = Hub::new(HubConfig { queue_events: 1, ..HubConfig::default() });
    let mut readers: Vec<Reader> = Vec::new();
    for step in steps.lines() {
        if let Some(patterns) = step.strip_prefix('+') {
            readers.extend(Reader::subscribe(&hub, patterns));
        } else if let Some(number) = step.strip_prefix('-').and_then(|number| number.parse::<usize>().ok()) {
            if !readers.is_empty() {
                readers.swap_remove(number % readers.len()).check();
            }
        } else if let Some(path) = step.strip_prefix('!') {
            publish(&hub, path, &mut readers);
        }
        let patterns: BTreeSet<&Pattern> = readers.iter().flat_map(|reader| reader.filter.patterns()).collect();
        assert_eq!(hub.channels(), patterns.len());
    }
    readers.into_iter().for_each(Reader::check);
    assert_eq!(hub.channels(), 0);
});

struct Reader {
    filter: Filter,
    subscription: Subscription,
    /// The sequences of its events.
    due: Vec<u64>,
}

impl Reader {
    fn subscribe(hub: &Hub, patterns: &str) -> Option<Reader> {
        let patterns: Vec<Pattern> = patterns.split(',').map(|path| path.parse().ok()).collect::<Option<_>>()?;
        let filter = Filter::any_of(patterns).ok()?;
        let subscription = hub.subscribe(filter.clone(), Waker::noop().clone()).expect("it is within the limits");
        Some(Reader { filter, subscription, due: Vec::new() })
    }

    fn covers(&self, namespace: &[&str]) -> bool {
        let pattern = |pattern: &Pattern| segments(pattern.as_str()).is_some_and(|pattern| covers(&pattern, namespace));
        self.filter.patterns().iter().any(pattern)
    }

    /// Reads everything.
    fn check(mut self) {
        let mut stream = Vec::new();
        while let chunk @ [_, ..] = self.subscription.chunk() {
            let length = chunk.len();
            stream.extend_from_slice(chunk);
            self.subscription.advance(length);
        }
        let expected: String = self.due.iter().map(|sequence| format!("data:{sequence}\n\n")).collect();
        assert_eq!(str::from_utf8(&stream), Ok(&*expected), "{}", self.filter);
        assert_eq!(self.subscription.events_read(), self.due.len() as u64);
        assert_eq!(self.subscription.lag(), 0);
    }
}

/// Publishes the sequence that the event will have.
fn publish(hub: &Hub, path: &str, readers: &mut [Reader]) {
    let sequence = hub.published() + 1;
    let Ok(namespace) = path.parse::<Namespace>() else {
        assert!(hub.publish(&Event::new(path, "")).is_err());
        return;
    };
    let segments: Vec<&str> = namespace.segments().collect();
    let mut concerned = 0;
    for reader in readers.iter_mut().filter(|reader| reader.covers(&segments)) {
        reader.due.push(sequence);
        concerned += 1;
    }
    assert_eq!(hub.subscriptions(&namespace), concerned);
    let id = hub.publish(&Event::new(path, &sequence.to_string())).expect("the namespace is one");
    assert_eq!(id.sequence, sequence);
}
