//! Cross-origin resource sharing: which pages elsewhere may read our answers (Fetch standard, "CORS protocol").

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method};

use crate::config::{Config, ConfigError};

/// The policy, parsed.
#[derive(Debug)]
pub(crate) struct Cors {
    origins: Origins,
    methods: HeaderValue,
    headers: HeaderValue,
    max_age: Option<HeaderValue>,
}

impl Cors {
    pub(crate) fn parse(config: &Config) -> Result<Cors, ConfigError> {
        Ok(Cors {
            origins: Origins::parse(&config.cors_origins)?,
            methods: parse_methods(&config.cors_methods)?,
            headers: parse_headers(&config.cors_headers)?,
            max_age: config.cors_max_age.map(|age| HeaderValue::from(age.as_secs())),
        })
    }

    /// What every answer carries, errors included: without it a page can't even see that it was refused.
    pub(crate) fn apply(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        self.apply_for(request.get(ORIGIN), answer);
    }

    /// The same where no request could be read.
    pub(crate) fn apply_unasked(&self, answer: &mut HeaderMap) {
        self.apply_for(None, answer);
    }

    /// What the head of a stream carries: whoever may read it may also see how it was resumed, which browsers otherwise
    /// keep to themselves.
    pub(crate) fn apply_to_stream(&self, request: &HeaderMap, head: &mut HeaderMap) {
        self.apply(request, head);
        if head.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            head.append(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Sse-Resume"));
        }
    }

    fn apply_for(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
        // An embedder's handler that decided for itself has decided.
        if answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        match &self.origins {
            Origins::Any => {
                answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Origins::Listed(patterns) => {
                // Caches must not give one origin's answer to another, whether or not it was allowed.
                answer.append(VARY, HeaderValue::from_static("Origin"));
                if let Some(origin) = origin.filter(|origin| allowed(patterns, origin)) {
                    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                }
            }
        }
    }

    /// What the answer to a preflight carries besides.
    pub(crate) fn apply_preflight(&self, answer: &mut HeaderMap) {
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
        if let Some(age) = &self.max_age {
            answer.insert(ACCESS_CONTROL_MAX_AGE, age.clone());
        }
    }
}

#[derive(Debug)]
enum Origins {
    Any,
    Listed(Vec<OriginPattern>),
}

impl Origins {
    fn parse(origins: &[String]) -> Result<Origins, ConfigError> {
        if origins.iter().any(|origin| origin == "*") {
            return Ok(Origins::Any);
        }
        origins.iter().map(|origin| OriginPattern::parse(origin)).collect::<Result<_, _>>().map(Origins::Listed)
    }
}

fn allowed(patterns: &[OriginPattern], origin: &HeaderValue) -> bool {
    origin.to_str().is_ok_and(|origin| patterns.iter().any(|pattern| pattern.matches(origin)))
}

/// `https://example.com`, or `https://*.example.com` for every host beneath (not `https://example.com` itself).
#[derive(Debug, PartialEq, Eq)]
enum OriginPattern {
    Exact(String),
    /// `before` ends in `://`; `after` begins with a dot and holds the port, if any.
    Beneath {
        before: String,
        after: String,
    },
}

impl OriginPattern {
    fn parse(text: &str) -> Result<OriginPattern, ConfigError> {
        let bad = || {
            let hint =
                "write `*`, `https://example.com` or `https://*.example.com`, without a slash or path at the end";
            ConfigError::new("cors-origin", format!("{text:?} is no origin: {hint}"))
        };
        let lower = text.to_ascii_lowercase();
        let (scheme, host) = lower.split_once("://").ok_or_else(bad)?;
        let (wildcard, name) = match host.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, host),
        };
        let host_ok = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b));
        if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) || !host_ok {
            return Err(bad());
        }
        Ok(match wildcard {
            true => OriginPattern::Beneath { before: format!("{scheme}://"), after: format!(".{name}") },
            false => OriginPattern::Exact(lower),
        })
    }

    /// Browsers write origins in lower case; others may not.
    fn matches(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        match self {
            OriginPattern::Exact(exact) => origin == *exact,
            OriginPattern::Beneath { before, after } => origin
                .strip_prefix(before)
                .and_then(|host| host.strip_suffix(after))
                .is_some_and(|name| name.split('.').all(is_host_label)),
        }
    }
}

fn is_host_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn parse_methods(methods: &[String]) -> Result<HeaderValue, ConfigError> {
    let bad = |text: &str| ConfigError::new("cors-method", format!("{text:?} is no HTTP method"));
    for method in methods {
        Method::from_bytes(method.as_bytes()).map_err(|_| bad(method))?;
    }
    let list = methods.join(", ");
    HeaderValue::from_str(&list).map_err(|_| bad(&list))
}

