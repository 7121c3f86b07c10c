//! Who waits for a snapshot, and what is there for who comes now.

use bytes::Bytes;

use crate::reply::Responder;

/// Who waits, and whether a round is under way.
///
/// ```text
///            ask: Begin            share                end_round
///   Idle ───────────────► Round ──────────► Shared ───────────────► Idle
///    ▲                    │   ▲ ask: Wait     ▲ ask: Have
///    └── end_round, none ─┴───┘ end_round: those who wait begin the next
/// ```
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// Since the round began: they may know of what it has not seen any more.
    waiting: Vec<Responder>,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    Round,
    Shared(Bytes),
}

/// What becomes of who asks.
#[derive(Debug)]
#[must_use]
pub(super) enum Asked {
    /// Begin a round for these.
    Begin(Vec<Responder>),
    /// A round is under way.
    Wait,
    /// Send it this.
    Have(Responder, Bytes),
}

impl Desk {
    pub(super) fn ask(&mut self, responder: Responder) -> Asked {
        match &self.state {
            State::Idle => {
                self.state = State::Round;
                Asked::Begin(vec![responder])
            }
            State::Round => {
                self.waiting.push(responder);
                Asked::Wait
            }
            State::Shared(json) => Asked::Have(responder, json.clone()),
        }
    }

    /// The round has come to this, which is for all who come until it ends. Gives those who wait for it already.
    #[must_use]
    pub(super) fn share(&mut self, json: Bytes) -> Vec<Responder> {
        debug_assert!(matches!(self.state, State::Round), "only a round gives something to share");
        self.state = State::Shared(json);
        std::mem::take(&mut self.waiting)
    }

    /// The round is over, and what it shared is let go. If this gives someone, the next is under way, for them.
    #[must_use]
    pub(super) fn end_round(&mut self) -> Vec<Responder> {
        let waiting = std::mem::take(&mut self.waiting);
        self.state = if waiting.is_empty() { State::Idle } else { State::Round };
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn someone() -> Responder {
        Responder::new(|_| {})
    }

    #[test]
    fn who_comes_within_a_round_waits_for_the_next() {
        let mut desk = Desk::default();
        assert!(matches!(desk.ask(someone()), Asked::Begin(first) if first.len() == 1));
        for _ in 0..3 {
            assert!(matches!(desk.ask(someone()), Asked::Wait));
        }
        assert_eq!(desk.end_round().len(), 3);
        assert!(matches!(desk.ask(someone()), Asked::Wait), "the next is under way");
        assert_eq!(desk.end_round().len(), 1);
        assert!(desk.end_round().is_empty());
        assert!(matches!(desk.ask(someone()), Asked::Begin(_)));
    }

    #[test]
    fn what_is_shared_is_for_all_until_the_round_ends() {
        let mut desk = Desk::default();
        let _ = desk.ask(someone());
        let _ = desk.ask(someone());
        let json = Bytes::from(vec![b'x'; 9]);
        assert_eq!(desk.share(json.clone()).len(), 1, "who waits gets it too");
        for _ in 0..200 {
            let Asked::Have(_, bytes) = desk.ask(someone()) else { panic!("it is there") };
            assert_eq!(bytes.as_ptr(), json.as_ptr(), "the same bytes, not a copy");
        }
        assert!(desk.end_round().is_empty());
        assert!(json.is_unique(), "let go");
        assert!(matches!(desk.ask(someone()), Asked::Begin(_)));
    }
}
