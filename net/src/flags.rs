//! Where a stream stands.

use std::ops::BitOr;

/// Where a connection stands, as far as its socket and the worker's lists go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

impl Flags {
    /// The socket is full; an edge will say when it no longer is.
    pub(crate) const BLOCKED: Flags = Flags(1);
    /// In the worker's backlog.
    pub(crate) const QUEUED: Flags = Flags(1 << 1);
    /// Something is owed before the next frame.
    pub(crate) const OWING: Flags = Flags(1 << 2);
    /// The stream ends as soon as its cursor is far enough.
    pub(crate) const LEAVING: Flags = Flags(1 << 3);
    /// A stall timer is armed.
    pub(crate) const WATCHED: Flags = Flags(1 << 4);
    /// On the attention list: it reads nothing before its turn.
    pub(crate) const ATTENTIVE: Flags = Flags(1 << 6);
    /// The reader jumps to the present when it is too far behind.
    pub(crate) const SKIPPING: Flags = Flags(1 << 5);
    /// Still owed what it had missed when it came back; counted for as long as this stands.
    pub(crate) const CATCHING_UP: Flags = Flags(1 << 7);

    /// Whether frames may be sent without further ado.
    pub(crate) fn is_plain(self) -> bool {
        self.0 & (Flags::BLOCKED.0 | Flags::QUEUED.0 | Flags::OWING.0) == 0
    }

    pub(crate) fn contains(self, flags: Flags) -> bool {
        self.0 & flags.0 == flags.0
    }

    pub(crate) fn insert(&mut self, flags: Flags) {
        self.0 |= flags.0;
    }

    pub(crate) fn remove(&mut self, flags: Flags) {
        self.0 &= !flags.0;
    }
}

impl BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags() {
        let mut flags = Flags::default();
        flags.insert(Flags::LEAVING | Flags::WATCHED);
        assert!(flags.is_plain() && flags.contains(Flags::LEAVING));
        flags.insert(Flags::OWING);
        assert!(!flags.is_plain() && !flags.contains(Flags::OWING | Flags::BLOCKED));
        flags.remove(Flags::OWING | Flags::LEAVING);
        assert!(flags.is_plain() && !flags.contains(Flags::LEAVING));
    }
}
