//! What all handles of a hub share.

use std::sync::Arc;
use std::time::Duration;

use crossbeam::utils::CachePadded;

use crate::channels::channel::Channel;
use crate::channels::log::Past;
use crate::channels::overlaps::Overlaps;
use crate::channels::watchers::Watchers;
use crate::channels::writer_token::WriterToken;
use crate::config::HubConfig;
use crate::delivery::retention::{Kept, Retention};
use crate::delivery::role::Role;
use crate::delivery::sequencer::Sequencer;
use crate::delivery::turn_counts::TurnCounters;
use crate::delivery::writer::Writer;
use crate::events::event::PreparedEvent;
use crate::events::event_id::EventId;
use crate::events::frame::IdEnd;
use crate::history::journal::Journal;
use crate::history::resume_counts::ResumeCounters;
use crate::names::pattern::Pattern;
use crate::random::random;
use crate::routing::trie::Trie;
use crate::sync::{AtomicBool, AtomicSlot, AtomicU64, AtomicUsize, Ordering, fence};

/// Events taken out of the queue at a time: they share one fence and one look at the trie.
pub(crate) const BATCH_EVENTS: usize = 64;

/// What all handles of a hub share: what is delivered from, and what to.
pub(crate) struct Engine {
    pub(crate) sequencer: Sequencer<PreparedEvent>,
    pub(crate) role: CachePadded<Role>,
    /// There while nobody has the role; with who has it otherwise.
    pub(crate) writer: AtomicSlot<Writer>,
    pub(crate) trie: Trie,
    pub(crate) overlaps: Overlaps,
    /// Event loops that take over what a turn leaves.
    pub(crate) drivers: Watchers,
    /// None: nobody can resume, and frames have no ids.
    pub(crate) journal: Option<Journal>,
    pub(crate) resume_counts: ResumeCounters,
    pub(crate) retention: Retention,
    /// On a cache line of their own: each turn writes to them.
    pub(crate) turn_counters: CachePadded<TurnCounters>,
    /// Subscriptions that there are. On a cache line of its own: every reader looks at what is beside it here.
    subscriptions: CachePadded<AtomicUsize>,
    epoch: u64,
    /// Every event through this sequence is in every log it belongs to, and in the journal.
    completed: AtomicU64,
    /// The time of a tick that no turn has heard of yet, in milliseconds; or [`NO_TICK`].
    tick_ms: AtomicU64,
    /// No more events are taken. Beside the sequencer's own word, since every reader looks here and that word changes
    /// with each event.
    closed: AtomicBool,
    /// Everyone is being woken to find the end, or has been.
    end_told: AtomicBool,
}

const NO_TICK: u64 = u64::MAX;

