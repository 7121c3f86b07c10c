//! The blocks of all logs of a hub, and the budget within which they are kept.
//!
//! They are let go of oldest first. So what readers make the hub hold is bounded, whatever they do. Without history a
//! block also goes when everyone has read it; when a channel is quiet, that is its last one, too.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use crate::channels::channel::Channel;
use crate::channels::log::{Past, Remains};
use crate::channels::segment::Segment;
use crate::channels::writer_token::WriterToken;

/// So many blocks more than were there, and those that have gone are dropped from the list.
const LEAST_BLOCKS: usize = 64;

/// Logs among which the one that a block is of is looked for, when many blocks go.
const LOGS_AT_ONCE: usize = 8;

/// Every block of a log of this hub. The writer's.
pub(crate) struct Blocks {
    past: Past,
    /// Most bytes of blocks in all logs.
    budget: u64,
    /// All blocks that logs have begun, oldest first; some may have gone.
    begun: VecDeque<Begun>,
    /// Bytes of `begun`.
    bytes: u64,
    /// Blocks let go of, so far, since there were too many bytes.
    evictions: u64,
    /// Blocks in `begun` after those that had gone were dropped.
    alive: usize,
    /// Without history: channels whose log may hold a block, and what each had written when it was looked at last.
    holding: VecDeque<(Weak<Channel>, u64)>,
}

/// A block that a log has begun.
struct Begun {
    channel: Weak<Channel>,
    block: Weak<Segment>,
    bytes: u64,
}

impl Blocks {
    /// Keeps at most so many bytes of blocks.
    pub(crate) fn new(past: Past, budget: u64) -> Self {
        Self { past, budget, begun: VecDeque::new(), bytes: 0, evictions: 0, alive: 0, holding: VecDeque::new() }
    }

    /// What becomes of blocks that a log has gone beyond.
    pub(crate) fn past(&self) -> Past {
        self.past
    }

    /// Bytes of all blocks; of some that have gone, too.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Blocks let go of, so far, since there were too many bytes.
    pub(crate) fn evictions(&self) -> u64 {
        self.evictions
    }

    /// A channel's log has begun a block. Calls `wake` for channels whose readers are to look again, so that they let
    /// go of what is no longer kept.
    #[cold]
    pub(crate) fn keep(
        &mut self,
        token: &mut WriterToken,
        channel: &Arc<Channel>,
        block: &Arc<Segment>,
        wake: impl FnMut(Arc<Channel>),
    ) {
        if self.past == Past::Dropped && channel.note_holding(token, true) {
            self.holding.push_back((Arc::downgrade(channel), u64::MAX));
        }
        let bytes = block.capacity() as u64;
        self.begun.push_back(Begun { channel: Arc::downgrade(channel), block: Arc::downgrade(block), bytes });
        self.bytes += bytes;
        if self.bytes > self.budget || self.begun.len() > 2 * self.alive + LEAST_BLOCKS {
            self.drop_gone();
        }
        if self.bytes > self.budget {
            self.drop_oldest(token, wake);
        }
    }

    /// Forgets blocks that have gone already.
    fn drop_gone(&mut self) {
        self.begun.retain(|begun| begun.block.strong_count() > 0);
        self.bytes = self.begun.iter().map(|begun| begun.bytes).sum();
        self.alive = self.begun.len();
    }

    /// Lets go of the oldest blocks, until what is left is an eighth below the budget, so that this is seldom.
    fn drop_oldest(&mut self, token: &mut WriterToken, mut wake: impl FnMut(Arc<Channel>)) {
        let mut oldest = Vec::<(Arc<Channel>, Arc<Segment>)>::new();
        // The newest stays, however large it is: its channel is about to be read.
        while self.bytes > self.budget - self.budget / 8 && self.begun.len() > 1 {
            let Some(begun) = self.begun.pop_front() else { break };
            self.bytes -= begun.bytes;
            let (Some(channel), Some(block)) = (begun.channel.upgrade(), begun.block.upgrade()) else { continue };
            self.evictions += 1;
            // A block takes those before it along: a log that loses many is changed once.
            match oldest.iter_mut().rev().take(LOGS_AT_ONCE).find(|(other, _)| Arc::ptr_eq(other, &channel)) {
                Some((_, last)) => *last = block,
                None => oldest.push((channel, block)),
            }
        }
        for (channel, block) in oldest {
            if channel.log.forget(token, &block, self.past) {
                wake(channel);
            }
        }
    }

    /// Gives how many logs are to be looked at in this round, so that they let go of what every reader has read.
    pub(crate) fn begin_round(&mut self) -> usize {
        // What a crowd has left behind goes, but a list that grows again isn't copied each time.
        if self.holding.capacity() / 4 > self.holding.len() {
            self.holding.shrink_to(self.holding.len() * 2);
        }
        if self.begun.capacity() / 4 > self.begun.len() {
            self.begun.shrink_to(self.begun.len() * 2);
        }
        self.holding.len()
    }

    /// Looks at the first of them.
    pub(crate) fn look_at_log(&mut self, token: &mut WriterToken, mut wake: impl FnMut(Arc<Channel>)) {
        let Some((channel, before)) = self.holding.pop_front() else { return };
        let Some(alive) = channel.upgrade() else { return };
        let written = alive.log.written();
        match alive.log.forget_read(token, written == before) {
            Remains::Nothing => {
                alive.note_holding(token, false);
                return;
            }
            Remains::EndedTail => wake(alive),
            Remains::Blocks => {}
        }
        self.holding.push_back((channel, written));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::channels::log::Origin;
    use crate::names::pattern::Pattern;

    proptest! {
        /// Against a list of all blocks that were ever begun, where nothing but the budget makes them go.
        #[test]
        fn bytes_are_those_of_the_blocks_that_are_there(
            frames in prop::collection::vec((0usize..4, 1usize..5_000), 0..200),
            budget in 0u64..100_000,
        ) {
            let origin = Origin::new(Past::Kept);
            let channel = |_| Arc::new(Channel::with_one_member(Pattern::parse("/a").unwrap(), &origin));
            let channels: Vec<_> = (0..4).map(channel).collect();
            let (mut blocks, mut token) = (Blocks::new(Past::Kept, budget), WriterToken::new());
            let mut begun: Vec<Weak<Segment>> = Vec::new();
            for (sequence, (index, length)) in (1..).zip(frames) {
                let channel = &channels[index];
                let block = channel.log.append(&mut token, &[&vec![b'x'; length]], sequence, Past::Kept);
                if let Some(block) = block {
                    begun.push(Arc::downgrade(&block));
                    blocks.keep(&mut token, channel, &block, |_| ());
                }
                let there: Vec<_> = begun.iter().filter_map(Weak::upgrade).collect();
                prop_assert_eq!(blocks.bytes(), there.iter().map(|block| block.capacity() as u64).sum::<u64>());
                prop_assert_eq!(blocks.evictions(), (begun.len() - there.len()) as u64);
                prop_assert!(blocks.bytes() <= budget || there.len() == 1);
            }
        }
    }
}
