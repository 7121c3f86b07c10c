//! A connection: a socket, and an exchange that may become a stream.
//!
//! An exchange lies behind a box, which is dropped when the stream opens; a stream lies in the roster whole, for a box of its
//! own costs more than the larger entry (366 resident bytes instead of 482 at 15,000 idle streams). Neither keeps a buffer.

use crate::exchange::Exchange;
use crate::flags::Flags;
use crate::stream::Stream;

pub(crate) struct Connection<K, S, P> {
    pub(crate) socket: K,
    pub(crate) role: Role<S, P>,
}

/// What a connection is.
pub(crate) enum Role<S, P> {
    Exchange(Box<Exchange<P>>),
    Stream(Stream<S>),
}

impl<K, S, P> Connection<K, S, P> {
    /// It is to have a turn. False: it waits for one already.
    #[must_use]
    pub(crate) fn call_attention(&mut self) -> bool {
        match &mut self.role {
            Role::Exchange(exchange) => !std::mem::replace(&mut exchange.is_attentive, true),
            Role::Stream(stream) => {
                let waits = stream.flags.contains(Flags::ATTENTIVE);
                stream.flags.insert(Flags::ATTENTIVE);
                !waits
            }
        }
    }

    /// Its turn has come.
    pub(crate) fn attend(&mut self) {
        match &mut self.role {
            Role::Exchange(exchange) => exchange.is_attentive = false,
            Role::Stream(stream) => stream.flags.remove(Flags::ATTENTIVE),
        }
    }

    pub(crate) fn stream(&self) -> Option<&Stream<S>> {
        match &self.role {
            Role::Stream(stream) => Some(stream),
            Role::Exchange(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system_socket::SystemSocket;

    /// An idle stream is its entry, a timer and a place in its topic.
    #[test]
    fn an_idle_stream_is_small() {
        let entry = size_of::<Connection<SystemSocket, (), ()>>();
        assert!(entry <= 200, "{entry} bytes");
    }
}