/// `Last-Event-ID` joins whatever is configured: clients built on `fetch` send it when they reconnect, which turns
/// their request into one with a preflight.
fn parse_headers(headers: &[String]) -> Result<HeaderValue, ConfigError> {
    let bad = |text: &str| ConfigError::new("cors-header", format!("{text:?} is no header name"));
    for header in headers {
        HeaderName::from_bytes(header.as_bytes()).map_err(|_| bad(header))?;
    }
    let mut list = headers.join(", ");
    if !headers.iter().any(|header| header == "*" || header.eq_ignore_ascii_case("last-event-id")) {
        list.push_str(if list.is_empty() { "Last-Event-ID" } else { ", Last-Event-ID" });
    }
    HeaderValue::from_str(&list).map_err(|_| bad(&list))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        let cors_origins = origins.iter().map(|&origin| origin.to_owned()).collect();
        Cors::parse(&Config { cors_origins, ..Config::default() }).unwrap()
    }

    fn answer(cors: &Cors, origin: &'static str) -> HeaderMap {
        let request = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
        let mut answer = HeaderMap::new();
        cors.apply(&request, &mut answer);
        answer
    }

    #[test]
    fn open_by_default() {
        let headers = answer(&cors(&["*"]), "https://anyone.example");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!headers.contains_key(VARY));
    }

    #[test]
    fn a_listed_origin_is_named_and_caches_are_told() {
        let cors = cors(&["https://example.com", "http://localhost:3000"]);
        for origin in ["https://example.com", "http://localhost:3000"] {
            let headers = answer(&cors, origin);
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
            assert_eq!(headers[VARY], "Origin");
        }
    }

    #[test]
    fn others_get_nothing_but_vary() {
        let cors = cors(&["https://example.com", "https://*.example.com"]);
        for origin in [
            "http://example.com",
            "https://example.com:8443",
            "https://example.com.evil.example",
            "https://evilexample.com",
            "https://.example.com",
            "https://evil/.example.com",
            "https://user@x.example.com",
            "null",
        ] {
            let headers = answer(&cors, origin);
            assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{origin}");
            assert_eq!(headers[VARY], "Origin");
        }
    }

    #[test]
    fn a_stream_shows_how_it_was_resumed_to_whom_it_may_concern() {
        let cors = cors(&["https://example.com"]);
        for (origin, exposed) in [("https://example.com", Some("Sse-Resume")), ("https://evil.example", None)] {
            let request = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
            let mut head = HeaderMap::new();
            cors.apply_to_stream(&request, &mut head);
            let value = head.get(ACCESS_CONTROL_EXPOSE_HEADERS).map(|value| value.to_str().unwrap());
            assert_eq!(value, exposed, "{origin}");
        }
    }

    #[test]
    fn a_wildcard_is_any_host_beneath_and_keeps_scheme_and_port() {
        let pattern = OriginPattern::parse("https://*.Example.com:8443").unwrap();
        assert!(pattern.matches("https://a.example.com:8443"));
        assert!(pattern.matches("https://a.b.EXAMPLE.com:8443"));
        assert!(!pattern.matches("https://example.com:8443"));
        assert!(!pattern.matches("https://a.example.com"));
        assert!(!pattern.matches("http://a.example.com:8443"));
    }

    #[test]
    fn what_a_handler_decided_stands() {
        let mut headers =
            HeaderMap::from_iter([(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("https://x.example"))]);
        cors(&["*"]).apply_unasked(&mut headers);
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "https://x.example");
    }

    #[test]
    fn a_preflight_lets_clients_resume() {
        let mut headers = HeaderMap::new();
        cors(&["*"]).apply_preflight(&mut headers);
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], "GET, OPTIONS");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "Content-Type, Last-Event-ID");
        assert!(!headers.contains_key(ACCESS_CONTROL_MAX_AGE));
        assert_eq!(parse_headers(&["last-event-id".to_owned()]).unwrap(), "last-event-id");
        assert_eq!(parse_headers(&[]).unwrap(), "Last-Event-ID");
    }

    #[test]
    fn bad_settings_are_named() {
        for origin in
            ["example.com", "https://", "https://example.com/", "https://*.", "https://a*.example.com", "://x"]
        {
            let config = Config { cors_origins: vec![origin.to_owned()], ..Config::default() };
            assert_eq!(Cors::parse(&config).unwrap_err().setting(), "cors-origin", "{origin}");
        }
        let config = Config { cors_methods: vec!["GE T".to_owned()], ..Config::default() };
        assert_eq!(Cors::parse(&config).unwrap_err().setting(), "cors-method");
        let config = Config { cors_headers: vec!["a b".to_owned()], ..Config::default() };
        assert_eq!(Cors::parse(&config).unwrap_err().setting(), "cors-header");
    }
}
