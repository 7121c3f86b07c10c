//! Those who read: each with a filter of its own, the last id that it saw, and bad manners.

use std::collections::VecDeque;
use std::sync::Arc;

use fastrand::Rng;

use crate::events::Wish;
use crate::life::Life;
use crate::promise::Promise;
use crate::stream::{Begins, Block, Outcome};
use crate::wire::Wire;
use crate::world::{Patience, Phase, Sentry, World};

/// Blocks that a failure shows.
const SHOWN_BLOCKS: usize = 8;

/// While so many bytes are published, a reader who does not read is cut off or skipped; while fewer are, perhaps not.
const FAR_BEHIND: u64 = 32 << 20;
/// What they keep, and more: who reads this finds out.
const ALL_THAT_IS_KEPT: usize = 12 << 20;

struct Reader<'w> {
    world: &'w World,
    random: Rng,
    wish: Wish,
    promise: Promise,
    /// What `EventSource` would send as `Last-Event-ID`.
    last_event_id: Option<String>,
    connections: u64,
    recent: VecDeque<String>,
    patience: Patience,
}

/// Why a reader no longer follows its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Followed {
    /// It has read as much as it wanted to.
    Enough,
    /// The server has ended the stream.
    Ended,
    /// It has everything, and nothing more will come.
    All,
}

/// Reads until it has everything that was published.
pub(crate) fn read(world: &World, number: usize, mut random: Rng) {
    let _sentry = Sentry(world);
    let wish = Wish::random(&mut random);
    let promise = Promise::new(&wish);
    let (recent, patience) = (VecDeque::new(), Patience::new());
    let mut reader = Reader { world, random, wish, promise, last_event_id: None, connections: 0, recent, patience };
    if let Err(what) = reader.run() {
        let Reader { wish, promise, connections, recent, last_event_id, .. } = &reader;
        world.fail(format!(
            "reader {number} of {:?}, connection {connections}: {what}\nlast id: {last_event_id:?}, due: {:?}, recently: {recent:#?}",
            wish.patterns,
            promise.due().map(|id| id.to_string()),
        ));
    }
}

