//! From the path and the query of a request to a filter.
//!
//! ```text
//!   /subscribe/pets/*                             one pattern, in the path
//!   /subscribe?namespace=/pets&namespace=/time    several, in the query of the root
//! ```

use super::bad_request::BadRequest;
use super::parameters;
use super::path;
use super::query::Query;
use super::text::shortened;
use crate::names::filter::{Filter, FilterLimits};
use crate::names::namespace::Limits;
use crate::names::pattern::Pattern;

/// What a request subscribes to: the namespace or pattern that the decoded path names beneath the place of streams,
/// or those that the query names.
///
/// ```
/// use sse_core::http::{Query, requested_filter};
/// use sse_core::{FilterLimits, Limits};
///
/// let limits = (Limits::default(), FilterLimits::default());
/// let requested = |path, query| requested_filter(path, Query::new(query), &limits.0, &limits.1);
/// assert_eq!(requested("/pets/*", "").unwrap().to_string(), "/pets/*");
/// assert_eq!(requested("/", "namespace=/pets&namespace=/time").unwrap().to_string(), "/pets,/time");
/// assert!(requested("/", "namespaces=/pets").is_err());
/// ```
pub fn requested_filter(
    namespace: &str,
    query: Query<'_>,
    limits: &Limits,
    filter_limits: &FilterLimits,
) -> Result<Filter, BadRequest> {
    refuse_lookalikes(query)?;
    let mut named = query.raw_values(parameters::NAMESPACE).peekable();
    if named.peek().is_none() {
        if namespace == "/" {
            refuse_other_words(query)?;
        }
        let pattern = Pattern::parse_within(namespace, limits).map_err(BadRequest::from_words)?;
        return any_of(vec![pattern], filter_limits);
    }
    if namespace != "/" {
        let detail = format!(
            "The path names {:?} and the query names namespaces too: \
             name one in the path, or all of them in the query of the root.",
            shortened(namespace)
        );
        return Err(BadRequest::new(detail));
    }
    several(named, limits, filter_limits)
}

fn refuse_lookalikes(query: Query<'_>) -> Result<(), BadRequest> {
    if query.names().nth(parameters::MOST_PARAMETERS).is_some() {
        let most = parameters::MOST_PARAMETERS;
        return Err(BadRequest::new(format!(
            "The query has too many parameters: a subscription takes at most {most}."
        )));
    }
    for name in query.names() {
        if let Some(meant) = parameters::meant(&name) {
            return Err(lookalike(&name, meant));
        }
    }
    Ok(())
}

/// Without them the stream would carry everything. (Where a namespace is named, they are somebody else's.)
fn refuse_other_words(query: Query<'_>) -> Result<(), BadRequest> {
    match query.names().find(|name| parameters::is_another_word(name)) {
        Some(name) => Err(lookalike(&name, parameters::NAMESPACE)),
        None => Ok(()),
    }
}

fn lookalike(name: &str, meant: &str) -> BadRequest {
    BadRequest::new(format!("The query has a parameter {name:?}, which means nothing here: write `{meant}=`."))
}

fn several<'q>(
    named: impl Iterator<Item = &'q str>,
    limits: &Limits,
    filter_limits: &FilterLimits,
) -> Result<Filter, BadRequest> {
    // One more than may be says that they are too many: no more is done for a client that sends ten thousand.
    let named = named.take(filter_limits.patterns.saturating_add(1));
    let patterns: Vec<_> = named.map(|raw| pattern(raw, limits)).collect::<Result<_, _>>()?;
    any_of(patterns, filter_limits)
}

/// The filter, if it is as large as one subscription's may be.
fn any_of(patterns: Vec<Pattern>, limits: &FilterLimits) -> Result<Filter, BadRequest> {
    let filter = Filter::any_of_within(patterns, limits);
    filter.map_err(BadRequest::from_words)
}

/// One value of the query. It is as strict as a path, but that slashes may be escaped: `URLSearchParams` does so.
fn pattern(raw: &str, limits: &Limits) -> Result<Pattern, BadRequest> {
    if raw.is_empty() {
        return Err(BadRequest::new("The query has an empty `namespace=`: write `/` for everything, or leave it out."));
    }
    let text = path::decode_query_value(raw).map_err(|error| {
        BadRequest::new(format!("The namespace {:?} in the query can't be read. {error}", shortened(raw)))
    })?;
    Pattern::parse_within(&text, limits).map_err(|error| {
        BadRequest::new(format!("The namespace {:?} in the query can't be used: {error}.", shortened(&text)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(query: &str) -> Result<String, BadRequest> {
        several(query.split('&'), &Limits::default(), &FilterLimits::default()).map(|filter| filter.to_string())
    }

    #[test]
    fn values_are_decoded_once_as_forms_are() {
        assert_eq!(filter("/b&/a/*").unwrap(), "/a/*,/b");
        assert_eq!(filter("%2Fcaf%C3%A9%2F100%2525").unwrap(), "/café/100%25");
        assert_eq!(filter("/new+york&/a%2Bb").unwrap(), "/a+b,/new york");
        assert_eq!(filter("/pets/&/pets&/pets/dogs").unwrap(), "/pets");
    }

    #[test]
    fn a_bad_one_is_named() {
        for (query, words) in [
            ("/a&", "empty"),
            ("/a&b", "\"b\""),
            ("/a&%2Fb%2F%2Fc", "\"/b//c\""),
            ("/a&/b/..", "\"/b/..\""),
            ("/a&/b%0A", "\"/b\\n\""),
            ("/a&/50%", "\"/50%\""),
            ("/a&/%zz", "\"/%zz\""),
            ("/a&/%ff", "\"/%ff\""),
        ] {
            let detail = filter(query).unwrap_err().detail().to_owned();
            assert!(detail.contains(words) && detail.ends_with('.'), "{query}: {detail}");
        }
    }

    #[test]
    fn there_may_be_a_hundred() {
        let query = |count: usize| (0..count).map(|n| format!("/{n}")).collect::<Vec<_>>().join("&");
        assert_eq!(filter(&query(100)).unwrap().split(',').count(), 100);
        assert!(filter(&query(101)).unwrap_err().detail().contains("at most 100"));
    }

    #[test]
    fn what_is_too_much_is_told_with_what_may_be() {
        let deep = |count: usize| (0..count).map(|n| format!("/{n}{}", "/a".repeat(63))).collect::<Vec<_>>().join("&");
        assert!(filter(&deep(16)).is_ok());
        let detail = filter(&deep(17)).unwrap_err().detail().to_owned();
        assert!(detail.contains("1024 segments") && detail.contains("1088") && detail.ends_with('.'), "{detail}");
        let wild = ["/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*"; 8].join("&");
        let detail = filter(&wild).unwrap_err().detail().to_owned();
        assert!(detail.contains("128 wildcards") && detail.contains("136") && detail.ends_with('.'), "{detail}");
    }
}
