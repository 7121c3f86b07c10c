//! Who reads what, and how keenly.

/// Connections that read one namespace and what is beneath it.
#[derive(Clone, Debug)]
pub(crate) struct Readers {
    pub(crate) path: String,
    pub(crate) count: usize,
    pub(crate) manner: Manner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Keen,
    Slow,
    Stopped,
}

impl Readers {
    pub(crate) fn keen(path: &str, count: usize) -> Readers {
        Readers { path: path.to_owned(), count, manner: Manner::Keen }
    }

    /// Whether they get what is published there.
    pub(crate) fn cover(&self, namespace: &str) -> bool {
        let below = namespace.strip_prefix(self.path.trim_end_matches('/'));
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    }

    /// How many of the namespaces they cover.
    pub(crate) fn covered(&self, namespaces: &[String]) -> u64 {
        namespaces.iter().filter(|namespace| self.cover(namespace)).count() as u64
    }
}
