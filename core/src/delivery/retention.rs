//! What is kept of channels for those who return, and for how long.
//!
//! With history, a log keeps its past, and a channel lives on for a while when its last member has left: a crowd that
//! lost its connections finds the channel as it was, and resumes by placing cursors. Channels without members go when
//! they have been so for some time, are too many, or when a newcomer needs the room: they count towards the limit on
//! channels, but never keep anyone out. Without history a channel goes with its last member.

use std::sync::Arc;
use std::time::Duration;

use crossbeam::queue::SegQueue;

use crate::channels::blocks::Blocks;
use crate::channels::channel::Channel;
use crate::channels::log::Past;
use crate::channels::writer_token::WriterToken;
use crate::routing::trie::Trie;

/// Channels that one turn looks at; it leaves the others to the next turn. A look is some 100 ns, as an event is.
const TURN_LOOKS: usize = if cfg!(loom) { 1 } else { 512 };

/// How long a channel without members lives on at least: long enough for clients to come back who wait for a few
/// seconds, and fail a few times. It is counted from the first look at the channel, in the round after its last member
/// has left.
const LINGER: Duration = Duration::from_secs(15);

/// Looks that taking a channel out of the trie counts as: the trie's nodes on its path are copied.
const RETIREMENT_LOOKS: usize = if cfg!(loom) { 1 } else { 64 };

/// Channels without members that live on at most. Each costs some 500 bytes, and more if its pattern is long.
const LINGER_CHANNELS: usize = if cfg!(loom) { 1 } else { 1 << 14 };

/// Wildcards in a pattern whose channel lives on without members. Each further one multiplies the ways that an event
/// goes down the trie. A client that joins and leaves again and again would fill it with such patterns, and never be
/// beyond a limit. A reader that comes back to one is given what it has missed from the journal.
const LINGER_WILDCARDS: usize = 1;

/// Channels that live on without members. Anyone may know and change it.
pub(crate) struct Retention {
    past: Past,
    /// Channels without members, and when they were first seen to have none; some may have got members again.
    idle: SegQueue<(Arc<Channel>, Option<Duration>)>,
}

/// What is kept of blocks, and the round of looking at what has been kept for long enough. The writer's.
pub(crate) struct Kept {
    pub(crate) blocks: Blocks,
    /// The time, as the round has it.
    now: Duration,
    /// Looks left in this round.
    looks_left: usize,
}

impl Kept {
    /// Keeps at most so many bytes of blocks.
    pub(crate) fn new(past: Past, block_bytes: u64) -> Self {
        Self { blocks: Blocks::new(past, block_bytes), now: Duration::ZERO, looks_left: 0 }
    }

    /// Whether a round has begun, and is to go on.
    pub(crate) fn is_in_round(&self) -> bool {
        self.looks_left > 0
    }
}

impl Retention {
    pub(crate) fn new(past: Past) -> Self {
        Self { past, idle: SegQueue::new() }
    }

    /// Begins a round of looking for what has been kept for long enough.
    pub(crate) fn begin_round(&self, kept: &mut Kept, now: Duration) {
        kept.now = now;
        let logs = kept.blocks.begin_round();
        kept.looks_left = if self.past == Past::Kept { self.idle.len() } else { logs };
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
            looks += match self.past {
                Past::Kept => self.look_at_idle(kept.now, trie),
                Past::Dropped => {
                    kept.blocks.look_at_log(token, &mut wake);
                    1
                }
            };
        }
        looks
    }

    /// Channels on the list of those without members.
    pub(crate) fn lingering(&self) -> usize {
        self.idle.len()
    }

    /// Notes that a channel has no members: its last one has left.
    pub(crate) fn note_empty(&self, channel: &Arc<Channel>, trie: &Trie) {
        let wildcards = channel.pattern().segments().filter(Option::is_none).count();
        if self.past == Past::Dropped || wildcards > LINGER_WILDCARDS {
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

    /// Ends a channel without members, the one that has had none for longest, so that there is room for another.
    /// `false`: there is none, but perhaps one that is being looked at by another thread.
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

/// Takes a channel without members out of the trie; `false` if it has some.
fn retire(channel: &Arc<Channel>, trie: &Trie) -> bool {
    let retired = channel.retire();
    if retired {
        trie.remove(channel);
    }
    retired
}
