//! Who reads what, and how keenly.

use std::net::SocketAddr;

use sse_server::load::Target;

/// Connections that read some namespaces and what is beneath them.
#[derive(Clone, Debug)]
pub(crate) struct Readers {
    /// Where they subscribe: at least one.
    pub(crate) paths: Vec<String>,
    pub(crate) count: usize,
    pub(crate) manner: Manner,
    /// Whether they take chunks: by HTTP/1.1, not by HTTP/1.0.
    pub(crate) chunked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Keen,
    Slow,
    Stopped,
}

impl Readers {
    pub(crate) fn keen(path: &str, count: usize) -> Readers {
        Readers::of_several(&[path], count)
    }

    /// Keen ones that read all of these on one connection.
    pub(crate) fn of_several(paths: &[&str], count: usize) -> Readers {
        let paths = paths.iter().map(|&path| path.to_owned()).collect();
        Readers { paths, count, manner: Manner::Keen, chunked: true }
    }

    /// What each of them asks for.
    pub(crate) fn target(&self, server: SocketAddr) -> Target {
        let path = match &self.paths[..] {
            [path] => format!("/subscribe{path}"),
            paths => format!("/subscribe?namespace={}", paths.join("&namespace=")),
        };
        let target = if self.chunked { Target::new } else { Target::http10 };
        target(server, &server.to_string(), &path)
    }

    /// Whether they get what is published there.
    pub(crate) fn cover(&self, namespace: &str) -> bool {
        self.paths.iter().any(|path| {
            let below = namespace.strip_prefix(path.trim_end_matches('/'));
            below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        })
    }

    /// How many of the namespaces they cover.
    pub(crate) fn covered(&self, namespaces: &[String]) -> u64 {
        namespaces.iter().filter(|namespace| self.cover(namespace)).count() as u64
    }
}
