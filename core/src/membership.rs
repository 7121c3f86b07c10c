//! A subscription's place in one channel.

use std::sync::Arc;
use std::task::Waker;

use crate::channel::Channel;
use crate::engine::Engine;
use crate::filter::Pattern;
use crate::watchers::WatcherId;

/// One of a channel's members, and of its watchers.
pub(crate) struct Member {
    pub(crate) channel: Arc<Channel>,
    watcher: WatcherId,
}

impl Member {
    pub(crate) fn join(engine: &Engine, pattern: &Pattern, waker: &Waker) -> Self {
        let channel = engine.trie.join(pattern);
        let watcher = channel.watchers.join(waker);
        Self { channel, watcher }
    }

    /// Wakes another waker from now on. Read once after this.
    pub(crate) fn set_waker(&mut self, waker: &Waker) {
        let watchers = &self.channel.watchers;
        if !watchers.wakes(self.watcher, waker) {
            let old = std::mem::replace(&mut self.watcher, watchers.join(waker));
            watchers.leave(old);
        }
    }

    /// Ends the membership.
    pub(crate) fn leave(&self, engine: &Engine) {
        self.channel.watchers.leave(self.watcher);
        engine.leave(&self.channel);
    }
}