impl Engine {
    pub(crate) fn new(config: &HubConfig) -> Self {
        let epoch = config.epoch.unwrap_or_else(random);
        let history = (config.history_bytes > 0).then_some(config.history_bytes);
        let past = if history.is_some() { Past::Kept } else { Past::Dropped };
        // What channels keep beside the journal is there to be faster, not to reach further back.
        let block_bytes = history.map_or(config.backlog_bytes, |bytes| bytes / 2);
        let kept = Kept::new(past, block_bytes as u64);
        let (sequencer, taker) = Sequencer::new(config.queue_events);
        let writer = AtomicSlot::new();
        writer.put(Box::new(Writer::new(taker, history.map(|_| IdEnd::new(epoch)), kept, BATCH_EVENTS)));
        Self {
            sequencer,
            role: CachePadded::new(Role::new()),
            writer,
            trie: Trie::new(config.max_channels, past),
            overlaps: Overlaps::new(),
            drivers: Watchers::new(),
            journal: history.map(|bytes| Journal::new(bytes, config.history_age)),
            resume_counts: ResumeCounters::new(),
            retention: Retention::new(past),
            turn_counters: CachePadded::new(TurnCounters::new()),
            subscriptions: CachePadded::new(AtomicUsize::new(0)),
            epoch,
            completed: AtomicU64::new(0),
            tick_ms: AtomicU64::new(NO_TICK),
            closed: AtomicBool::new(false),
            end_told: AtomicBool::new(false),
        }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn id(&self, sequence: u64) -> EventId {
        EventId { epoch: self.epoch, sequence }
    }

    /// Makes the caller a member of the pattern's channel. `None`: there is none, and there are as many as may be, all
    /// with members.
    pub(crate) fn join(&self, pattern: &Pattern) -> Option<Arc<Channel>> {
        loop {
            if let Some(channel) = self.trie.join(pattern) {
                return Some(channel);
            }
            // Another may take the room that is made; each time one channel less is without members.
            if !self.retention.make_room(&self.trie) {
                return None;
            }
        }
    }

    /// A member of the channel has left.
    pub(crate) fn leave(&self, channel: &Arc<Channel>) {
        if channel.leave() {
            self.retention.note_empty(channel, &self.trie);
        }
    }

    /// Subscriptions that there are.
    pub(crate) fn subscriptions(&self) -> usize {
        self.subscriptions.load(Ordering::Relaxed) // a count on its own
    }

    /// Counts one more.
    pub(crate) fn count_subscription(&self) {
        self.subscriptions.fetch_add(1, Ordering::Relaxed); // as above
    }

    /// Counts one less.
    pub(crate) fn uncount_subscription(&self) {
        self.subscriptions.fetch_sub(1, Ordering::Relaxed); // as above
    }

    /// Every event through this sequence is in every log it belongs to, and in the journal.
    pub(crate) fn completed(&self) -> u64 {
        // Acquire: with the release in `complete`; what was appended before is seen.
        self.completed.load(Ordering::Acquire)
    }

    /// Says that all through this sequence is appended.
    pub(crate) fn complete(&self, _token: &mut WriterToken, sequence: u64) {
        // Release: all that was appended, with the acquire in `completed`.
        self.completed.store(sequence, Ordering::Release);
    }

    /// Takes no more events. Call after this.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed); // released with the end of the queue, by the call
        self.sequencer.close();
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed) // a hint: the sequencer decides what is still taken
    }

    /// All is delivered that will ever be.
    pub(crate) fn has_ended(&self) -> bool {
        self.sequencer.last().is_some_and(|last| self.completed() >= last)
    }

    /// Wakes everyone, once, so that they find the end.
    #[cold]
    pub(crate) fn tell_end(&self) {
        // Relaxed: who finds `false` does it; nothing is handed over.
        if self.end_told.swap(true, Ordering::Relaxed) {
            return;
        }
        // A subscriber changes the trie, joins the watchers, then asks for the end; the end is there, then its channel
        // is looked for here. Both orders:
        // - the subscriber's fence first: its channel is found, and its watcher is woken;
        // - this fence first: the subscriber finds the end.
        fence(Ordering::SeqCst); // with the one in `Watchers::join`
        self.trie.snapshot().for_each(&mut |channel| channel.watchers.wake_all());
    }

    /// Says that it is time to look for what has been kept for long enough. Call after this.
    pub(crate) fn set_tick(&self, now: Duration) {
        let ms = u64::try_from(now.as_millis()).unwrap_or(NO_TICK).min(NO_TICK - 1);
        self.tick_ms.store(ms, Ordering::Relaxed); // released by the call, acquired by who has the role then
    }

    /// The time, if it is set and no turn has heard of it yet.
    pub(crate) fn take_tick(&self, _token: &mut WriterToken) -> Option<Duration> {
        // Relaxed: as in `set_tick`. The load spares every turn a locked instruction.
        if self.tick_ms.load(Ordering::Relaxed) == NO_TICK {
            return None;
        }
        Some(Duration::from_millis(self.tick_ms.swap(NO_TICK, Ordering::Relaxed))) // as above; one takes at a time
    }
}
