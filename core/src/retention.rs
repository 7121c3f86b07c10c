//! What is kept of channels, for those who return and those who are slow, and for how long.
//!
//! Logs' blocks are kept within one budget for the whole hub, and are let go of oldest first. So what readers make the hub hold is
//! bounded, whatever they do.
//!
//! With history, a log keeps its past, and a channel lives on for a while when its last member has left: a crowd that
//! lost its connections finds the channel as it was, and resumes by placing cursors. Channels without members go when they have been so
//! for some rounds, are too many, or when a newcomer needs the room: they count towards the limit on channels, but never keep anyone out.
//! Without history a block also goes when everyone has read it, and a channel with its last member.

use std::sync::{Arc, Weak};

use crossbeam::queue::SegQueue;

use crate::channel::Channel;
use crate::log::{Growth, Past, Read};
use crate::segment::Segment;
use crate::sync::{AtomicU64, AtomicUsize, Ordering};
use crate::trie::Trie;

/// Channels that one turn looks at; it leaves the others to the next turn. A look is some 100 ns, as an event is.
const TURN_LOOKS: usize = if cfg!(loom) { 1 } else { 512 };

/// Rounds, of a second each, that a channel without members lives on: long enough for clients to come back who wait for
/// a few seconds, and fail a few times.
const LINGER_ROUNDS: u64 = if cfg!(loom) { 1 } else { 15 };

/// Looks that taking a channel out of the trie counts as: the trie's nodes on its path are copied.
const RETIREMENT_LOOKS: usize = if cfg!(loom) { 1 } else { 64 };

/// Channels without members that live on at most. Each costs some 500 bytes, and more if its pattern is long.
const LINGER_CHANNELS: usize = if cfg!(loom) { 1 } else { 1 << 14 };

/// Wildcards in a pattern whose channel lives on without members. Each further one multiplies the ways that an event goes down the
/// trie, and who joins and leaves again and again, in no moment beyond a limit, would fill it with such patterns. Who comes back to one
/// is given what it has missed from the journal.
const LINGER_WILDCARDS: usize = 1;

/// Blocks that entries of [`Retention::blocks`] are looked through for after so many more: those that have gone are dropped.
const LEAST_BLOCKS: usize = 64;

/// The blocks and channels that are kept.
pub(crate) struct Retention {
    past: Past,
    /// Most bytes of blocks in all logs.
    budget: u64,
    /// All blocks that logs have begun, oldest first; some may have gone. The drainer's own.
    blocks: SegQueue<Kept>,
    /// Bytes of `blocks`. The drainer's own.
    bytes: AtomicU64,
    /// Entries of `blocks` after those that had gone were dropped. The drainer's own.
    alive: AtomicUsize,
    /// Without history: channels whose log may hold a block, and what each had written when it was looked at last. The drainer's own.
    holding: SegQueue<(Weak<Channel>, u64)>,
    /// Channels without members, and the round since when; some may have got members again. Anyone's.
    idle: SegQueue<(Arc<Channel>, u64)>,
    /// Rounds so far. Stored by the drainer.
    rounds: AtomicU64,
    /// Looks left in this round. The drainer's own.
    looks_left: AtomicUsize,
}

/// A block that a log has begun.
struct Kept {
    channel: Weak<Channel>,
    block: Weak<Segment>,
    bytes: u64,
}

impl Retention {
    /// Keeps at most so many bytes of blocks.
    pub(crate) fn new(past: Past, budget: u64) -> Self {
        Self {
            past,
            budget,
            blocks: SegQueue::new(),
            bytes: AtomicU64::new(0),
            alive: AtomicUsize::new(0),
            holding: SegQueue::new(),
            idle: SegQueue::new(),
            rounds: AtomicU64::new(0),
            looks_left: AtomicUsize::new(0),
        }
    }

    /// What becomes of blocks that a log has gone beyond.
    pub(crate) fn past(&self) -> Past {
        self.past
    }

    /// A channel's log has begun a block. Calls `wake` for channels whose readers are to look again, so that they let go
    /// of what is no longer kept. Drainer only.
    #[cold]
    pub(crate) fn keep(&self, channel: &Arc<Channel>, growth: &Growth, wake: impl FnMut(Arc<Channel>)) {
        if self.past == Past::Dropped && growth.first {
            self.holding.push((Arc::downgrade(channel), u64::MAX));
        }
        let bytes = growth.block.capacity() as u64;
        self.blocks.push(Kept { channel: Arc::downgrade(channel), block: Arc::downgrade(&growth.block), bytes });
        let bytes = self.bytes.load(Ordering::Relaxed) + bytes; // the drainer's own
        self.bytes.store(bytes, Ordering::Relaxed); // the drainer's own
        let many = 2 * self.alive.load(Ordering::Relaxed) + LEAST_BLOCKS; // the drainer's own
        if (bytes > self.budget || self.blocks.len() > many) && self.drop_gone() > self.budget {
            self.drop_oldest(wake);
        }
    }