impl Reader<'_> {
    fn run(&mut self) -> Result<(), String> {
        while self.world.phase() != Phase::Failed {
            if self.random.u8(..40) == 0 {
                // Another client comes in its place.
                self.wish = Wish::random(&mut self.random);
                self.promise = Promise::new(&self.wish);
                self.last_event_id = None;
                self.recent.clear();
            }
            if self.connection()? == Followed::All {
                return Ok(());
            }
            if self.random.u8(..5) == 0 {
                // Away, perhaps for so long that what it missed is gone.
                self.world.await_volume(self.random.u64(..4 << 20));
            }
        }
        Ok(())
    }

    fn connection(&mut self) -> Result<Followed, String> {
        let life = self.world.life();
        let Some(mut wire) = self.connect(&life)? else {
            self.world.await_next(&life)?;
            return Ok(Followed::Ended);
        };
        self.connections += 1;
        self.world.tally.connections.add(1);
        self.patience = Patience::new();
        if self.world.phase() >= Phase::Finale {
            return self.follow(&mut wire, usize::MAX, usize::MAX);
        }
        // Some bytes, any number of them, the head's included; and then something else.
        let some = self.some_bytes(1 << 18);
        match self.random.u8(..10) {
            0..4 => self.follow(&mut wire, some, usize::MAX),
            4 => {
                let piece = self.random.usize(1..9);
                match self.follow(&mut wire, 150 * piece, piece)? {
                    Followed::Enough => self.follow(&mut wire, some, usize::MAX),
                    other => Ok(other),
                }
            }
            5..8 => {
                wire.stream.narrow();
                if self.follow(&mut wire, some.min(1 << 14), usize::MAX)? == Followed::Enough {
                    self.world.await_volume(FAR_BEHIND >> self.random.u32(..6));
                    self.patience = Patience::new();
                }
                let more = if self.random.bool() { ALL_THAT_IS_KEPT } else { self.some_bytes(1 << 20) };
                self.follow(&mut wire, more, usize::MAX)
            }
            _ => {
                let long = self.random.usize(1 << 16..4 << 20);
                self.follow(&mut wire, long, usize::MAX)
            }
        }
    }

    /// Few or many: each order of magnitude is as likely.
    fn some_bytes(&mut self, most: usize) -> usize {
        let smaller_by = self.random.u32(..most.ilog2());
        self.random.usize(1..=most >> smaller_by)
    }

    /// None if the server is gone.
    fn connect(&mut self, life: &Arc<Life>) -> Result<Option<Wire>, String> {
        let sent = match self.random.u8(..60) {
            0 => Some("nonsense".to_owned()),
            1 => Some(life.id(1 << 60).to_string()),
            _ => self.last_event_id.clone(),
        };
        let (mut target, mut fields) = (self.wish.target(&mut self.random), String::new());
        if let Some(id) = &sent {
            let (in_query, in_header) =
                [(true, false), (true, true), (false, true), (false, true)][self.random.usize(..4)];
            if in_query {
                let sign = if target.contains('?') { '&' } else { '?' };
                // As a page that was loaded anew sent it; the header counts.
                let id = if in_header { "0-0" } else { id };
                target.push_str(&format!("{sign}last_event_id={id}"));
            }
            if in_header {
                fields = format!("Last-Event-ID: {id}\r\n");
            }
        }
        match Wire::open(Arc::clone(life), &target, &fields, sent) {
            Ok(wire) => Ok(Some(wire)),
            Err(_) if life.is_ending() => Ok(None),
            Err(error) => Err(format!("connecting: {error}")),
        }
    }

    /// Reads about so many bytes, at most `piece` at a time.
    fn follow(&mut self, wire: &mut Wire, bytes: usize, piece: usize) -> Result<Followed, String> {
        let (mut left, mut blocks) = (bytes, Vec::new());
        while left > 0 {
            match self.world.phase() {
                Phase::Failed => return Ok(Followed::Ended),
                Phase::Finale if self.promise.is_kept(&wire.life) => return Ok(Followed::All),
                _ => {}
            }
            let greeted = wire.stream.status.is_some();
            match wire.read(left.min(piece), &mut blocks)? {
                Outcome::Bytes(length) => left -= length,
                Outcome::Nothing => {}
                Outcome::Ended => return self.ended(wire),
            }
            if !greeted && !self.greet(wire)? {
                return Ok(Followed::Ended);
            }
            for block in blocks.drain(..) {
                self.take(wire, block)?;
            }
            if self.patience.is_over() {
                if let Some(due) = self.promise.due() {
                    return Err(format!("{due} does not come"));
                }
                self.patience = Patience::new();
            }
        }
        Ok(Followed::Enough)
    }

    /// Looks at the head, if it is there. False: the server is about to end, and takes nobody.
    fn greet(&mut self, wire: &Wire) -> Result<bool, String> {
        let begins = match (wire.stream.status, wire.stream.begins) {
            (None, _) => return Ok(true),
            (Some(200), Some(begins)) => begins,
            (Some(200), None) if wire.life.is_ending() => {
                self.world.tally.turned_away.add(1);
                return Ok(false);
            }
            (status, begins) => return Err(format!("an answer of {status:?}, Sse-Resume {begins:?}")),
        };
        self.recent.push_back(format!("{begins:?}, after {:?}", wire.sent));
        self.promise.take_head(wire, begins)?;
        let tally = &self.world.tally;
        match begins {
            Begins::Live => tally.live.add(1),
            Begins::Exact => tally.exact.add(1),
            Begins::Gap => tally.gap_heads.add(1),
        }
        Ok(true)
    }

    fn take(&mut self, wire: &mut Wire, block: Block) -> Result<(), String> {
        if self.recent.len() >= SHOWN_BLOCKS {
            self.recent.pop_front();
        }
        let length = block.data.as_ref().map(String::len);
        self.recent.push_back(format!("{:?}, {:?}, {length:?} bytes", block.id, block.name));
        let id = block.id.clone();
        self.promise.take(self.world, wire, block)?;
        if let Some(id) = id {
            wire.blocks += 1;
            self.last_event_id = Some(id);
            self.patience = Patience::new();
        }
        Ok(())
    }

    fn ended(&mut self, wire: &Wire) -> Result<Followed, String> {
        if !wire.life.is_ending() {
            if wire.stream.status.is_none() {
                return Err("the connection was closed before its head".to_owned());
            }
            // Too slow: on this machine anyone may be so.
            self.world.tally.cut_off.add(1);
        }
        Ok(Followed::Ended)
    }
}
