//! Those who listen: they come, go at any byte, stop reading for a while, and come back with the last id that they saw.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;
use sse_server::EventId;

use crate::PATIENCE;
use crate::account::Account;
use crate::plan::{Plan, Wish};
use crate::stage::{Phase, Sentry, Stage};
use crate::stream::{Begins, Block, Outcome, Stream};
use crate::tally::Tally;

/// The world of a client.
#[derive(Clone, Copy)]
pub(crate) struct World<'s> {
    pub(crate) address: SocketAddr,
    pub(crate) plan: &'s Plan,
    pub(crate) stage: &'s Stage,
    pub(crate) tally: &'s Tally,
    /// No visit takes longer.
    pub(crate) longest_visit: Duration,
    pub(crate) longest_stall: Duration,
    pub(crate) longest_absence: Duration,
}

struct Client<'s> {
    world: World<'s>,
    random: Rng,
    wish: Wish,
    account: Account<'s>,
    last: Option<EventId>,
}

/// What a request asks to go on after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// Whatever comes.
    Nothing,
    /// The last id that came.
    Last(EventId),
    /// An id from before the server was started.
    Former(EventId),
    /// An id that no event has yet.
    Future(EventId),
}

/// Comes and goes until everything that was published is there.
pub(crate) fn listen(world: World<'_>, mut random: Rng) {
    let _sentry = Sentry(world.stage);
    let wish = Wish::random(&mut random);
    let account = Account::new(world.plan, world.tally, wish.covered);
    let mut client = Client { world, random, wish, account, last: None };
    if let Err(what) = client.run() {
        world.stage.fail(format!("a client of {}: {what}", client.wish.target));
    }
}

impl<'s> Client<'s> {
    fn run(&mut self) -> Result<(), String> {
        while self.world.stage.phase() != Phase::Failed && !self.has_all() {
            if self.world.stage.phase() == Phase::Open && self.random.u8(..20) == 0 {
                // Another client comes in its place.
                self.wish = Wish::random(&mut self.random);
                self.account = Account::new(self.world.plan, self.world.tally, self.wish.covered);
                self.last = None;
            }
            self.visit()?;
            let longest = match self.random.u8(..50) {
                // Perhaps for so long that what it missed is gone.
                0 => self.world.longest_absence,
                _ => Duration::from_secs(1),
            };
            let absence = self.some_time(Duration::from_millis(1), longest);
            self.world.stage.rest(absence);
        }
        Ok(())
    }

    /// Each order of magnitude is as likely.
    fn some_time(&mut self, least: Duration, most: Duration) -> Duration {
        least.mul_f64((most.as_secs_f64() / least.as_secs_f64()).powf(self.random.f64()))
    }

    fn visit(&mut self) -> Result<(), String> {
        let asked = self.ask();
        let field = match asked {
            Asked::Nothing => String::new(),
            Asked::Last(id) | Asked::Former(id) | Asked::Future(id) => format!("Last-Event-ID: {id}\r\n"),
        };
        let stream = Stream::open(self.world.address, &self.wish.target, &field);
        let stream = stream.map_err(|error| format!("connecting: {error}"))?;
        self.world.tally.connects.add(1);
        let piece = 1 << self.random.u32(4..=16);
        let mut visit = Visit { stream, asked, piece, blocks: 0 };
        let least = Duration::from_millis(50);
        let time = self.some_time(least, self.world.longest_visit);
        if self.random.u8(..4) > 0 {
            return self.follow(&mut visit, time).map(|_| ());
        }
        visit.stream.narrow();
        if self.follow(&mut visit, time / 2)? {
            let stall = self.some_time(least, self.world.longest_stall);
            self.world.stage.rest(stall);
            self.follow(&mut visit, time / 2)?;
        }
        Ok(())
    }

    fn ask(&mut self) -> Asked {
        let Some(last) = self.last else { return Asked::Nothing };
        match self.random.u8(..100) {
            0 if self.is_open() => Asked::Former(EventId { epoch: last.epoch ^ 1, ..last }),
            1 if self.is_open() => Asked::Future(EventId { sequence: 1 << 60, ..last }),
            _ => Asked::Last(last),
        }
    }

