//! Many connections that come together, and read the same.

use std::time::{Duration, Instant};

use sse_server::load::{Client, Reading, Target};

use crate::Result;
use crate::child::Child;

/// Connections under way at once: far fewer than the system keeps for a server that hasn't accepted them yet, since who is
/// turned away there tries again only after a second.
const IN_FLIGHT: usize = 512;

/// How long nothing may come before what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest that a turn waits for something to read.
const TURN: Duration = Duration::from_millis(1);

/// One in so many is parsed.
const PARSE_EVERY: usize = 100;

pub(crate) struct Crowd {
    client: Client,
    /// When the first of them came.
    since: Instant,
    /// How long it took until all streams were open.
    pub(crate) opening: Duration,
}

/// What all of them have got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Haul {
    /// Since the first of them came, until the last byte.
    pub(crate) time: Duration,
    /// On all connections.
    pub(crate) bytes: u64,
    /// Bytes missing or too many, over all connections.
    pub(crate) wrong_bytes: u64,
    /// Events missing, too many or out of place, on those that are parsed.
    pub(crate) wrong_events: u64,
}

impl Crowd {
    /// They come, as fast as they can, and ask for this path.
    pub(crate) fn come(child: &Child, path: &str, connections: usize) -> Result<Crowd> {
        let target = Target::new(child.address, &child.address.to_string(), path);
        let mut crowd = Crowd { client: Client::new()?, since: Instant::now(), opening: Duration::ZERO };
        for index in 0..connections {
            let reading = if index % PARSE_EVERY == PARSE_EVERY / 2 { Reading::Events } else { Reading::Bytes };
            crowd.client.connect(&target, reading);
            crowd.client.await_opening(IN_FLIGHT, PATIENCE)?;
        }
        let opened = crowd.client.await_opening(0, PATIENCE)?;
        crowd.opening = crowd.since.elapsed();
        match crowd.client.first_failure() {
            Some(failure) => Err(format!("a connection failed: {failure}").into()),
            None if !opened => Err("connections were not answered".into()),
            None => Ok(crowd),
        }
    }

    /// Reads what there is, or waits for it a moment.
    pub(crate) fn turn(&mut self) -> Result<()> {
        Ok(self.client.turn(TURN)?)
    }

    /// Reads until each has so many bytes, or nothing comes any more. `events` are in them.
    pub(crate) fn read(&mut self, bytes_each: u64, events: u64) -> Result<Haul> {
        let total = bytes_each * self.client.received().len() as u64;
        let (mut have, mut last) = (self.client.counts().bytes, Instant::now());
        while have < total && last.elapsed() < PATIENCE {
            self.turn()?;
            if self.client.counts().bytes > have {
                (have, last) = (self.client.counts().bytes, Instant::now());
            }
        }
        let time = last.duration_since(self.since);
        // Bytes too many would come now.
        self.client.turn(Duration::from_millis(10))?;
        let received = self.client.received();
        let parsed = (0..received.len()).filter(|index| index % PARSE_EVERY == PARSE_EVERY / 2).count() as u64;
        let observer = self.client.observer();
        let disorder = observer.missed() + observer.disordered();
        Ok(Haul {
            time,
            bytes: self.client.counts().bytes,
            wrong_bytes: received.iter().map(|&bytes| bytes.abs_diff(bytes_each)).sum(),
            wrong_events: self.client.counts().events.abs_diff(events * parsed) + disorder,
        })
    }
}
