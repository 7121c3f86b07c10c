//! Pages of our own.
//!
//! Each is one file without anything external. Its script and style are inline, so every response carries a fresh nonce
//! that the page's own tags know and injected ones can't.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::problem::Problem;
use crate::reply::Reply;

const ADMIN: &str = include_str!("admin.html");
const HOME: &str = include_str!("home.html");

/// What in a page stands for the response's nonce, and for the prefix of subscriptions.
const NONCE: &str = "__NONCE__";
const PREFIX: &str = "__PREFIX__";

/// A page, its prefix filled in.
#[derive(Debug)]
pub(crate) struct Page(String);

impl Page {
    /// Who is connected, and a panel to subscribe and publish. `prefix` is a decoded path.
    pub(crate) fn admin(prefix: &str) -> Page {
        Page(ADMIN.replace(PREFIX, &escape(prefix)))
    }

    /// What this is, and where its parts are that are switched on.
    pub(crate) fn home(prefix: &str, admin: bool, publish: bool) -> Page {
        let parts = [("admin", admin), ("publish", publish)].into_iter().filter(|(_, is_on)| !is_on);
        let text = parts.fold(HOME.to_owned(), |text, (part, _)| without(&text, part));
        Page(text.replace(PREFIX, &escape(prefix)))
    }

    pub(crate) fn answer(&self) -> Result<Reply, Problem> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| {
            let detail = format!("The system gives no random numbers, without which the page isn't safe: {error}.");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
        })?;
        let nonce = format!("{:032x}", u128::from_ne_bytes(random));
        let policy = format!(
            "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
             img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        let mut response = Response::new(Bytes::from(self.0.replace(NONCE, &nonce)));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
        headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
        let policy = HeaderValue::from_str(&policy).expect("hexadecimal digits are header text");
        headers.insert(CONTENT_SECURITY_POLICY, policy);
        Ok(response.into())
    }
}

/// Leaves out what stands between two comments with this name.
fn without(text: &str, part: &str) -> String {
    let (before, rest) = text.split_once(&format!("<!-- {part} -->")).unwrap_or((text, ""));
    let after = rest.split_once(&format!("<!-- /{part} -->")).map_or("", |(_, after)| after);
    [before, after].concat()
}

/// For text and quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::{Answer, Kind};

    fn response(page: &Page) -> Response<Bytes> {
        match page.answer().unwrap().0 {
            Kind::Now(Answer::Response(response)) => response,
            _ => panic!("a page is a response"),
        }
    }

    #[test]
    fn each_response_has_a_nonce_of_its_own_in_page_and_policy() {
        let page = Page(format!("<script nonce={NONCE}></script><style nonce={NONCE}></style>"));
        let nonces = [response(&page), response(&page)].map(|response| {
            let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
            let (_, rest) = policy.split_once("script-src 'nonce-").unwrap();
            let (nonce, _) = rest.split_once('\'').unwrap();
            assert_eq!(nonce.len(), 32);
            assert!(policy.contains(&format!("style-src 'nonce-{nonce}'")));
            assert_eq!(response.body(), &format!("<script nonce={nonce}></script><style nonce={nonce}></style>"));
            nonce.to_owned()
        });
        assert_ne!(nonces[0], nonces[1]);
    }

    #[test]
    fn pages_have_what_is_filled_in_and_nothing_external() {
        for (text, page) in [(ADMIN, Page::admin("/it's")), (HOME, Page::home("/it's", true, true))] {
            assert!(text.contains(NONCE) && text.contains(PREFIX));
            let loaded = ["src=\"http", "url(http", "<link rel=\"stylesheet", "@import"];
            assert!(!loaded.iter().any(|word| text.contains(word)));
            let body = response(&page).body().clone();
            let body = str::from_utf8(&body).unwrap();
            assert!(body.contains("/it&#39;s"));
            assert!(!body.contains(NONCE) && !body.contains(PREFIX));
        }
    }

    #[test]
    fn the_home_page_names_only_what_is_switched_on() {
        for (admin, publish) in [(true, true), (false, true), (true, false), (false, false)] {
            let Page(text) = Page::home("/subscribe", admin, publish);
            assert_eq!((text.contains("/admin/"), text.contains("/publish/")), (admin, publish));
            assert!(text.contains("/subscribe/") && text.contains("/healthz") && text.ends_with("</dl>\n"));
        }
    }
}
