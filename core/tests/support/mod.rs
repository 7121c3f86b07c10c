//! A client that remembers what it was sent, and holds it against everything that was published.

use std::task::Waker;

use sse_core::{EventId, Filter, Hub, Namespace, Subscription};

/// What one client has got over all its connections.
pub(crate) struct Client {
    pub(crate) filter: Filter,
    pub(crate) subscription: Option<Subscription>,
    /// Bytes of a block whose end has not come yet.
    partial: Vec<u8>,
    /// What `EventSource` would send as `Last-Event-ID`.
    pub(crate) last_event_id: Option<String>,
    pub(crate) notes: Vec<Note>,
}

/// One block of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// The server said where the stream begins: now, or after the id that the client has.
    Opening(u64),
    Event {
        sequence: u64,
        data: String,
    },
    Gap {
        after: u64,
        requested: String,
        reason: String,
    },
}

/// An event as it was published; the first has sequence 1.
pub(crate) type Published = (Namespace, String);

impl Client {
    pub(crate) fn new(filter: Filter) -> Self {
        Self { filter, subscription: None, partial: Vec::new(), last_event_id: None, notes: Vec::new() }
    }

    pub(crate) fn connect(&mut self, hub: &Hub) {
        self.partial.clear();
        let waker = |_: &_| Waker::noop().clone();
        let subscription = hub.subscribe_with(&self.filter, self.last_event_id.as_deref(), waker).unwrap();
        self.subscription = Some(subscription);
    }

    /// Takes up to `most` bytes; gives how many it took.
    pub(crate) fn read(&mut self, most: usize) -> usize {
        let Some(subscription) = &mut self.subscription else { return 0 };
        let chunk = subscription.chunk();
        let n = chunk.len().min(most);
        self.partial.extend_from_slice(&chunk[..n]);
        subscription.advance(n);
        while let Some(end) = self.partial.windows(2).position(|pair| pair == b"\n\n") {
            let rest = self.partial.split_off(end + 2);
            let block = String::from_utf8(std::mem::replace(&mut self.partial, rest)).unwrap();
            self.note(&block);
        }
        n
    }

    /// Reads until there is nothing more.
    pub(crate) fn catch_up(&mut self) {
        while self.read(usize::MAX) > 0 || self.subscription.as_ref().is_some_and(Subscription::is_replaying) {
            #[cfg(loom)]
            loom::thread::yield_now();
        }
    }

    fn note(&mut self, block: &str) {
        let (mut id, mut name, mut data) = (None, "message", None);
        for line in block.lines() {
            match line.split_once(':') {
                Some(("id", value)) => id = Some(value.to_owned()),
                Some(("event", value)) => name = value,
                Some(("data", value)) => data = Some(value.to_owned()),
                None if line.is_empty() => {}
                _ => panic!("an unknown line: {line:?}"),
            }
        }
        let id = id.expect("with history every block has an id");
        let sequence = id.parse::<EventId>().unwrap().sequence;
        self.last_event_id = Some(id);
        self.notes.push(match data {
            None => Note::Opening(sequence),
            Some(data) if name == "gap" => {
                let field = |name: &str| {
                    let value = data.split_once(&format!("\"{name}\":\"")).expect("a gap has all its fields").1;
                    value.split_once('"').unwrap().0.to_owned()
                };
                Note::Gap { after: sequence, requested: field("requested"), reason: field("reason") }
            }
            Some(data) => Note::Event { sequence, data },
        });
    }

    /// The promise: everything that the filter covers, in order, once, from where the server said that the stream
    /// begins; and whatever is left out lies under a gap. `caught_up`: nothing is left to be read either.
    pub(crate) fn check(&self, published: &[Published], caught_up: bool) -> Result<(), String> {
        let next_after = |after: u64| {
            let rest = published.iter().enumerate().skip(after as usize);
            rest.into_iter()
                .find(|(_, (namespace, _))| self.filter.covers(namespace))
                .map(|(index, _)| index as u64 + 1)
        };
        let mut after = None;
        for note in &self.notes {
            match note {
                // A client that comes back is told the place that it asked for.
                Note::Opening(sequence) if after.is_some_and(|after| after != *sequence) => {
                    return Err(format!("{note:?} after {after:?}"));
                }
                Note::Opening(sequence) => after = Some(*sequence),
                Note::Event { sequence, data } => {
                    let due = after.and_then(next_after);
                    if due != Some(*sequence) || published[*sequence as usize - 1].1 != *data {
                        return Err(format!("{note:?} where {due:?} was due, after {after:?}"));
                    }
                    after = Some(*sequence);
                }
                Note::Gap { after: to, requested, .. } => {
                    // It may name a later id than the client's last, if nothing between was for this client.
                    let from = requested.parse::<EventId>().unwrap().sequence;
                    let had = after.unwrap_or(from);
                    if from < had || *to < from || next_after(had).is_some_and(|due| due <= from) {
                        return Err(format!("{note:?} after {after:?}"));
                    }
                    after = Some(*to);
                }
            }
        }
        match after.and_then(next_after) {
            Some(missing) if caught_up => Err(format!("{missing} never came, after {after:?}")),
            _ => Ok(()),
        }
    }
}
