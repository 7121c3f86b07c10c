//! What is kept of channels for those who return, and for how long.
//!
//! With history, a channel keeps its log's past, and lives on for a while when its last member has left: a crowd that
//! lost its connections finds the channel as it was, and resumes by placing cursors. Blocks are let go of oldest first
//! once they are more than a budget; channels without members when they have been so for some time, are too many, or
//! when a newcomer needs the room: they count towards the limit on channels, but never keep anyone out.
//! Without history nothing is kept: a block that everyone has read goes when its channel is quiet, a channel with its
//! last member.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crossbeam::queue::SegQueue;

use crate::channel::Channel;
use crate::log::{Growth, Past};
use crate::trie::Trie;
use crate::writer_token::WriterToken;

/// Channels that one turn looks at; it leaves the others to the next turn. A look is some 100 ns, as an event is.
const TURN_LOOKS: usize = if cfg!(loom) { 1 } else { 512 };

/// How long a channel without members lives on at least: long enough for clients to come back who wait for a few seconds,
/// and fail a few times. It is counted from the first look at the channel, in the round after its last member has left.
const LINGER: Duration = Duration::from_secs(15);

/// Looks that taking a channel out of the trie counts as: the trie's nodes on its path are copied.
const RETIREMENT_LOOKS: usize = if cfg!(loom) { 1 } else { 64 };

/// Channels without members that live on at most. Each costs some 500 bytes, and more if its pattern is long.
const LINGER_CHANNELS: usize = if cfg!(loom) { 1 } else { 1 << 14 };

/// Wildcards in a pattern whose channel lives on without members. Each further one multiplies the ways that an event goes down the
/// trie, and who joins and leaves again and again, in no moment beyond a limit, would fill it with such patterns. Who comes back to one
/// is given what it has missed from the journal.
const LINGER_WILDCARDS: usize = 1;

/// What anyone may know and change of what is kept.
pub(crate) struct Retention {
    has_history: bool,
    /// Channels without members, and when they were first seen to have none; some may have got members again.
    idle: SegQueue<(Arc<Channel>, Option<Duration>)>,
}

/// What is kept of blocks, and the round of looking at what has been kept for long enough. The writer's.
pub(crate) struct Kept {
    /// Bytes of blocks kept in all. `None`: there is no history.
    budget: Option<u64>,
    /// Without history: channels whose log may hold a block, and what each had written when it was looked at last. With
    /// it: one entry for each block kept, and its bytes, oldest first.
    blocks: VecDeque<(Weak<Channel>, u64)>,
    /// Bytes of `blocks`.
    bytes: u64,
    /// The time, as the round has it.
    now: Duration,
    /// Looks left in this round.
    looks_left: usize,
}

impl Kept {
    /// Whether a round has begun, and is to go on.
    pub(crate) fn is_in_round(&self) -> bool {
        self.looks_left > 0
    }
}

impl Retention {
    /// Keeps blocks of so many bytes in all. `None`: there is no history.
    pub(crate) fn new(budget: Option<u64>) -> (Self, Kept) {
        let kept = Kept { budget, blocks: VecDeque::new(), bytes: 0, now: Duration::ZERO, looks_left: 0 };
        (Self { has_history: budget.is_some(), idle: SegQueue::new() }, kept)
    }

    /// What becomes of blocks that a log has gone beyond.
    pub(crate) fn past(&self) -> Past {
        if self.has_history { Past::Kept } else { Past::Dropped }
    }

    /// A channel's log has begun a block. Calls `wake` for channels whose readers are to look again, so that they let go
    /// of what is no longer kept.
    #[cold]
    pub(crate) fn keep(
        &self,
        kept: &mut Kept,
        token: &mut WriterToken,
        channel: &Arc<Channel>,
        growth: Growth,
        mut wake: impl FnMut(Arc<Channel>),
    ) {
        let Some(budget) = kept.budget else {
            if growth.first {
                kept.blocks.push_back((Arc::downgrade(channel), u64::MAX));
            }
            return;
        };
        kept.blocks.push_back((Arc::downgrade(channel), growth.bytes as u64));
        kept.bytes += growth.bytes as u64;
        // The newest stays, however large it is: its channel is about to be read.
        while kept.bytes > budget && kept.blocks.len() > 1 {
            let Some((oldest, length)) = kept.blocks.pop_front() else { break };
            kept.bytes -= length;
            if let Some(oldest) = oldest.upgrade().filter(|oldest| oldest.log.forget_block(token)) {
                wake(oldest);
            }
        }
    }

    /// Begins a round of looking for what has been kept for long enough.
    pub(crate) fn begin_round(&self, kept: &mut Kept, now: Duration) {
        kept.now = now;
        kept.looks_left = if self.has_history { self.idle.len() } else { kept.blocks.len() };
        // What a crowd has left behind goes, but a list that grows again isn't copied each time.
        if kept.blocks.capacity() / 4 > kept.blocks.len() {
            kept.blocks.shrink_to(kept.blocks.len() * 2);
        }
    }

    /// Goes on with the round for a turn, if there is one. Gives the work that it was.
    pub(crate) fn go_round(
        &self,
        kept: &mut Kept,
        token: &mut WriterToken,
        trie: &Trie,
        mut wake: impl FnMut(Arc<Channel>),
    ) -> usize {
        let mut looks = 0;
        while kept.looks_left > 0 && looks < TURN_LOOKS {
            kept.looks_left -= 1;
            looks += if self.has_history {
                self.look_at_idle(kept.now, trie)
            } else {
                look_at_block(kept, token, &mut wake)
            };
        }
        looks
    }

    /// A channel's last member has left.
    pub(crate) fn leave(&self, channel: &Arc<Channel>, trie: &Trie) {
        let wildcards = channel.pattern().segments().filter(Option::is_none).count();
        if !self.has_history || wildcards > LINGER_WILDCARDS {
            retire(channel, trie);
            return;
        }
        if channel.list() {
            self.idle.push((channel.clone(), None));
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
    fn look_at_idle(&self, now: Duration, trie: &Trie) -> usize {
        let Some((channel, since)) = self.idle.pop() else { return 1 };
        let since = since.unwrap_or(now);
        if now.saturating_sub(since) >= LINGER && retire(&channel, trie) {
            return RETIREMENT_LOOKS;
        }
        self.return_idle(channel, Some(since));
        1
    }

    /// Puts a channel back on the list, unless it has members.
    fn return_idle(&self, channel: Arc<Channel>, since: Option<Duration>) {
        if !channel.strike_off() {
            self.idle.push((channel, since));
        }
    }
}

/// Ends the block of a channel that is quiet. Gives the effort, in looks.
fn look_at_block(kept: &mut Kept, token: &mut WriterToken, mut wake: impl FnMut(Arc<Channel>)) -> usize {
    let Some((channel, before)) = kept.blocks.pop_front() else { return 1 };
    let Some(alive) = channel.upgrade() else { return 1 };
    let written = alive.log.written();
    if written != before {
        kept.blocks.push_back((channel, written));
    } else if alive.log.forget_block(token) {
        wake(alive);
    }
    1
}

/// Takes a channel without members out of the trie; `false` if it has some.
fn retire(channel: &Arc<Channel>, trie: &Trie) -> bool {
    let retired = channel.retire();
    if retired {
        trie.remove(channel);
    }
    retired
}
