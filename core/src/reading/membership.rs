//! A subscription's places in its channels.

use std::mem;
use std::ops::Deref;
use std::sync::Arc;
use std::task::Waker;

use smallvec::SmallVec;

use crate::channels::channel::Channel;
use crate::channels::log::Log;
use crate::channels::watchers::Watcher;
use crate::delivery::engine::Engine;
use crate::names::filter::Filter;
use crate::names::pattern::Pattern;

/// One subscription's places, in which it is counted. Dropping this leaves them all.
pub(crate) struct Membership(Places);

/// A place for each of a filter's patterns. Dropping this leaves them all.
pub(crate) struct Places {
    pub(crate) engine: Arc<Engine>,
    members: SmallVec<[Member; 1]>,
}

/// One of a channel's members, and of its watchers.
pub(crate) struct Member {
    pub(crate) channel: Arc<Channel>,
    watcher: Arc<Watcher>,
}

impl Membership {
    /// Joins the channels of all the filter's patterns. `None`, and none is joined: one of them can't be had, since
    /// there are as many as may be.
    pub(crate) fn join(engine: Arc<Engine>, filter: &Filter, mut waker: impl FnMut(&Pattern) -> Waker) -> Option<Self> {
        let patterns = filter.patterns();
        // Those joined so far are left again if this is dropped on the way.
        let mut joined = Places { engine, members: SmallVec::with_capacity(patterns.len()) };
        for pattern in patterns {
            let waker = waker(pattern);
            let channel = joined.engine.join(pattern)?;
            let watcher = channel.watchers.join(waker);
            joined.members.push(Member { channel, watcher });
        }
        joined.count(filter);
        Some(Self(joined))
    }

    /// Wakes another waker from now on. Read once after this.
    pub(crate) fn set_waker(&mut self, waker: &Waker) {
        for Member { channel, watcher } in &mut self.0.members {
            // A task asks each time it is polled, and mostly with the waker that is there.
            if !watcher.is_of(waker) {
                let old = mem::replace(watcher, channel.watchers.join(waker.clone()));
                channel.watchers.leave(&old);
            }
        }
    }
}

impl Places {
    /// The log of one of the channels.
    pub(crate) fn log(&self, index: usize) -> &Log {
        &self[index].channel.log
    }

    /// Bytes that the channels have written in all.
    pub(crate) fn written(&self) -> u64 {
        self.iter().map(|member| member.channel.log.written()).sum()
    }

    /// Counts the subscription, which has this filter.
    fn count(&self, filter: &Filter) {
        self.engine.count_subscription();
        match filter.overlaps() {
            true => self.engine.overlaps.join(filter),
            false => self.iter().for_each(|member| member.channel.count_sole()),
        }
    }

    /// Counts it no longer.
    fn uncount(&self) {
        self.engine.uncount_subscription();
        // The filter is not kept: subscriptions are many, and most have one pattern.
        let filter = || Filter::of(self.iter().map(|member| member.channel.pattern().clone()).collect());
        match (self.len() > 1).then(filter).filter(Filter::overlaps) {
            Some(filter) => self.engine.overlaps.leave(&filter),
            None => self.iter().for_each(|member| member.channel.uncount_sole()),
        }
    }
}

impl Deref for Membership {
    type Target = Places;

    fn deref(&self) -> &Places {
        &self.0
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.0.uncount();
    }
}

impl Deref for Places {
    type Target = [Member];

    fn deref(&self) -> &[Member] {
        &self.members
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        for Member { channel, watcher } in &self.members {
            channel.watchers.leave(watcher);
            self.engine.leave(channel);
        }
    }
}
