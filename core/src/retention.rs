//! What is kept of channels for those who return, and for how long.
//!
//! With history, a channel keeps its log's past, and lives on for a while when its last member has left: a crowd that
//! lost its connections finds the channel as it was, and resumes by placing cursors. Blocks are let go of oldest first
//! once they are more than a budget; channels without members when they have been so for some rounds, are too many, or
//! when a newcomer needs the room: they count towards the limit on channels, but never keep anyone out.
//! Without history nothing is kept: a block that everyone has read goes when its channel is quiet, a channel with its
//! last member.

use std::sync::{Arc, Weak};

use crossbeam::queue::SegQueue;

use crate::channel::Channel;
use crate::log::{Growth, Past};
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

/// The blocks and channels that are kept.
pub(crate) struct Retention {
    /// Bytes of blocks kept in all. `None`: there is no history.
    budget: Option<u64>,
    /// Without history: channels whose log may hold a block, and what each had written when it was looked at last. With
    /// it: one entry for each block kept, and its bytes, oldest first. The drainer's own.
    blocks: SegQueue<(Weak<Channel>, u64)>,
    /// Bytes of `blocks`. The drainer's own.
    bytes: AtomicU64,
    /// Channels without members, and the round since when; some may have got members again. Anyone's.
    idle: SegQueue<(Arc<Channel>, u64)>,
    /// Rounds so far. Stored by the drainer.
    rounds: AtomicU64,
    /// Looks left in this round. The drainer's own.
    looks_left: AtomicUsize,
}

impl Retention {
    pub(crate) fn new(budget: Option<u64>) -> Self {
        Self {
            budget,
            blocks: SegQueue::new(),
            bytes: AtomicU64::new(0),
            idle: SegQueue::new(),
            rounds: AtomicU64::new(0),
            looks_left: AtomicUsize::new(0),
        }
    }

    /// What becomes of blocks that a log has gone beyond.
    pub(crate) fn past(&self) -> Past {
        if self.budget.is_some() { Past::Kept } else { Past::Dropped }
    }

    /// A channel's log has begun a block. Calls `wake` for channels whose readers are to look again, so that they let go
    /// of what is no longer kept. Drainer only.
    #[cold]
    pub(crate) fn keep(&self, channel: &Arc<Channel>, growth: Growth, mut wake: impl FnMut(Arc<Channel>)) {
        let Some(budget) = self.budget else {
            if growth.first {
                self.blocks.push((Arc::downgrade(channel), u64::MAX));
            }
            return;
        };
        self.blocks.push((Arc::downgrade(channel), growth.bytes as u64));
        let mut bytes = self.bytes.load(Ordering::Relaxed) + growth.bytes as u64; // the drainer's own
        // The newest stays, however large it is: its channel is about to be read.
        while bytes > budget && self.blocks.len() > 1 {
            let Some((oldest, length)) = self.blocks.pop() else { break };
            bytes -= length;
            if let Some(oldest) = oldest.upgrade().filter(|oldest| oldest.log.forget_block()) {
                wake(oldest);
            }
        }
        self.bytes.store(bytes, Ordering::Relaxed); // the drainer's own
    }

    /// Begins a round of looking for what has been kept for long enough. Drainer only.
    pub(crate) fn begin_round(&self) {
        // Relaxed, all: the drainer's own, but for the rounds, which are a measure.
        self.rounds.fetch_add(1, Ordering::Relaxed);
        let looks = if self.budget.is_some() { self.idle.len() } else { self.blocks.len() };
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
            effort += if self.budget.is_some() { self.look_at_idle(trie) } else { self.look_at_block(&mut wake) };
        }
        self.looks_left.store(left - looks, Ordering::Relaxed); // the drainer's own
        left > looks
    }

    /// Ends the block of a channel that is quiet. Gives the effort, in looks.
    fn look_at_block(&self, mut wake: impl FnMut(Arc<Channel>)) -> usize {
        let Some((channel, before)) = self.blocks.pop() else { return 1 };
        let Some(alive) = channel.upgrade() else { return 1 };
        let written = alive.log.written();
        if written != before {
            self.blocks.push((channel, written));
        } else if alive.log.forget_block() {
            wake(alive);
        }
        1
    }

    /// A channel's last member has left.
    pub(crate) fn leave(&self, channel: &Arc<Channel>, trie: &Trie) {
        let wildcards = channel.pattern().segments().filter(Option::is_none).count();
        if self.budget.is_none() || wildcards > LINGER_WILDCARDS {
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
