//! What becomes of readers that are too far behind: one rule for all, others for some namespaces.
//!
//! ```text
//!   disconnect, /time=skip          /time, /time/utc: skip        /, /pets, /*: disconnect
//! ```

use sse_core::{Filter, Limits, Pattern};
use sse_net::SlowConsumer;

use crate::config::ConfigError;

/// The policies, parsed.
#[derive(Debug)]
pub(crate) struct SlowConsumers {
    /// Each prefix once, the deepest first. A policy for all is that of `/`.
    prefixes: Vec<(Pattern, SlowConsumer)>,
}

impl SlowConsumers {
    pub(crate) fn parse(policies: &[String], limits: &Limits) -> Result<SlowConsumers, ConfigError> {
        let mut prefixes: Vec<(Pattern, SlowConsumer)> = Vec::with_capacity(policies.len());
        for text in policies {
            let (prefix, policy) = parse_policy(text, limits).map_err(|detail| bad(text, &detail))?;
            if prefixes.iter().any(|(known, _)| *known == prefix) {
                return Err(bad(text, &format!("there is a policy for {prefix} already")));
            }
            prefixes.push((prefix, policy));
        }
        prefixes.sort_by_cached_key(|(prefix, _)| std::cmp::Reverse(prefix.segments().count()));
        Ok(SlowConsumers { prefixes })
    }

    /// The policy for a subscription. It is skipped over events only if that is right for all that it asks for.
    pub(crate) fn policy(&self, filter: &Filter) -> SlowConsumer {
        let skips = |pattern| matches!(self.of_pattern(pattern), SlowConsumer::Skip);
        if filter.patterns().iter().all(skips) { SlowConsumer::Skip } else { SlowConsumer::Disconnect }
    }

    fn of_pattern(&self, pattern: &Pattern) -> SlowConsumer {
        let deepest = self.prefixes.iter().find(|(prefix, _)| lies_beneath(pattern, prefix));
        deepest.map(|(_, policy)| *policy).unwrap_or_default()
    }
}

/// Whether `pattern` is `prefix` or beneath it, as written: `/*` isn't beneath `/time`, since it covers other namespaces
/// too.
fn lies_beneath(pattern: &Pattern, prefix: &Pattern) -> bool {
    let mut segments = pattern.segments();
    prefix.segments().all(|wanted| segments.next() == Some(wanted))
}

fn bad(text: &str, detail: &str) -> ConfigError {
    ConfigError::new("slow-consumer", format!("{text:?} can't be used: {detail}"))
}

/// `skip` or `/time=skip`. The prefix may have a `=` in it, a policy has none.
fn parse_policy(text: &str, limits: &Limits) -> Result<(Pattern, SlowConsumer), String> {
    let (prefix, policy) = text.rsplit_once('=').unwrap_or(("/", text));
    let policy = match policy {
        "disconnect" => SlowConsumer::Disconnect,
        "skip" => SlowConsumer::Skip,
        _ => return Err("write `disconnect`, `skip`, or one of them for a namespace, such as `/time=skip`".to_owned()),
    };
    let prefix = Pattern::parse_within(prefix, limits).map_err(|error| error.to_string())?;
    Ok((prefix, policy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(policies: &[&str]) -> Result<SlowConsumers, ConfigError> {
        let policies: Vec<_> = policies.iter().map(|&policy| policy.to_owned()).collect();
        SlowConsumers::parse(&policies, &Limits::default())
    }

    #[track_caller]
    fn assert_skips(policies: &[&str], patterns: &[&str], skips: bool) {
        let parsed = patterns.iter().map(|pattern| Pattern::parse(pattern).unwrap());
        let policy = parse(policies).unwrap().policy(&Filter::any_of(parsed).unwrap());
        assert_eq!(matches!(policy, SlowConsumer::Skip), skips, "{patterns:?} under {policies:?}");
    }

    #[test]
    fn nothing_said_is_disconnect() {
        assert_skips(&[], &["/a"], false);
        assert_skips(&["disconnect"], &["/a"], false);
        assert_skips(&["skip"], &["/a"], true);
        assert_skips(&["/b=skip"], &["/a"], false);
    }

    #[test]
    fn the_longest_prefix_counts_in_whatever_order_they_come() {
        for policies in [["disconnect", "/a=skip", "/a/b=disconnect"], ["/a/b=disconnect", "/a=skip", "disconnect"]] {
            assert_skips(&policies, &["/a"], true);
            assert_skips(&policies, &["/a/x"], true);
            assert_skips(&policies, &["/a/b"], false);
            assert_skips(&policies, &["/a/b/c"], false);
            assert_skips(&policies, &["/ab"], false);
            assert_skips(&policies, &["/"], false);
        }
    }

    #[test]
    fn a_star_is_a_segment_like_any_other() {
        assert_skips(&["/time=skip"], &["/*"], false);
        assert_skips(&["/time=skip"], &["/time/*"], true);
        assert_skips(&["/*=skip"], &["/*"], true);
        assert_skips(&["/*/new=skip"], &["/*/new/dogs"], true);
        assert_skips(&["/*=skip"], &["/time"], false);
    }

    #[test]
    fn several_namespaces_skip_if_all_do() {
        assert_skips(&["/time=skip", "/weather=skip"], &["/time", "/weather/now"], true);
        assert_skips(&["/time=skip"], &["/time", "/pets"], false);
        assert_skips(&["skip", "/pets=disconnect"], &["/time", "/pets"], false);
    }

    #[test]
    fn bad_policies_say_why() {
        for (policies, why) in [
            (&["sometimes"][..], "write `disconnect`"),
            (&[""], "write `disconnect`"),
            (&["/time"], "write `disconnect`"),
            (&["/time=Skip"], "write `disconnect`"),
            (&["time=skip"], "begins with '/'"),
            (&["=skip"], "begins with '/'"),
            (&["/a//b=skip"], "no empty segments"),
            (&["skip", "disconnect"], "a policy for / already"),
            (&["skip", "/=skip"], "a policy for / already"),
            (&["/a=skip", "/a/=disconnect"], "a policy for /a already"),
        ] {
            let error = parse(policies).unwrap_err();
            assert_eq!(error.setting(), "slow-consumer");
            assert!(error.detail().contains(why), "{policies:?}: {error}");
        }
        assert!(parse(&["/a=b=skip"]).is_ok(), "a segment may have a `=` in it");
    }
}
