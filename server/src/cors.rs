//! Cross-origin resource sharing: which pages elsewhere may read our answers (Fetch standard, "CORS protocol").

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method};

use crate::config::{Config, ConfigError};
use crate::origin::OriginPattern;

/// The policy, parsed.
#[derive(Debug)]
pub(crate) struct Cors {
    /// Pages of all origins may read.
    any: bool,
    listed: Vec<OriginPattern>,
    /// Whether requests may bear cookies.
    credentials: bool,
    methods: HeaderValue,
    headers: HeaderValue,
    headers_without_token: HeaderValue,
    max_age: Option<HeaderValue>,
}

impl Cors {
    pub(crate) fn parse(config: &Config) -> Result<Cors, ConfigError> {
        let (any, listed): (Vec<_>, Vec<_>) = config.cors_origins.iter().partition(|origin| *origin == "*");
        let cors = Cors {
            any: !any.is_empty(),
            listed: listed.into_iter().map(|origin| parse_origin(origin)).collect::<Result<_, _>>()?,
            credentials: config.cors_credentials,
            methods: parse_methods(&config.cors_methods)?,
            headers: parse_headers(config.cors_headers.iter())?,
            headers_without_token: parse_headers(config.cors_headers.iter().filter(|name| !covers_tokens(name)))?,
            max_age: config.cors_max_age.map(|age| HeaderValue::from(age.as_secs())),
        };
        cors.refuse_free_credentials(config)?;
        Ok(cors)
    }

    /// With credentials, a page reads what its visitor may: so it must be known whose page that is, and `*` is no longer a
    /// wildcard for browsers (Fetch standard, section 3.3.5).
    fn refuse_free_credentials(&self, config: &Config) -> Result<(), ConfigError> {
        let is_star = |text: &String| text == "*";
        let why = if !self.credentials {
            return Ok(());
        } else if self.any {
            "can't be used beside the origin `*`: list origins by name (--cors-origin https://example.com)"
        } else if self.listed.contains(&OriginPattern::Null) {
            "can't be used beside the origin `null`, which any page can have"
        } else if config.cors_headers.iter().any(is_star) || config.cors_methods.iter().any(is_star) {
            "makes `*` a name like any other among headers and methods: list those that you mean"
        } else {
            return Ok(());
        };
        Err(ConfigError::new("cors-credentials", why))
    }

    /// Whether pages of this origin may read, though not those of all.
    fn lists(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| self.listed.iter().any(|pattern| pattern.covers(origin)))
    }

    /// Whether this origin is listed by name, so that its pages may do more than read. `null` is nobody's name.
    pub(crate) fn names(&self, origin: &HeaderValue) -> bool {
        self.lists(origin) && origin != "null"
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
        if self.any {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            return;
        }
        // Caches must not give one origin's answer to another, whether or not it was allowed.
        answer.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin.filter(|origin| self.lists(origin)) {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            if self.credentials {
                answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
        }
    }

    /// What the answer to a preflight carries besides.
    pub(crate) fn apply_preflight(&self, answer: &mut HeaderMap) {
        self.allow(&self.methods, &self.headers, answer);
    }

    /// The same where only these methods are, which are not for pages of any site: a page of an origin that is not listed
    /// by name may bring no token along.
    pub(crate) fn apply_guarded_preflight(&self, methods: &'static str, is_listed: bool, answer: &mut HeaderMap) {
        let headers = if is_listed { &self.headers } else { &self.headers_without_token };
        self.allow(&HeaderValue::from_static(methods), headers, answer);
    }

    fn allow(&self, methods: &HeaderValue, headers: &HeaderValue, answer: &mut HeaderMap) {
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
        if let Some(age) = &self.max_age {
            answer.insert(ACCESS_CONTROL_MAX_AGE, age.clone());
        }
    }
}

fn parse_origin(text: &str) -> Result<OriginPattern, ConfigError> {
    OriginPattern::parse(text)
        .map_err(|hint| ConfigError::new("cors-origin", format!("{text:?} can't be meant: {hint}")))
}

fn parse_methods(methods: &[String]) -> Result<HeaderValue, ConfigError> {
    let bad = |text: &str| ConfigError::new("cors-method", format!("{text:?} is no HTTP method"));
    for method in methods {
        Method::from_bytes(method.as_bytes()).map_err(|_| bad(method))?;
    }
    let list = methods.join(", ");
    HeaderValue::from_str(&list).map_err(|_| bad(&list))
}

