//! What is remembered of an open stream.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use sse_core::Filter;
use sse_core::http::cut;

use crate::limits::Permit;
use crate::namespaces::Namespaces;

/// The longest path, and namespaces in all, that are kept. One namespace of ours fits; many in one stream, or an
/// embedder's, may not.
const MAX_BYTES: usize = 4096;

/// What is remembered of an open stream. There may be a million of them, so it is small: the path, of which the
/// namespace is the end as a rule, is its only allocation.
#[derive(Debug)]
pub(crate) struct Session {
    /// The request's path, and the namespaces after it unless the path ends in them.
    texts: Box<str>,
    path_end: u16,
    namespaces_start: u16,
    agent: Arc<str>,
    opened: Instant,
    client: IpAddr,
    /// Counts for as long as the stream is open.
    _permit: Permit,
}

impl Session {
    pub(crate) fn new(path: &str, filter: &Filter, agent: Arc<str>, client: IpAddr, permit: Permit) -> Session {
        let (path, namespaces) = (cut(path, MAX_BYTES), Namespaces::join(filter, MAX_BYTES));
        let (texts, namespaces_start) = match path.strip_suffix(&*namespaces) {
            Some(before) => (path.into(), before.len()),
            None => ([path, &*namespaces].concat().into_boxed_str(), path.len()),
        };
        let at = |position: usize| u16::try_from(position).expect("the texts are cut to fit");
        let (path_end, namespaces_start) = (at(path.len()), at(namespaces_start));
        Session { texts, path_end, namespaces_start, agent, opened: Instant::now(), client, _permit: permit }
    }

    /// As it was sent, without the query.
    pub(crate) fn path(&self) -> &str {
        &self.texts[..usize::from(self.path_end)]
    }

    /// What is subscribed to.
    pub(crate) fn namespaces(&self) -> Namespaces<'_> {
        Namespaces::of(&self.texts[usize::from(self.namespaces_start)..])
    }

    pub(crate) fn agent(&self) -> &Arc<str> {
        &self.agent
    }

    pub(crate) fn client(&self) -> IpAddr {
        self.client
    }

    pub(crate) fn opened(&self) -> Instant {
        self.opened
    }
}

#[cfg(test)]
mod tests {
    use sse_core::{Limits, Pattern};

    use super::*;

    fn session(path: &str, namespaces: &[&str]) -> Session {
        let limits = Limits { segments: 9, segment_bytes: usize::MAX, bytes: usize::MAX };
        let patterns = namespaces.iter().map(|text| Pattern::parse_within(text, &limits).unwrap());
        Session::new(
            path,
            &Filter::any_of(patterns).unwrap(),
            "curl/8".into(),
            [192, 0, 2, 1].into(),
            Permit::uncounted(),
        )
    }

    #[test]
    fn gives_back_what_it_was_given() {
        for (path, namespaces, text) in [
            ("/subscribe/pets", &["/pets"][..], "/pets"),
            ("/subscribe/pets/", &["/pets"], "/pets"),
            ("/subscribe", &["/"], "/"),
            ("/events", &["/events"], "/events"),
            ("/subscribe", &["/pets", "/time"], "/pets,/time"),
            ("/subscribe", &["/pets,", "/time"], "/pets,,/time"),
            ("/subscribe/pets,/time", &["/pets,/time"], "/pets,/time"),
        ] {
            let session = session(path, namespaces);
            assert_eq!((session.path(), &**session.agent()), (path, "curl/8"));
            assert_eq!(session.namespaces().iter().collect::<Vec<_>>(), namespaces);
            assert_eq!(session.namespaces().with_commas(), text);
            assert_eq!(session.client(), IpAddr::from([192, 0, 2, 1]));
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "é".repeat(40_000);
        let session = session(&long, &[&format!("/{long}")]);
        assert_eq!(session.path().len(), MAX_BYTES);
        assert_eq!(session.namespaces().with_commas().len(), MAX_BYTES - 1);
    }

    /// An idle connection may cost 512 bytes in all; this is our part of it.
    #[test]
    fn is_small() {
        assert!(size_of::<Session>() <= 88, "{}", size_of::<Session>());
    }
}
