//! The promise, held against all that was published: a reader gets each event that its filter covers, in order, once,
//! with its bytes; and whatever is left out lies under a gap that it is told of, for a reason that there is.

use std::sync::Arc;

use serde::Deserialize;
use sse_server::EventId;

use crate::events::Wish;
use crate::life::{Forgets, Life};
use crate::stream::{Begins, Block};
use crate::wire::Wire;
use crate::world::World;

/// Events that may be published and not be delivered yet: who begins with what is new may get these. The hub's queue has
/// room for half as many.
const UNDER_WAY: u64 = 1 << 13;

/// What a reader has been given so far, and what is due to it.
pub(crate) struct Promise {
    covered: Vec<bool>,
    is_skipped: bool,
    /// None: nothing yet.
    place: Option<Place>,
}

/// Everything covered through a sequence of a life was given, or told as missing.
struct Place {
    life: Arc<Life>,
    after: u64,
}

/// The data of an event `gap`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gap {
    requested: String,
    oldest: Option<String>,
    reason: String,
}

impl Promise {
    pub(crate) fn new(wish: &Wish) -> Promise {
        Promise { covered: wish.covered(), is_skipped: wish.is_skipped(), place: None }
    }

    /// The next event that this reader is to get, as far as anyone knows.
    pub(crate) fn due(&self) -> Option<EventId> {
        let Place { life, after } = self.place.as_ref()?;
        life.next_covered(*after, u64::MAX, &self.covered).map(|sequence| life.id(sequence))
    }

    /// Whether this life has given all it has. False before anything has come from it.
    pub(crate) fn is_kept(&self, life: &Arc<Life>) -> bool {
        self.place.as_ref().is_some_and(|place| Arc::ptr_eq(&place.life, life)) && self.due().is_none()
    }

    /// Whether the head of the answer to `wire`'s request can be right.
    pub(crate) fn take_head(&self, wire: &Wire, begins: Begins) -> Result<(), String> {
        let right = match expected_reason(wire) {
            None => begins == Begins::Live,
            Some("evicted") => begins != Begins::Live,
            Some(_) => begins == Begins::Gap,
        };
        right.then_some(()).ok_or_else(|| format!("Sse-Resume: {begins:?} where {:?} was asked for", wire.sent))
    }

    /// Takes the next block of a stream that has a head.
    pub(crate) fn take(&mut self, world: &World, wire: &Wire, block: Block) -> Result<(), String> {
        let begins = wire.stream.begins.expect("a block comes after a head");
        let id = block.id.as_deref().ok_or_else(|| format!("{block:.300?} has no id"))?;
        let id: EventId = id.parse().map_err(|_| format!("no id: {id:?}"))?;
        if id.epoch != wire.life.epoch {
            return Err(format!("{id} comes from another life than {:x}", wire.life.epoch));
        }
        let is_first = wire.blocks == 0;
        self.take_retry(wire, &block, is_first)?;
        let is_place = block.data.is_none() && block.name.is_none();
        match (is_first.then_some(begins), block.name.as_deref()) {
            (Some(Begins::Live), _) if is_place => self.begin(wire, id),
            (Some(Begins::Exact), _) if is_place && block.id == wire.sent => Ok(()),
            (Some(Begins::Gap) | None, Some("gap")) => self.take_gap(world, wire, id, &block),
            (None, _) if block.data.is_some() => self.take_event(world, id, &block),
            _ => Err(format!("{block:.300?} as block {} of a stream that begins {begins:?}", wire.blocks)),
        }
    }

    /// When to come back: said in the first block. (What is said when the server bids farewell ends no block.)
    fn take_retry(&self, wire: &Wire, block: &Block, is_first: bool) -> Result<(), String> {
        let mean = wire.life.retry.filter(|_| is_first);
        let bounds = mean.map(|mean| mean.as_millis() as u64 / 2..=mean.as_millis() as u64 * 3 / 2);
        let is_right = match (block.retry_ms, &bounds) {
            (Some(ms), Some(bounds)) => bounds.contains(&ms),
            (ms, bounds) => ms.is_none() && bounds.is_none(),
        };
        is_right.then_some(()).ok_or_else(|| format!("{block:.300?} where `retry:` is {bounds:?}"))
    }

    /// The stream says where it begins: now, and not after what is published once its head is there.
    fn begin(&mut self, wire: &Wire, id: EventId) -> Result<(), String> {
        if id.sequence > wire.published_at_head || !is_now(wire, id) {
            let (before, at_head) = (wire.published_before, wire.published_at_head);
            return Err(format!("the stream begins at {id}, with {before} to {at_head} events published"));
        }
        self.place = Some(Place { life: Arc::clone(&wire.life), after: id.sequence });
        Ok(())
    }

