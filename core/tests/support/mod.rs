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
    /// It has skipped, and nothing of the gap has come yet. If it skips again, that is the same gap.
    is_owed_a_gap: bool,
    /// A gap has begun, and whether it is one that was owed.
    gap_begun: Option<bool>,
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
        requested: u64,
        oldest: Option<u64>,
        reason: String,
        /// The client had skipped.
        was_owed: bool,
    },
}

/// An event as it was published; the first has sequence 1.
pub(crate) type Published = (Namespace, String);

impl Client {
    pub(crate) fn new(filter: Filter) -> Self {
        let (partial, notes, is_owed_a_gap) = (Vec::new(), Vec::new(), false);
        Self { filter, subscription: None, partial, last_event_id: None, notes, is_owed_a_gap, gap_begun: None }
    }

    pub(crate) fn connect(&mut self, hub: &Hub) {
        self.partial.clear();
        (self.is_owed_a_gap, self.gap_begun) = (false, None);
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
        if self.gap_begun.is_none() && self.partial.starts_with(b"e") {
            self.gap_begun = Some(std::mem::take(&mut self.is_owed_a_gap));
        }
        n
    }

    /// Jumps to the present, if it is connected.
    pub(crate) fn skip(&mut self) {
        if let Some(subscription) = &mut self.subscription {
            subscription.skip();
            self.is_owed_a_gap = true;
        }
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
                    let value = data.split_once(&format!("\"{name}\":")).expect("a gap has all its fields").1;
                    let value = value.strip_prefix('"').and_then(|value| value.split_once('"'));
                    value.map(|(value, _)| value.to_owned())
                };
                let sequence_of = |name: &str| field(name).map(|id| id.parse::<EventId>().unwrap().sequence);
                Note::Gap {
                    after: sequence,
                    requested: sequence_of("requested").expect("with history something is asked for"),
                    oldest: sequence_of("oldest"),
                    reason: field("reason").expect("a gap has a reason"),
                    was_owed: self.gap_begun.take().unwrap_or_else(|| std::mem::take(&mut self.is_owed_a_gap)),
                }
            }
            Some(data) => Note::Event { sequence, data },
        });
    }

    /// The promise: everything that the filter covers, in order, once, from where the server said that the stream
    /// begins; and whatever is left out lies under a gap. A client that skips is told of one gap; one that doesn't,
    /// of none that says so. `caught_up`: nothing is left to be read either.
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
                Note::Gap { after: to, requested: from, oldest, reason, was_owed } => {
                    // It may name a later id than the client's last, if nothing between was for this client.
                    let had = after.unwrap_or(*from);
                    if from < &had || to < from || next_after(had).is_some_and(|due| due <= *from) {
                        return Err(format!("{note:?} after {after:?}"));
                    }
                    // The stream goes on from now for one who has skipped, and else from the oldest: more may have
                    // gone meanwhile.
                    let is_lagged = reason == "lagged";
                    if is_lagged != *was_owed || !is_lagged && oldest.is_some_and(|oldest| oldest <= *to) {
                        return Err(format!("{note:?}, which says something else than what happened"));
                    }
                    after = Some(*to);
                }
            }
        }
        if caught_up && self.is_owed_a_gap {
            return Err("it has skipped, and was not told of the gap".to_owned());
        }
        match after.and_then(next_after) {
            Some(missing) if caught_up => Err(format!("{missing} never came, after {after:?}")),
            _ => Ok(()),
        }
    }
}
