//! The embedder's own routes.

use std::collections::HashMap;

use http::Method;

use crate::config::ConfigError;
use crate::reply::Reply;
use crate::request::Request;

pub(crate) type Handler = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

/// Paths to what answers on them. Paths are compared as requests have them: decoded, and without a slash at the end.
#[derive(Default)]
pub(crate) struct Routes {
    exact: HashMap<String, Methods>,
    /// What was registered as `/assets/*`, as `/assets`, and for everything as the empty path; the longest first.
    subtrees: Vec<(String, Methods)>,
}

impl Routes {
    pub(crate) fn insert(&mut self, method: Method, path: &str, handler: Handler) -> Result<(), ConfigError> {
        if !path.starts_with('/') {
            return Err(ConfigError::new("route", format!("{path:?} doesn't begin with a slash")));
        }
        let methods = match path.strip_suffix('*') {
            Some(subtree) => match subtree.strip_suffix('/') {
                Some(subtree) => self.subtree(subtree),
                None => {
                    return Err(ConfigError::new("route", format!("{path:?} has a `*` that isn't a whole segment")));
                }
            },
            None if path == "/" => self.exact.entry(path.to_owned()).or_default(),
            None => self.exact.entry(path.strip_suffix('/').unwrap_or(path).to_owned()).or_default(),
        };
        if methods.get(&method).is_some() {
            return Err(ConfigError::new("route", format!("{method} {path} is there twice")));
        }
        methods.0.push((method, handler));
        Ok(())
    }

    fn subtree(&mut self, subtree: &str) -> &mut Methods {
        let at = match self.subtrees.iter().position(|(path, _)| path == subtree) {
            Some(at) => at,
            None => {
                let at = self.subtrees.partition_point(|(path, _)| path.len() >= subtree.len());
                self.subtrees.insert(at, (subtree.to_owned(), Methods::default()));
                at
            }
        };
        &mut self.subtrees[at].1
    }

    /// Whether a route, wherever it is, was registered for this method.
    pub(crate) fn has_method(&self, method: &Method) -> bool {
        let subtrees = self.subtrees.iter().map(|(_, methods)| methods);
        self.exact.values().chain(subtrees).any(|methods| methods.get(method).is_some())
    }

    pub(crate) fn find(&self, path: &str) -> Option<&Methods> {
        self.exact.get(path).or_else(|| {
            let covers =
                |subtree: &str| path.strip_prefix(subtree).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            self.subtrees.iter().find(|(subtree, _)| covers(subtree)).map(|(_, methods)| methods)
        })
    }
}

/// The handlers of one path.
#[derive(Default)]
pub(crate) struct Methods(Vec<(Method, Handler)>);

impl Methods {
    /// The handler for this method; `GET`'s answers `HEAD` too.
    pub(crate) fn handler(&self, method: &Method) -> Option<&Handler> {
        self.get(method).or_else(|| if method == Method::HEAD { self.get(&Method::GET) } else { None })
    }

    /// The value of `Allow`. `OPTIONS` is always answered, if not by the embedder then by us.
    pub(crate) fn allow(&self) -> String {
        let mut names: Vec<&str> = self.0.iter().map(|(method, _)| method.as_str()).collect();
        for (implied, by) in [("HEAD", Some("GET")), ("OPTIONS", None)] {
            if !names.contains(&implied) && by.is_none_or(|by| names.contains(&by)) {
                names.push(implied);
            }
        }
        names.join(", ")
    }

    fn get(&self, method: &Method) -> Option<&Handler> {
        self.0.iter().find(|(name, _)| name == method).map(|(_, handler)| handler)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handler() -> Handler {
        Box::new(|_| Reply::text(""))
    }

    fn routes(paths: &[(Method, &str)]) -> Routes {
        let mut routes = Routes::default();
        for (method, path) in paths {
            routes.insert(method.clone(), path, handler()).unwrap();
        }
        routes
    }

    #[test]
    fn the_closest_path_wins() {
        let routes = routes(&[(Method::GET, "/a/*"), (Method::POST, "/a/b/*"), (Method::PUT, "/a/b/c")]);
        let allow = |path| routes.find(path).map(Methods::allow);
        assert_eq!(allow("/a/x").as_deref(), Some("GET, HEAD, OPTIONS"));
        assert_eq!(allow("/a/b/x").as_deref(), Some("POST, OPTIONS"));
        assert_eq!(allow("/a/b/c").as_deref(), Some("PUT, OPTIONS"));
        assert_eq!(allow("/a").as_deref(), Some("GET, HEAD, OPTIONS"));
        assert_eq!(allow("/ab"), None);
        assert_eq!(allow("/"), None);
    }

    #[test]
    fn a_slash_at_the_end_makes_no_difference() {
        let mut routes = routes(&[(Method::GET, "/a/"), (Method::GET, "/b/*")]);
        assert!(routes.find("/a").is_some() && routes.find("/b").is_some());
        assert!(routes.insert(Method::GET, "/a", handler()).is_err(), "there already");
        assert!(self::routes(&[(Method::GET, "/*")]).find("/any/thing").is_some());
    }

    #[test]
    fn methods_are_named_by_any_route() {
        let purge = Method::from_bytes(b"PURGE").unwrap();
        let routes = routes(&[(Method::GET, "/a/*"), (purge.clone(), "/b"), (Method::PUT, "/c/*")]);
        for (method, named) in [(Method::GET, true), (purge, true), (Method::PUT, true), (Method::POST, false)] {
            assert_eq!(routes.has_method(&method), named, "{method}");
        }
    }

    #[test]
    fn get_answers_head() {
        let routes = routes(&[(Method::GET, "/"), (Method::POST, "/")]);
        let methods = routes.find("/").unwrap();
        assert!(methods.handler(&Method::HEAD).is_some());
        assert!(methods.handler(&Method::OPTIONS).is_none());
        assert_eq!(methods.allow(), "GET, POST, HEAD, OPTIONS");
    }

    #[test]
    fn bad_routes_are_named() {
        let mut routes = routes(&[(Method::GET, "/")]);
        for path in ["", "a", "/a*", "/"] {
            let error = routes.insert(Method::GET, path, handler()).unwrap_err();
            assert_eq!(error.setting(), "route", "{path}");
        }
    }
}
