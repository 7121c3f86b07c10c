//! What a hub has done, and what it holds: numbers for those who watch it.

use crate::delivery::engine::Engine;

/// What a hub has done so far, and what it holds now.
///
/// Each number is true for a moment during the call; two of them may be of different moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Events published since the hub was made.
    pub published: u64,
    /// Those of them that are delivered: in the history, and in the logs of all their channels.
    pub delivered: u64,
    /// Those of them that are not delivered yet. A hub that keeps up has few;
    /// [`HubConfig::queue_events`](crate::HubConfig::queue_events) and 128 more are the most.
    pub queued: u64,
    /// Turns of delivering that are over.
    pub turns: u64,
    /// Work of these turns, in units of about 100 ns: one for each event, one for each frame that is appended to a log,
    /// one for each KiB that is copied, and one for each look at what may have been kept for long enough.
    pub work: u64,
    /// Subscriptions that there are.
    pub subscriptions: usize,
    /// [Channels](crate::Hub::channels) that there are.
    pub channels: usize,
    /// Those of them without subscriptions, which live on for readers who come back. It is exact after a
    /// [tick](crate::Hub::tick); until then, channels that have got subscriptions again may count.
    pub lingering: usize,
    /// Bytes of memory that the history's blocks take, without their indexes. 0 without history.
    pub history_bytes: usize,
    /// The sequence of the oldest event that the history has, or of the next one if it has none. `None`: no history.
    pub history_oldest: Option<u64>,
    /// Blocks that the history has let go of since there were more bytes than
    /// [`HubConfig::history_bytes`](crate::HubConfig::history_bytes).
    pub history_evictions: u64,
    /// Bytes of memory that blocks of the channels' logs take, at most: some of those counted may be gone already.
    pub log_bytes: u64,
    /// Blocks that logs have let go of since all logs together had more bytes than they may. A reader that had not read
    /// one gets it from the history, or is told of a gap.
    pub log_evictions: u64,
}

impl Statistics {
    pub(crate) fn of(engine: &Engine) -> Self {
        let (delivered, counts) = (engine.completed(), engine.turn_counters.read());
        // Asked after `delivered`, whose acquire comes after the tickets of all that is delivered. So it is not less.
        let published = engine.sequencer.queued();
        let history = engine.journal.as_ref().map(|journal| journal.holding());
        Self {
            published,
            delivered,
            queued: published - delivered,
            turns: counts.turns,
            work: counts.work,
            subscriptions: engine.subscriptions(),
            channels: engine.trie.channels(),
            lingering: engine.retention.lingering(),
            history_bytes: history.map_or(0, |history| history.bytes),
            history_oldest: history.map(|history| history.after + 1),
            history_evictions: history.map_or(0, |history| history.evictions),
            log_bytes: counts.log_bytes,
            log_evictions: counts.log_evictions,
        }
    }
}
