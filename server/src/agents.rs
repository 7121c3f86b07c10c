//! User agents, each kept once however many connections name it.
//!
//! A browser's is longer than all else that is remembered of its stream, and there are few browsers.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// What is kept of an agent: a client that sends more isn't worth the memory for as long as it stays.
const MAX_BYTES: usize = 256;

/// Not worth looking for agents that no one names any more.
const FEW: usize = 64;

/// The agents of all open streams, and of some that have closed.
#[derive(Debug, Default)]
pub(crate) struct Agents(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    agents: HashSet<Arc<str>>,
    /// When there are this many, those that no one names any more are dropped: so seldom that it costs each newcomer a
    /// constant, so often that at most half of them are dead weight.
    sweep_at: usize,
}

impl Agents {
    /// The one copy of this agent's name, as long as it is kept at all.
    pub(crate) fn intern(&self, agent: &[u8]) -> Arc<str> {
        let agent = String::from_utf8_lossy(&agent[..agent.len().min(MAX_BYTES)]);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = known.agents.get(&*agent) {
            return Arc::clone(agent);
        }
        if known.agents.len() >= known.sweep_at.max(FEW) {
            // A copy is made under this lock only, so that a count of one can't rise meanwhile.
            known.agents.retain(|agent| Arc::strong_count(agent) > 1);
            known.sweep_at = known.agents.len() * 2;
            let room = known.sweep_at;
            known.agents.shrink_to(room);
        }
        let agent: Arc<str> = agent.into();
        known.agents.insert(Arc::clone(&agent));
        agent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(agents: &Agents) -> usize {
        agents.0.lock().unwrap().agents.len()
    }

    #[test]
    fn equal_names_are_one() {
        let agents = Agents::default();
        let (a, b) = (agents.intern(b"curl/8"), agents.intern(b"curl/8"));
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!(&*agents.intern(b"caf\xff"), "caf\u{FFFD}");
        assert_eq!(agents.intern(&[b'x'; 10_000]).len(), MAX_BYTES);
    }

    #[test]
    fn who_is_gone_is_forgotten_and_who_is_here_is_not() {
        let agents = Agents::default();
        let here: Vec<_> = (0..100).map(|n: u32| agents.intern(format!("here {n}").as_bytes())).collect();
        for n in 0..10_000 {
            drop(agents.intern(format!("gone {n}").as_bytes()));
        }
        assert!(known(&agents) <= 2 * here.len(), "{}", known(&agents));
        assert!(here.iter().all(|agent| Arc::ptr_eq(agent, &agents.intern(agent.as_bytes()))));
    }
}
