//! A channel's append-only log: a chain of blocks, and the end where it grows.
//!
//! ```text
//!   chain   | block | block | block |                each begins where the one before it ends
//!                ▲              ▲
//!          cursor at rest     tail, being filled      cursors that have caught up stand here
//! ```
//!
//! The chain is an immutable value behind one pointer, as the trie is, and only it knows which block follows which. A
//! cursor holds the block it stands in and asks the log for the next, so it keeps nothing of what is appended after
//! that block. If the next one has been let go of, the cursor is told that its way on is gone.
//!
//! Who lets go of blocks is the [owner of all blocks](crate::channels::blocks): with history, when they are more than
//! its budget; without history, also as soon as no cursor stands in or before them.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::channels::segment::{Before, Segment};
use crate::channels::writer_token::WriterToken;
use crate::sync::{AtomicU64, Ordering, Swap, fence};

/// Blocks double from the first size to the last: a channel that says a word a minute stays small, a busy one crosses
/// a segment's end rarely. 256 KiB is four turns of a reader, and a block the allocator keeps mapped.
const FIRST_BLOCK_BYTES: usize = if cfg!(loom) { 32 } else { 1 << 10 };
const LAST_BLOCK_BYTES: usize = if cfg!(loom) { 32 } else { 256 << 10 };

/// Frames in order of their sequences. One writer, any number of cursors.
pub(crate) struct Log {
    chain: Swap<Chain>,
    /// The last of the chain: what the writer needs each time.
    tail: Swap<Segment>,
    /// Bytes ever appended. A cursor's lag is this less its position.
    written: AtomicU64,
    /// The channel's events after this sequence are all appended here. Unknown, and so none, at first.
    complete_after: AtomicU64,
}

/// The blocks that can be found, oldest first, and marks: blocks of no bytes, for readers to stand in where there is no
/// other. Never empty.
type Chain = SmallVec<[Arc<Segment>; 1]>;

/// What becomes of blocks that the tail has gone beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past {
    /// They stay for those who return, until [`Log::forget`].
    Kept,
    /// They go when every reader has read them.
    Dropped,
}

/// Where the logs of a hub begin: a chain of one mark.
pub(crate) enum Origin {
    /// All of them share it until they have a block.
    Shared(Arc<Chain>),
    /// Each has its own: it is to be known who has left it.
    Own,
}

impl Origin {
    pub(crate) fn new(past: Past) -> Self {
        match past {
            Past::Kept => Self::Shared(beginning()),
            Past::Dropped => Self::Own,
        }
    }
}

fn beginning() -> Arc<Chain> {
    Arc::new(Chain::from_buf([Arc::new(Segment::mark(Before::default()))]))
}

/// What a log still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Remains {
    /// No block.
    Nothing,
    /// Its tail, which has been ended: readers who have caught up stand in it until they look again.
    EndedTail,
    /// Blocks that readers have yet to read, or the tail.
    Blocks,
}

/// What there is after a block.
pub(crate) enum Next {
    Block(Arc<Segment>),
    /// Nothing yet.
    Pending,
    /// Something that is no longer here.
    Gone,
}

impl Log {
    pub(crate) fn new(origin: &Origin) -> Self {
        let chain = match origin {
            Origin::Shared(chain) => chain.clone(),
            Origin::Own => beginning(),
        };
        Self {
            tail: Swap::new(chain[0].clone()),
            chain: Swap::new(chain),
            written: AtomicU64::new(0),
            complete_after: AtomicU64::new(u64::MAX),
        }
    }

    /// Appends a frame, given in pieces; gives the block that it has begun, if it has begun one.
    #[inline]
    pub(crate) fn append(
        &self,
        _token: &mut WriterToken,
        frame: &[&[u8]],
        sequence: u64,
        past: Past,
    ) -> Option<Arc<Segment>> {
        let length = frame.iter().map(|piece| piece.len()).sum::<usize>();
        // Relaxed: only the writer stores it, and each holder of the token is ordered after the one before. Readers
        // take it for their lag, which is a measure and publishes nothing.
        let written = self.written.load(Ordering::Relaxed) + length as u64;
        let full = self.tail.with(|tail| tail.append(frame, sequence).is_err().then(|| tail.clone()));
        let begun = full.map(|full| self.grow(&full, length, frame, sequence, past));
        self.written.store(written, Ordering::Relaxed); // see above
        begun
    }

    /// Goes on in a new block, whose first frame is `frame`.
    #[cold]
    fn grow(&self, full: &Segment, length: usize, frame: &[&[u8]], sequence: u64, past: Past) -> Arc<Segment> {
        let chain = self.chain.load();
        let kept = match past {
            // A mark has nothing that anyone could come back for.
            Past::Kept if full.capacity() == 0 => Chain::new(),
            Past::Kept => (*chain).clone(),
            Past::Dropped => chain[blocks_read(&chain)..].into(),
        };
        if !kept.is_empty() && kept.len() < chain.len() {
            // Before another is allocated, so that it takes the place of one that goes.
            self.chain.store(Arc::new(kept.clone()));
        }
        drop(chain);
        let capacity = (full.capacity() * 2).clamp(FIRST_BLOCK_BYTES, LAST_BLOCK_BYTES).max(Segment::room_for(length));
        let next = Arc::new(Segment::new(capacity, end_of(full), sequence));
        next.append(frame, sequence).expect("a new block has room for its first frame");
        self.go_on_in(full, &next, kept.into_iter().chain([next.clone()]).collect());
        next
    }

