//! A reader's connection to one life of the server, and what was published when.

use std::io;
use std::sync::Arc;

use crate::life::Life;
use crate::stream::{Block, Outcome, Stream};

pub(crate) struct Wire {
    pub(crate) stream: Stream,
    pub(crate) life: Arc<Life>,
    /// The id that the request asked to go on after.
    pub(crate) sent: Option<String>,
    /// Events published before the request was sent.
    pub(crate) published_before: u64,
    /// Events published when the head was there.
    pub(crate) published_at_head: u64,
    /// Blocks that have come.
    pub(crate) blocks: u64,
}

impl Wire {
    pub(crate) fn open(life: Arc<Life>, target: &str, fields: &str, sent: Option<String>) -> io::Result<Wire> {
        let published_before = life.publisher.published();
        let stream = Stream::open(life.address, target, fields)?;
        Ok(Wire { stream, life, sent, published_before, published_at_head: 0, blocks: 0 })
    }

    /// As [`Stream::read`].
    pub(crate) fn read(&mut self, most: usize, blocks: &mut Vec<Block>) -> Result<Outcome, String> {
        let was_greeted = self.stream.status.is_some();
        let outcome = self.stream.read(most, blocks)?;
        if !was_greeted && self.stream.status.is_some() {
            self.published_at_head = self.life.publisher.published();
        }
        Ok(outcome)
    }
}
