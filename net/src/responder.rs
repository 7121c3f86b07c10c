//! Answers that come later, from any thread.

use std::fmt;
use std::sync::Arc;

use crate::inbox::{Inbox, Message, Ticket};
use crate::reply::Reply;

/// Answers one request later, from any thread. Comes from [`Context::responder`](crate::Context::responder).
///
/// Dropped unsent, it answers `500` and closes the connection. If the client has gone meanwhile, the answer is
/// dropped.
#[must_use = "a responder dropped unsent answers 500"]
pub struct Responder<S> {
    inbox: Arc<Inbox<S>>,
    ticket: Ticket,
    sent: bool,
}

impl<S> Responder<S> {
    pub(crate) fn new(inbox: Arc<Inbox<S>>, ticket: Ticket) -> Responder<S> {
        Responder { inbox, ticket, sent: false }
    }

    /// Answers. [`Reply::Later`] is no answer, and counts as a responder dropped unsent.
    pub fn send(mut self, reply: Reply<S>) {
        let reply = match reply {
            Reply::Later => None,
            reply => Some(Box::new(reply)),
        };
        self.sent = true;
        self.inbox.push(Message::Reply(self.ticket, reply));
    }
}

impl<S> Drop for Responder<S> {
    fn drop(&mut self) {
        if !self.sent {
            self.inbox.push(Message::Reply(self.ticket, None));
        }
    }
}

impl<S> fmt::Debug for Responder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("ticket", &self.ticket).field("sent", &self.sent).finish_non_exhaustive()
    }
}
