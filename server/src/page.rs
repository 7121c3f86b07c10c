//! Pages of our own.
//!
//! Each is one file without anything external. Its script and style are inline and the same for everyone, so the policy
//! names them by their hashes (CSP Level 3 §2.3.1): the page's own run, and injected ones can't. A nonce would do so too,
//! but takes a copy of the page for each response; as it is, all who read a page, however slowly, share its bytes.

use bytes::Bytes;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue};

use crate::reply::Reply;

const ADMIN: &str = include_str!("admin.html");
const HOME: &str = include_str!("home.html");

/// What the admin page may do. A test holds the hashes to the page, and says what they should be.
const ADMIN_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'sha256-bn48aWqz51oVxcoMy842KnuSrgXMJjWoqXU2xOu9qKM='; \
     style-src 'sha256-7Hv89Qzjb3i7UGozFK0OFdV1uJ8PpFrp0CKrr4Xmqho='; connect-src 'self'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// What the home page may do.
const HOME_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'sha256-cDenjd+h0d+id6j3MP/s5DxwzEXLx6d1qpYEOQGdf3U='; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// What in a page stands for the prefix of subscriptions. Not in its script or style, whose hashes must not change.
const PREFIX: &str = "__PREFIX__";

/// A page, its prefix filled in.
#[derive(Debug)]
pub(crate) struct Page {
    html: Bytes,
    policy: HeaderValue,
}

impl Page {
    /// Who is connected, and a panel to subscribe and publish. `prefix` is a decoded path.
    pub(crate) fn admin(prefix: &str) -> Page {
        Page::new(ADMIN, prefix, ADMIN_POLICY)
    }

    /// What this is, and where its parts are that are switched on.
    pub(crate) fn home(prefix: &str, admin: bool, publish: bool) -> Page {
        let parts = [("admin", admin), ("publish", publish)].into_iter().filter(|(_, is_on)| !is_on);
        let text = parts.fold(HOME.to_owned(), |text, (part, _)| without(&text, part));
        Page::new(&text, prefix, HOME_POLICY)
    }

    fn new(text: &str, prefix: &str, policy: HeaderValue) -> Page {
        Page { html: text.replace(PREFIX, &escape(prefix)).into(), policy }
    }

    pub(crate) fn answer(&self) -> Reply {
        let mut response = Response::new(self.html.clone());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
        headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        response.into()
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
mod sha256;

#[cfg(test)]
mod tests {
    use super::sha256::sha256_base64;
    use super::*;
    use crate::reply::{Answer, Kind};

    fn response(page: &Page) -> Response<Bytes> {
        match page.answer().0 {
            Kind::Now(Answer::Response(response)) => response,
            _ => panic!("a page is a response"),
        }
    }

    /// What stands between `<tag>` and `</tag>`, as a browser sees it: with line feeds alone.
    fn inline<'a>(html: &'a str, tag: &'a str) -> impl Iterator<Item = String> + 'a {
        let pieces = html.split(&format!("<{tag}>")).skip(1).map(str::to_owned).collect::<Vec<_>>();
        let end = format!("</{tag}>");
        pieces.into_iter().map(move |piece| piece.split(&end).next().unwrap_or_default().replace("\r\n", "\n"))
    }

    /// Without this the page would be dead: no browser runs what the policy doesn't name.
    #[test]
    fn the_policy_names_the_pages_own_script_and_style_and_nothing_else() {
        for page in [Page::admin("/a&b"), Page::home("/a&b", true, true), Page::home("/", false, false)] {
            let response = response(&page);
            let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
            let html = str::from_utf8(response.body()).unwrap();
            let mut named = 0;
            for tag in ["script", "style"] {
                for text in inline(html, tag) {
                    let source = format!("{tag}-src 'sha256-{}';", sha256_base64(text.as_bytes()));
                    assert!(policy.contains(&source), "{source} in {policy}");
                    named += 1;
                }
                assert_eq!(
                    html.matches(&format!("<{tag}")).count(),
                    inline(html, tag).count(),
                    "{tag}s without attributes"
                );
            }
            assert_eq!(policy.matches("sha256-").count(), named, "{policy}");
            assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
        }
    }

    #[test]
    fn all_read_the_same_bytes() {
        let page = Page::admin("/subscribe");
        let bodies = [response(&page).into_body(), response(&page).into_body()];
        assert_eq!(bodies[0].as_ptr(), bodies[1].as_ptr());
    }

    #[test]
    fn pages_have_what_is_filled_in_and_nothing_external() {
        for (text, page) in [(ADMIN, Page::admin("/it's")), (HOME, Page::home("/it's", true, true))] {
            assert!(text.contains(PREFIX));
            let loaded = ["src=\"http", "url(http", "<link rel=\"stylesheet", "@import"];
            assert!(!loaded.iter().any(|word| text.contains(word)));
            let body = response(&page).into_body();
            let body = str::from_utf8(&body).unwrap();
            assert!(body.contains("/it&#39;s"));
            assert!(!body.contains(PREFIX));
        }
    }

    #[test]
    fn the_home_page_names_only_what_is_switched_on() {
        for (admin, publish) in [(true, true), (false, true), (true, false), (false, false)] {
            let Page { html, .. } = Page::home("/subscribe", admin, publish);
            let text = str::from_utf8(&html).unwrap();
            assert_eq!((text.contains("/admin/"), text.contains("/publish/")), (admin, publish));
            assert!(text.contains("/subscribe/") && text.contains("/healthz") && text.ends_with("</dl>\n"));
        }
    }
}