    fn take_event(&mut self, world: &World, id: EventId, block: &Block) -> Result<(), String> {
        let Some(Place { life, after }) = &mut self.place else {
            return Err(format!("{block:.300?} before anyone said where the stream begins"));
        };
        if life.epoch != id.epoch {
            return Err(format!("{id} after {}, and no gap between", life.id(*after)));
        }
        if id.sequence <= *after {
            return Err(format!("{id} again, or too late: {} was there", life.id(*after)));
        }
        let entry = life.event(id.sequence)?;
        let due = life.next_covered(*after, id.sequence, &self.covered);
        if due != Some(id.sequence) {
            let due = due.map_or("nothing".to_owned(), |due| life.id(due).to_string());
            return Err(format!("{id} where {due} was due, after {}", life.id(*after)));
        }
        let issue = world.press.issue(entry.publisher, entry.number);
        if block.name.as_deref().unwrap_or_default() != issue.name || block.data.as_deref() != Some(&*issue.data) {
            return Err(format!("{block:.300?} is not what was published: {:?} {:.300?}", issue.name, issue.data));
        }
        *after = id.sequence;
        world.tally.events.add(1);
        Ok(())
    }

    fn take_gap(&mut self, world: &World, wire: &Wire, to: EventId, block: &Block) -> Result<(), String> {
        let data = block.data.as_deref().unwrap_or_default();
        let gap: Gap = serde_json::from_str(data).map_err(|error| format!("{error} in the gap {data:?}"))?;
        let is_opening = wire.blocks == 0 && wire.stream.begins == Some(Begins::Gap);
        let wrong = |what: &str| Err(format!("{what}: a gap through {to}, {data}"));
        let published = wire.life.publisher.published();
        // A reader is skipped at any time; everything else is said before the head is sent.
        let published = if is_opening && gap.reason != "lagged" { wire.published_at_head } else { published };
        if to.sequence > published {
            return wrong("what is not published yet is not missing");
        }
        let requested = match is_opening {
            true if wire.sent.as_deref() != Some(&*gap.requested) => return wrong("not what was requested"),
            true if gap.reason != "lagged" && expected_reason(wire) != Some(&*gap.reason) => {
                return wrong("not the reason");
            }
            true => gap.requested.parse::<EventId>().ok().filter(|id| id.epoch == to.epoch),
            false if !["evicted", "lagged"].contains(&&*gap.reason) => return wrong("in the midst of a stream"),
            false => match gap.requested.parse::<EventId>() {
                Ok(id) if id.epoch == to.epoch => Some(id),
                _ => return wrong("no place in this stream was requested"),
            },
        };
        let oldest = gap.oldest.as_deref().map(str::parse::<EventId>);
        match (&*gap.reason, oldest) {
            (_, Some(Err(_))) => return wrong("no id"),
            (_, Some(Ok(oldest))) if oldest.epoch != to.epoch => return wrong("of another life"),
            ("lagged", _) if !self.is_skipped => return wrong("for one who is not to be skipped"),
            ("lagged", _) if !is_opening && requested.is_some_and(|from| from > to) => return wrong("backwards"),
            ("unknown", _) if !is_now(wire, to) => return wrong("not from now"),
            ("lagged" | "unknown", _) => {}
            (_, Some(Ok(oldest))) if oldest.sequence <= to.sequence => return wrong("older ones are there"),
            ("evicted", _) if requested.is_some_and(|from| from.sequence >= to.sequence) => return wrong("none"),
            _ if !wire.life.may_forget(to.sequence) => return wrong("there was room for more"),
            _ => {}
        }
        self.pass_over(wire, requested, to).or_else(|what| wrong(&what))?;
        self.count(world, wire, &gap.reason, is_opening);
        Ok(())
    }

    /// Goes on after `to`: nothing covered may lie between what the reader has and what the gap says it has.
    fn pass_over(&mut self, wire: &Wire, requested: Option<EventId>, to: EventId) -> Result<(), String> {
        if let Some(Place { life, after }) = &self.place
            && life.epoch == to.epoch
        {
            if to.sequence < *after {
                return Err(format!("back from {}", life.id(*after)));
            }
            // What was never given may be asked for: it says nothing of what the reader has.
            if let Some(from) = requested.filter(|from| from.sequence <= to.sequence) {
                let left_out = life.next_covered(*after, from.sequence, &self.covered);
                if from.sequence < *after || left_out.is_some() {
                    return Err(format!("{left_out:?} lies between it and {}", life.id(*after)));
                }
            }
        }
        self.place = Some(Place { life: Arc::clone(&wire.life), after: to.sequence });
        Ok(())
    }

    fn count(&self, world: &World, wire: &Wire, reason: &str, is_opening: bool) {
        let tally = &world.tally;
        let counter = match (reason, wire.life.forgets) {
            ("evicted", Forgets::ByAge) => &tally.evicted_by_age,
            ("evicted", _) => &tally.evicted_by_size,
            ("restarted", _) => &tally.restarted,
            ("lagged", _) => &tally.lagged,
            _ => &tally.unknown,
        };
        counter.add(1);
        if !is_opening {
            tally.gaps_midway.add(1);
        }
    }
}

/// Whether a stream that goes on from here begins with what is new.
fn is_now(wire: &Wire, id: EventId) -> bool {
    id.sequence + UNDER_WAY >= wire.published_before
}

/// Why the reader who sent this id may be told of a gap; `evicted` is one that need not be.
fn expected_reason(wire: &Wire) -> Option<&'static str> {
    let sent = wire.sent.as_deref()?;
    Some(match sent.parse::<EventId>() {
        Ok(id) if id.epoch != wire.life.epoch => "restarted",
        Ok(id) if id.sequence <= wire.life.publisher.published() => "evicted",
        _ => "unknown",
    })
}
