//! Our own routes: which of them a path names.

use http::Method;
use sse_core::http::Path;

use crate::config::ConfigError;

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'p> {
    Subscribe {
        namespace: &'p str,
    },
    Publish {
        namespace: &'p str,
    },
    /// `/`, unless subscriptions live there.
    Home,
    AdminPage,
    /// `/admin`, which the page's relative links need with a slash at the end.
    AdminWithoutSlash,
    Status,
    Health,
    Alive,
    Ready,
}

impl Route<'_> {
    /// The value of `Allow`.
    pub(crate) fn allow(&self) -> &'static str {
        match self {
            Route::Publish { .. } => "POST, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }

    /// Whether only programs and our own pages may use it.
    pub(crate) fn is_guarded(&self) -> bool {
        matches!(self, Route::Publish { .. }) || self.is_admin()
    }

    pub(crate) fn is_admin(&self) -> bool {
        matches!(self, Route::AdminPage | Route::AdminWithoutSlash | Route::Status)
    }

    pub(crate) fn allows(&self, method: &Method) -> bool {
        self.allow().split(", ").any(|name| method == name)
    }
}

/// First segments that are taken: a subscription prefix can't lie in them.
const TAKEN: [&str; 5] = ["admin", "publish", "health", "healthz", "readyz"];

/// Where everything of ours lies.
#[derive(Debug)]
pub(crate) struct Router {
    /// A decoded path: `/` or `/subscribe`.
    prefix: String,
}

impl Router {
    pub(crate) fn parse(prefix: &str) -> Result<Router, ConfigError> {
        let bad = |why: String| ConfigError::new("prefix", format!("{prefix:?} can't be used: {why}"));
        let path = Path::decode(prefix).map_err(|error| bad(error.to_string()))?;
        let first = path.as_str().split('/').nth(1).unwrap_or_default();
        if TAKEN.contains(&first) {
            return Err(bad(format!("/{first} is taken.")));
        }
        Ok(Router { prefix: path.as_str().to_owned() })
    }

    /// The prefix of subscriptions, decoded; without a slash at its end unless it is `/`.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn route<'p>(&self, path: &'p Path) -> Option<Route<'p>> {
        let route = match path.as_str() {
            "/admin" if path.trailing_slash() => Route::AdminPage,
            "/admin" => Route::AdminWithoutSlash,
            "/admin/status.json" => Route::Status,
            "/health" => Route::Health,
            "/healthz" => Route::Alive,
            "/readyz" => Route::Ready,
            "/" if self.prefix != "/" => Route::Home,
            _ => {
                return match path.below("/publish") {
                    Some(namespace) => Some(Route::Publish { namespace }),
                    None => path.below(&self.prefix).map(|namespace| Route::Subscribe { namespace }),
                };
            }
        };
        Some(route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(prefix: &str, path: &str) -> String {
        let path = Path::decode(path).unwrap();
        match Router::parse(prefix).unwrap().route(&path) {
            Some(route) => format!("{route:?}"),
            None => "none".to_owned(),
        }
    }

    #[test]
    fn every_path_of_ours() {
        for (path, expected) in [
            ("/subscribe", r#"Subscribe { namespace: "/" }"#),
            ("/subscribe/", r#"Subscribe { namespace: "/" }"#),
            ("/subscribe/pets", r#"Subscribe { namespace: "/pets" }"#),
            ("/subscribe/pets/", r#"Subscribe { namespace: "/pets" }"#),
            ("/subscriber", "none"),
            ("/publish", r#"Publish { namespace: "/" }"#),
            ("/publish/", r#"Publish { namespace: "/" }"#),
            ("/publish/pets/dogs", r#"Publish { namespace: "/pets/dogs" }"#),
            ("/admin", "AdminWithoutSlash"),
            ("/admin/", "AdminPage"),
            ("/admin/status.json", "Status"),
            ("/admin/other", "none"),
            ("/health", "Health"),
            ("/healthz", "Alive"),
            ("/readyz", "Ready"),
            ("/", "Home"),
            ("/pets", "none"),
        ] {
            assert_eq!(route("/subscribe", path), expected, "{path}");
        }
    }

    #[test]
    fn the_prefix_is_free_to_choose() {
        assert_eq!(route("/v1/events/", "/v1/events/pets"), r#"Subscribe { namespace: "/pets" }"#);
        assert_eq!(route("/v1/events/", "/v1"), "none");
        assert_eq!(route("/", "/pets"), r#"Subscribe { namespace: "/pets" }"#);
        assert_eq!(route("/", "/"), r#"Subscribe { namespace: "/" }"#);
        assert_eq!(route("/", "/health"), "Health");
    }

    #[test]
    fn a_prefix_that_can_not_be_is_named() {
        for prefix in ["", "events", "//", "/a/../b", "/admin", "/publish/x", "/healthz"] {
            assert_eq!(Router::parse(prefix).unwrap_err().setting(), "prefix", "{prefix}");
        }
    }

    #[test]
    fn each_route_knows_its_methods() {
        assert!(Route::Health.allows(&Method::HEAD));
        assert!(!Route::Health.allows(&Method::POST));
        assert!(Route::Publish { namespace: "/" }.allows(&Method::POST));
        assert!(!Route::Publish { namespace: "/" }.allows(&Method::GET));
    }
}
