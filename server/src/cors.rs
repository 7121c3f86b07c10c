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
    methods: Vec<Method>,
    headers: HeaderValue,
    max_age: Option<HeaderValue>,
}

impl Cors {
    pub(crate) fn parse(config: &Config) -> Result<Cors, ConfigError> {
        let (any, listed): (Vec<_>, Vec<_>) = config.cors_origins.iter().partition(|origin| *origin == "*");
        let cors = Cors {
            any: !any.is_empty(),
            listed: listed.into_iter().map(|origin| parse_origin(origin)).collect::<Result<_, _>>()?,
            credentials: config.cors_credentials,
            methods: config.cors_methods.iter().map(|method| parse_method(method)).collect::<Result<_, _>>()?,
            headers: parse_headers(&config.cors_headers)?,
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

    /// Whether this origin is listed by name.
    pub(crate) fn lists(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| self.listed.iter().any(|pattern| pattern.covers(origin)))
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

    /// What the answer to a preflight carries besides, where these methods are answered: those that are configured, for
    /// what is read; and any others that there are.
    pub(crate) fn apply_preflight(&self, allow: &str, answer: &mut HeaderMap) {
        let own: Vec<&str> = allow.split(", ").collect();
        let mut methods: Vec<&str> = self.methods.iter().map(Method::as_str).collect();
        if !own.contains(&"GET") {
            methods.clear();
        }
        let implied = |method: &str| !methods.is_empty() && matches!(method, "HEAD" | "OPTIONS");
        let missing: Vec<&str> =
            own.into_iter().filter(|method| !methods.contains(method) && !implied(method)).collect();
        methods.extend(missing);
        let methods = HeaderValue::from_str(&methods.join(", ")).expect("method names are header text");
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
        if let Some(age) = &self.max_age {
            answer.insert(ACCESS_CONTROL_MAX_AGE, age.clone());
        }
    }
}

fn parse_origin(text: &str) -> Result<OriginPattern, ConfigError> {
    OriginPattern::parse(text)
        .map_err(|hint| ConfigError::new("cors-origin", format!("{text:?} can't be meant: {hint}")))
}

fn parse_method(text: &str) -> Result<Method, ConfigError> {
    Method::from_bytes(text.as_bytes())
        .map_err(|_| ConfigError::new("cors-method", format!("{text:?} is no HTTP method")))
}

/// Whether a browser asks what a page may do, before the page's request (Fetch standard, "CORS-preflight request").
pub(crate) fn is_preflight(request: &HeaderMap) -> bool {
    request.contains_key(ORIGIN) && request.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
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
        cors(&["*"]).apply_preflight("GET, HEAD, OPTIONS", &mut headers);
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], "GET, OPTIONS");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "Content-Type, Authorization, Cache-Control, Last-Event-ID");
        assert!(!headers.contains_key(ACCESS_CONTROL_MAX_AGE));
        assert_eq!(parse_headers(&["last-event-id".to_owned()]).unwrap(), "last-event-id");
        assert_eq!(parse_headers(&[]).unwrap(), "Last-Event-ID");
    }

    #[test]
    fn a_preflight_names_the_methods_that_are_there() {
        for (allow, methods) in [
            ("POST, OPTIONS", "POST, OPTIONS"),
            ("GET, POST, HEAD, OPTIONS", "GET, OPTIONS, POST"),
            ("PUT, DELETE, OPTIONS", "PUT, DELETE, OPTIONS"),
        ] {
            let mut headers = HeaderMap::new();
            cors(&["*"]).apply_preflight(allow, &mut headers);
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], methods, "{allow}");
        }
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