    /// Reads for so long; in the end, until everything is there. False: nothing more will come on this stream.
    fn follow(&mut self, visit: &mut Visit, time: Duration) -> Result<bool, String> {
        let (begun, mut blocks) = (Instant::now(), Vec::new());
        loop {
            match self.world.stage.phase() {
                Phase::Open if begun.elapsed() >= time => return Ok(true),
                Phase::Open => {}
                Phase::Finale if self.has_all() => return Ok(false),
                Phase::Finale if begun.elapsed() > PATIENCE && self.account.heard.elapsed() > PATIENCE => {
                    return self.give_up().map(|()| false);
                }
                Phase::Finale => {}
                Phase::Failed => return Ok(false),
            }
            let greeted = visit.stream.status.is_some();
            match visit.stream.read(visit.piece, &mut blocks)? {
                Outcome::Bytes(_) | Outcome::Nothing => {}
                Outcome::Ended if greeted => {
                    self.world.tally.cut_off.add(1);
                    return Ok(false);
                }
                Outcome::Ended => return Err("closed without an answer".to_owned()),
            }
            if !greeted && visit.stream.status.is_some() {
                self.greet(visit)?;
            }
            for block in blocks.drain(..) {
                if let Err(what) = self.take(visit, &block) {
                    self.world.tally.wrong.add(1);
                    self.world.tally.describe(|| format!("{}: {what}", self.wish.target));
                }
            }
        }
    }

    fn greet(&self, visit: &Visit) -> Result<(), String> {
        match (visit.stream.status, visit.stream.begins) {
            (Some(200), Some(Begins::Exact)) => self.world.tally.exact.add(1),
            (Some(200), Some(Begins::Live | Begins::Gap)) => {}
            other => return Err(format!("an answer of {other:?}")),
        }
        Ok(())
    }

    fn take(&mut self, visit: &mut Visit, block: &Block) -> Result<(), String> {
        let id: Option<EventId> = block.id.as_ref().and_then(|id| id.parse().ok());
        let id = id.ok_or_else(|| format!("{block:.200?} has no id"))?;
        visit.blocks += 1;
        self.last = Some(id);
        let opens = (visit.blocks == 1).then_some(visit.stream.begins).flatten();
        match (opens, &block.name, &block.data) {
            (Some(Begins::Live), None, None) if visit.asked == Asked::Nothing => self.account.begin(id),
            (Some(Begins::Exact), None, None) if visit.asked == Asked::Last(id) => self.account.heard = Instant::now(),
            (Some(Begins::Gap) | None, Some(name), Some(data)) if name == "gap" => {
                let asked = if opens.is_some() { visit.asked } else { Asked::Last(id) };
                let is_right = self.is_right_gap(asked, data);
                self.account.begin(id);
                self.world.tally.gaps.add(1);
                if !is_right {
                    return Err(format!("the gap {data} where {asked:?} was asked for"));
                }
            }
            (None, None, Some(data)) => self.account.take(id, data)?,
            _ => return Err(format!("{block:.200?} as block {} of {:?}", visit.blocks, visit.asked)),
        }
        Ok(())
    }

    /// A gap is told where there is one, for the reason that there is: or a server could tell of gaps instead of resuming.
    fn is_right_gap(&self, asked: Asked, data: &str) -> bool {
        let gap: Value = serde_json::from_str(data).unwrap_or_default();
        match asked {
            Asked::Nothing => false,
            Asked::Last(_) => gap["reason"] == "evicted" && self.account.may_be_forgotten(),
            Asked::Former(_) => gap["reason"] == "restarted",
            Asked::Future(_) => gap["reason"] == "unknown",
        }
    }

    fn is_open(&self) -> bool {
        self.world.stage.phase() == Phase::Open
    }

    /// Whether all is published, and nothing of it is due.
    fn has_all(&self) -> bool {
        self.world.stage.last().is_some_and(|last| self.account.due(last) == Some(0))
    }

    /// What has not come will not.
    fn give_up(&mut self) -> Result<(), String> {
        let last = self.world.stage.last().unwrap_or_default();
        let due = self.account.due(last).ok_or("the stream never says where it begins")?;
        self.world.tally.lost.add(due);
        self.world.tally.describe(|| format!("{}: {due} events don't come", self.wish.target));
        self.account.begin(EventId { epoch: 0, sequence: last });
        Ok(())
    }
}

struct Visit {
    stream: Stream,
    asked: Asked,
    /// Bytes that are read at once, at most.
    piece: usize,
    blocks: u64,
}
