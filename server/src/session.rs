//! What is remembered of an open stream.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::limits::Slot;
use crate::text::cut;

/// The longest path and namespace kept. One namespace of ours fits; many in one stream, or an embedder's, may not.
const MAX_BYTES: usize = 4096;

/// What is remembered of an open stream. There may be a million of them, so it is small: the path, of which the
/// namespace is the end as a rule, is its only allocation.
#[derive(Debug)]
pub(crate) struct Session {
    /// The request's path, and the namespace after it unless the path ends in it.
    texts: Box<str>,
    path_end: u16,
    namespace_start: u16,
    agent: Arc<str>,
    opened: Instant,
    slot: Slot,
}

impl Session {
    pub(crate) fn new(path: &str, namespace: &str, agent: Arc<str>, slot: Slot) -> Session {
        let (path, namespace) = (cut(path, MAX_BYTES), cut(namespace, MAX_BYTES));
        let (texts, namespace_start) = match path.strip_suffix(namespace) {
            Some(before) => (path.into(), before.len()),
            None => ([path, namespace].concat().into_boxed_str(), path.len()),
        };
        let at = |position: usize| u16::try_from(position).expect("the texts are cut to fit");
        let (path_end, namespace_start) = (at(path.len()), at(namespace_start));
        Session { texts, path_end, namespace_start, agent, opened: Instant::now(), slot }
    }

    /// As it was sent, without the query.
    pub(crate) fn path(&self) -> &str {
        &self.texts[..usize::from(self.path_end)]
    }

    /// What is subscribed to; several namespaces are separated by commas.
    pub(crate) fn namespace(&self) -> &str {
        &self.texts[usize::from(self.namespace_start)..]
    }

    pub(crate) fn agent(&self) -> &Arc<str> {
        &self.agent
    }

    pub(crate) fn client(&self) -> IpAddr {
        self.slot.client()
    }

    pub(crate) fn opened(&self) -> Instant {
        self.opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Addresses;

    fn session(path: &str, namespace: &str) -> Session {
        let slot = Addresses::new(None).enter([192, 0, 2, 1].into()).unwrap();
        Session::new(path, namespace, "curl/8".into(), slot)
    }

    #[test]
    fn gives_back_what_it_was_given() {
        for (path, namespace) in [
            ("/subscribe/pets", "/pets"),
            ("/subscribe/pets/", "/pets"),
            ("/subscribe", "/"),
            ("/events", "/events"),
            ("/subscribe", "/pets,/time"),
        ] {
            let session = session(path, namespace);
            assert_eq!((session.path(), session.namespace(), &**session.agent()), (path, namespace, "curl/8"));
            assert_eq!(session.client(), IpAddr::from([192, 0, 2, 1]));
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let session = session(&"é".repeat(40_000), &format!("x{}", "é".repeat(40_000)));
        assert_eq!(session.path().len(), MAX_BYTES);
        assert_eq!(session.namespace().len(), MAX_BYTES - 1);
    }

    /// An idle connection may cost 512 bytes in all; this is our part of it.
    #[test]
    fn is_small() {
        assert!(size_of::<Session>() <= 88, "{}", size_of::<Session>());
    }
}