    /// The chain first: a cursor that finds its block sealed finds there what follows.
    fn go_on_in(&self, last: &Segment, next: &Arc<Segment>, chain: Chain) {
        self.chain.store(Arc::new(chain));
        self.tail.store(next.clone());
        if !last.view().is_sealed() {
            last.seal();
        }
    }

    /// Lets go of a block, if it is still here, and of those before it. `true` if the tail was among them: then readers
    /// who have caught up stand in it until they look again.
    #[must_use]
    pub(crate) fn forget(&self, token: &mut WriterToken, block: &Segment, past: Past) -> bool {
        let chain = self.chain.load();
        let count = chain.partition_point(|other| other.before().bytes <= block.before().bytes);
        if count < chain.len() {
            if count > 0 {
                self.chain.store(Arc::new(chain[count..].into()));
            }
            return false;
        }
        let Some(tail) = chain.last().cloned() else { return false };
        drop(chain);
        match past {
            Past::Kept => self.end(&tail, &[]),
            Past::Dropped => {
                // It stays in the chain while readers stand in it: so they have what comes after it as if it had
                // stayed.
                let ended = self.end(&tail, std::slice::from_ref(&tail));
                drop(tail);
                let _remains = self.forget_read(token, false);
                ended
            }
        }
    }

    /// Lets go of the blocks that every reader has read. If the log `is_quiet`, it ends a tail that all readers have
    /// come to, so that it goes when they have left it.
    pub(crate) fn forget_read(&self, _token: &mut WriterToken, is_quiet: bool) -> Remains {
        let chain = self.chain.load();
        let kept = &chain[blocks_read(&chain)..];
        if let [tail] = kept
            && is_quiet
            && self.end(tail, kept)
        {
            return Remains::EndedTail;
        }
        if kept.len() < chain.len() {
            self.chain.store(Arc::new(kept.into()));
        }
        match kept {
            [mark] if mark.capacity() == 0 => Remains::Nothing,
            _ => Remains::Blocks,
        }
    }

    /// Goes on in a mark after `kept`, whose last is, or was, the tail; `false` if that is one.
    fn end(&self, tail: &Segment, kept: &[Arc<Segment>]) -> bool {
        if tail.capacity() == 0 {
            return false;
        }
        let mark = Arc::new(Segment::mark(end_of(tail)));
        self.go_on_in(tail, &mark, kept.iter().cloned().chain([mark.clone()]).collect());
        true
    }

    /// What follows a sealed block.
    pub(crate) fn next(&self, block: &Segment) -> Next {
        let end = end_of(block).bytes;
        self.chain.with(|chain| {
            let first = chain.partition_point(|other| other.before().bytes < end);
            // A mark ends where it begins.
            match chain[first..].iter().find(|other| !std::ptr::eq(&***other, block)) {
                Some(next) if next.before().bytes == end => Next::Block(next.clone()),
                Some(_) => Next::Gone,
                None => Next::Pending,
            }
        })
    }

    /// The block that grows.
    pub(crate) fn tail(&self) -> Arc<Segment> {
        self.tail.load()
    }

    /// The block from whose beginning every event of the channel after `sequence` will be read, if they are all still
    /// here. It may have some through `sequence` that are yet to come.
    pub(crate) fn block_after(&self, sequence: u64) -> Option<Arc<Segment>> {
        // Relaxed: the caller has lowered it itself, by its own `note_complete_after`; an older value asks for more.
        if self.complete_after.load(Ordering::Relaxed) > sequence {
            return None;
        }
        self.chain.with(|chain| {
            let later = chain.partition_point(|block| block.before().sequence <= sequence);
            chain[..later].last().cloned()
        })
    }

    /// Notes that every event of the channel after `sequence` is appended here.
    pub(crate) fn note_complete_after(&self, sequence: u64) {
        // Relaxed, both: each value is true by itself; the load spares most a locked instruction.
        if sequence < self.complete_after.load(Ordering::Relaxed) {
            self.complete_after.fetch_min(sequence, Ordering::Relaxed); // as above
        }
    }

    /// Bytes ever appended.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed) // a measure; it may be older than what a cursor has seen
    }
}

/// How many of the first blocks have no reader in them or before them. The tail is never among these.
fn blocks_read(chain: &Chain) -> usize {
    // A reader takes hold of a block before it lets go of the one before, so the first block that is held has all
    // readers in it or after it. One that finds no block left after its own has come from a block that was let go of
    // over its head.
    let is_free = |block: &&Arc<Segment>| {
        let is_free = Arc::strong_count(block) == 1;
        fence(Ordering::Acquire); // with the release as `Arc` lets go: what its reader took hold of before is seen
        is_free
    };
    chain[..chain.len() - 1].iter().take_while(is_free).count()
}

/// What of the log lies before the end of the block, as it is now.
fn end_of(block: &Segment) -> Before {
    let (before, view) = (block.before(), block.view());
    Before { bytes: before.bytes + view.bytes() as u64, sequence: view.last_sequence() }
}

#[cfg(all(test, not(loom)))]
mod tests;