/// Some browsers let `*` stand for this one, too.
fn covers_tokens(header: &str) -> bool {
    header == "*" || header.eq_ignore_ascii_case("authorization")
}

/// Whether a browser asks what a page may do, before the page's request (Fetch standard, "CORS-preflight request").
pub(crate) fn is_preflight(request: &HeaderMap) -> bool {
    request.contains_key(ORIGIN) && request.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// `Last-Event-ID` joins whatever is configured: clients built on `fetch` send it when they reconnect, which turns
/// their request into one with a preflight.
fn parse_headers<'n>(headers: impl Iterator<Item = &'n String>) -> Result<HeaderValue, ConfigError> {
    let headers: Vec<&str> = headers.map(String::as_str).collect();
    let bad = |text: &str| ConfigError::new("cors-header", format!("{text:?} is no header name"));
    for header in &headers {
        HeaderName::from_bytes(header.as_bytes()).map_err(|_| bad(header))?;
    }
    let mut list = headers.join(", ");
    if !headers.iter().any(|header| *header == "*" || header.eq_ignore_ascii_case("last-event-id")) {
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
    fn credentials_are_for_listed_origins() {
        let config = |origins: &[&str]| Config {
            cors_origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
            cors_credentials: true,
            ..Config::default()
        };
        let cors = Cors::parse(&config(&["https://example.com", "*.example.org"])).unwrap();
        for (origin, allowed) in
            [("https://example.com", true), ("http://a.example.org", true), ("https://evil.example", false)]
        {
            let headers = answer(&cors, origin);
            assert_eq!(
                headers.get(ACCESS_CONTROL_ALLOW_CREDENTIALS).is_some_and(|value| value == "true"),
                allowed,
                "{origin}"
            );
            assert_eq!(
                headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).is_some_and(|value| value == origin),
                allowed,
                "{origin}"
            );
        }
        for origins in [&["*"][..], &["https://example.com", "*"], &["null"]] {
            assert_eq!(Cors::parse(&config(origins)).unwrap_err().setting(), "cors-credentials", "{origins:?}");
        }
        let star = vec!["*".to_owned()];
        let stars = [
            Config { cors_headers: star.clone(), ..config(&["https://example.com"]) },
            Config { cors_methods: star, ..config(&["https://example.com"]) },
        ];
        for config in stars {
            assert_eq!(Cors::parse(&config).unwrap_err().setting(), "cors-credentials");
        }
        assert!(
            !answer(&self::cors(&["https://example.com"]), "https://example.com")
                .contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS)
        );
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
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "Content-Type, Authorization, Cache-Control, Last-Event-ID");
        assert!(!headers.contains_key(ACCESS_CONTROL_MAX_AGE));
        assert_eq!(parse_headers(["last-event-id".to_owned()].iter()).unwrap(), "last-event-id");
        assert_eq!(parse_headers([].iter()).unwrap(), "Last-Event-ID");
    }

    #[test]
    fn only_pages_of_listed_origins_may_bring_a_token_to_what_is_guarded() {
        let cors = cors(&["*"]);
        for (is_listed, allowed) in [(true, &cors.headers), (false, &cors.headers_without_token)] {
            let mut headers = HeaderMap::new();
            cors.apply_guarded_preflight("POST, OPTIONS", is_listed, &mut headers);
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], "POST, OPTIONS");
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], allowed);
        }
        assert_eq!(cors.headers_without_token, "Content-Type, Cache-Control, Last-Event-ID");
        let star = Config { cors_headers: vec!["*".to_owned()], ..Config::default() };
        assert_eq!(Cors::parse(&star).unwrap().headers_without_token, "Last-Event-ID");
    }

    /// Any page can make a frame whose origin is `null`.
    #[test]
    fn null_may_read_but_is_nobody_s_name() {
        let cors = cors(&["null", "https://example.com"]);
        assert_eq!(answer(&cors, "null")[ACCESS_CONTROL_ALLOW_ORIGIN], "null");
        assert!(!cors.names(&HeaderValue::from_static("null")));
        assert!(cors.names(&HeaderValue::from_static("https://example.com")));
    }

    #[test]
    fn bad_settings_are_named() {
        for origin in
            ["example.com", "https://", "https://example.com/app", "https://*.", "https://a*.example.com", "://x"]
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