    /// Forgets blocks that have gone already; gives the bytes of the others.
    fn drop_gone(&self) -> u64 {
        let mut bytes = 0;
        for _ in 0..self.blocks.len() {
            let Some(kept) = self.blocks.pop() else { break };
            if kept.block.strong_count() > 0 {
                bytes += kept.bytes;
                self.blocks.push(kept);
            }
        }
        self.bytes.store(bytes, Ordering::Relaxed); // the drainer's own
        self.alive.store(self.blocks.len(), Ordering::Relaxed); // the drainer's own
        bytes
    }

    /// Lets go of the oldest blocks, until what is left is an eighth below the budget, so that this is seldom.
    fn drop_oldest(&self, mut wake: impl FnMut(Arc<Channel>)) {
        let mut bytes = self.bytes.load(Ordering::Relaxed); // the drainer's own
        // The newest stays, however large it is: its channel is about to be read.
        while bytes > self.budget - self.budget / 8 && self.blocks.len() > 1 {
            let Some(oldest) = self.blocks.pop() else { break };
            bytes -= oldest.bytes;
            if let (Some(channel), Some(block)) = (oldest.channel.upgrade(), oldest.block.upgrade())
                && channel.log.forget(&block)
            {
                wake(channel);
            }
        }
        self.bytes.store(bytes, Ordering::Relaxed); // the drainer's own
    }

    /// Begins a round of looking for what has been kept for long enough. Drainer only.
    pub(crate) fn begin_round(&self) {
        // Relaxed, all: the drainer's own, but for the rounds, which are a measure.
        self.rounds.fetch_add(1, Ordering::Relaxed);
        let looks = if self.past == Past::Kept { self.idle.len() } else { self.holding.len() };
        self.looks_left.store(looks, Ordering::Relaxed); // as above
    }

    /// Goes on with the round for a turn; `true` if it is to go on after that. Drainer only.
    pub(crate) fn go_round(&self, trie: &Trie, mut wake: impl FnMut(Arc<Channel>)) -> bool {
        let left = self.looks_left.load(Ordering::Relaxed); // the drainer's own
        if left == 0 {
            return false;
        }
        let (mut looks, mut effort) = (0, 0);
        while looks < left && effort < TURN_LOOKS {
            looks += 1;
            effort += if self.past == Past::Kept { self.look_at_idle(trie) } else { self.look_at_log(&mut wake) };
        }
        self.looks_left.store(left - looks, Ordering::Relaxed); // the drainer's own
        left > looks
    }

    /// Lets go of what every reader has read, and of the block of a channel that is quiet. Gives the effort, in looks.
    fn look_at_log(&self, mut wake: impl FnMut(Arc<Channel>)) -> usize {
        let Some((channel, before)) = self.holding.pop() else { return 1 };
        let Some(alive) = channel.upgrade() else { return 1 };
        let written = alive.log.written();
        match alive.log.forget_read(written == before) {
            Read::All => return 1,
            Read::ToTheEnd => wake(alive),
            Read::Some => {}
        }
        self.holding.push((channel, written));
        1
    }

    /// A channel's last member has left.
    pub(crate) fn leave(&self, channel: &Arc<Channel>, trie: &Trie) {
        let wildcards = channel.pattern().segments().filter(Option::is_none).count();
        if self.past == Past::Dropped || wildcards > LINGER_WILDCARDS {
            retire(channel, trie);
            return;
        }
        if channel.list() {
            self.idle.push((channel.clone(), self.rounds.load(Ordering::Relaxed))); // a measure
        }
        if self.idle.len() > LINGER_CHANNELS {
            self.retire_oldest(trie);
        }
    }

    /// Ends a channel without members, the one that has had none for longest, so that there is room for another. `false`:
    /// there is none, but perhaps one that is being looked at by another thread.
    #[cold]
    pub(crate) fn make_room(&self, trie: &Trie) -> bool {
        // Those that have members again are struck off on the way.
        (0..self.idle.len()).any(|_| self.retire_oldest(trie))
    }

    /// Ends the first on the list of channels without members, unless it has some again; `true` if it has ended.
    fn retire_oldest(&self, trie: &Trie) -> bool {
        let Some((oldest, since)) = self.idle.pop() else { return false };
        let retired = retire(&oldest, trie);
        if !retired {
            self.return_idle(oldest, since);
        }
        retired
    }

    /// Ends a channel that has had no members for long enough. Gives the effort, in looks.
    fn look_at_idle(&self, trie: &Trie) -> usize {
        let Some((channel, since)) = self.idle.pop() else { return 1 };
        let lingered = self.rounds.load(Ordering::Relaxed) - since; // a measure
        if lingered >= LINGER_ROUNDS && retire(&channel, trie) {
            return RETIREMENT_LOOKS;
        }
        self.return_idle(channel, since);
        1
    }

    /// Puts a channel back on the list, unless it has members.
    fn return_idle(&self, channel: Arc<Channel>, since: u64) {
        if !channel.strike_off() {
            self.idle.push((channel, since));
        }
    }
}

/// Takes a channel without members out of the trie; `false` if it has some.
fn retire(channel: &Arc<Channel>, trie: &Trie) -> bool {
    let retired = channel.retire();
    if retired {
        trie.remove(channel);
    }
    retired
}
