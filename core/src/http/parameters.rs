//! The parameters in the query of a subscription, and those that seem to mean one of them but are another.
//!
//! A client that asks with `?namespaces=/pets` would get everything, and one that comes back with `?Last-Event-ID=`
//! would miss what it asks for: neither would be told. So these are refused, and the right name is said. Everything
//! else that is unknown is left alone, since proxies, caches and frameworks add parameters of their own.

use strsim::osa_distance;

/// What is subscribed to. It may come several times.
pub(crate) const NAMESPACE: &str = "namespace";

/// After which event the stream is to begin. The second is what a common polyfill sends.
pub(crate) const LAST_EVENT_ID: [&str; 2] = ["last_event_id", "lastEventId"];

/// What other servers call it, and what people call it for short.
const OTHER_NAMES: [&str; 5] = ["ns", "channel", "channels", "topic", "topics"];

/// Letters that a slip of the fingers changes: one is another, missing or too many, or two have changed places.
const MOST_SLIPS: usize = 1;

/// Bytes of a name that may still mean one of ours.
const MOST_BYTES: usize = 32;

/// Parameters that a subscription may have: each is looked at, and strangers send them.
pub(crate) const MOST_PARAMETERS: usize = 256;

/// The parameter that this name seems to mean, unless it is one.
pub(crate) fn meant(name: &str) -> Option<&'static str> {
    if name == NAMESPACE || LAST_EVENT_ID.contains(&name) || name.len() > MOST_BYTES {
        return None;
    }
    // `namespace[]` and `namespace[0]` are how some frameworks write lists.
    let plain = name.split('[').next().unwrap_or_default().to_ascii_lowercase();
    let letters: String = plain.chars().filter(char::is_ascii_alphanumeric).collect();
    let is_near =
        |right: &str| letters.len().abs_diff(right.len()) <= MOST_SLIPS && osa_distance(&letters, right) <= MOST_SLIPS;
    if is_near("lasteventid") {
        Some(LAST_EVENT_ID[0])
    } else if is_near(NAMESPACE) {
        Some(NAMESPACE)
    } else {
        None
    }
}

/// Whether this is another word for a namespace, in a query that has no right one.
pub(crate) fn is_another_word(name: &str) -> bool {
    OTHER_NAMES.iter().any(|other| name.eq_ignore_ascii_case(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_named() {
        for name in [
            "namespaces",
            "Namespace",
            "NAMESPACE",
            "namespace[]",
            "namespace[0]",
            "name_space",
            "namesapce",
            "nmespace",
        ] {
            assert_eq!(meant(name), Some("namespace"), "{name}");
        }
        for name in ["ns", "topic", "Topics", "channel"] {
            assert!(is_another_word(name) && meant(name).is_none(), "{name}");
        }
        for name in ["Last-Event-ID", "last-event-id", "lasteventid", "LastEventId", "last_event_ID", "last_event_id[]"]
        {
            assert_eq!(meant(name), Some("last_event_id"), "{name}");
        }
    }

    #[test]
    fn what_is_ours_or_somebody_else_s_is_left_alone() {
        for name in [
            "namespace",
            "last_event_id",
            "lastEventId",
            "_",
            "t",
            "access_token",
            "ticket",
            "name",
            "space",
            "utm_source",
            "stream",
            "event",
            "namespace_id",
            "é",
            "",
        ] {
            assert_eq!(meant(name), None, "{name}");
        }
    }
}
