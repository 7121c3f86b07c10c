//! A subscription's places in its channels.

use std::ops::Deref;
use std::sync::Arc;
use std::task::Waker;

use smallvec::SmallVec;

use crate::channel::Channel;
use crate::engine::Engine;
use crate::filter::Filter;
use crate::overlaps::Overlap;
use crate::pattern::Pattern;
use crate::watchers::WatcherId;

/// One subscription's places, one for each of its patterns. Dropping this leaves them all.
pub(crate) struct Membership {
    pub(crate) engine: Arc<Engine>,
    members: SmallVec<[Member; 1]>,
    /// `None`: the channels count this subscription, since an event comes from one of them at most.
    overlap: Option<Arc<Overlap>>,
}

/// One of a channel's members, and of its watchers.
pub(crate) struct Member {
    pub(crate) channel: Arc<Channel>,
    watcher: WatcherId,
}

impl Membership {
    /// Joins the channels of all the filter's patterns. `None`, and none is joined: one of them can't be had, since there
    /// are as many as may be.
    pub(crate) fn join(engine: Arc<Engine>, filter: &Filter, mut waker: impl FnMut(&Pattern) -> Waker) -> Option<Self> {
        let patterns = filter.patterns();
        // Those joined so far are left again if this is dropped on the way.
        let overlap = engine.overlaps.join(filter);
        let mut joined = Self { engine, members: SmallVec::with_capacity(patterns.len()), overlap };
        for pattern in patterns {
            let waker = waker(pattern);
            let channel = joined.engine.join(pattern)?;
            let watcher = channel.watchers.join(waker);
            if joined.overlap.is_none() {
                channel.join_as_sole();
            }
            joined.members.push(Member { channel, watcher });
        }
        Some(joined)
    }

    /// Wakes another waker from now on. Read once after this.
    pub(crate) fn set_waker(&mut self, waker: &Waker) {
        for Member { channel, watcher } in &mut self.members {
            let watchers = &channel.watchers;
            if !watchers.wakes(*watcher, waker) {
                let old = std::mem::replace(watcher, watchers.join(waker.clone()));
                watchers.leave(old);
            }
        }
    }
}

impl Deref for Membership {
    type Target = [Member];

    fn deref(&self) -> &[Member] {
        &self.members
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(overlap) = &self.overlap {
            self.engine.overlaps.leave(overlap);
        }
        for Member { channel, watcher } in &self.members {
            if self.overlap.is_none() {
                channel.leave_as_sole();
            }
            channel.watchers.leave(*watcher);
            self.engine.leave(channel);
        }
    }
}
