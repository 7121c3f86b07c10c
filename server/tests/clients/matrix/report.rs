//! What came of a trial, as a row of a Markdown table and as a verdict.

use super::clients::Client;
use super::trial::Outcome;

pub(crate) const HEADER: &str = "\
| client | version | late: median, max | lost | doubled | corrupt | empty per connect, per keepalive | remarks |
|---|---|---|---|---|---|---|---|
";

/// `None` where this machine lacks the client.
pub(crate) fn row(client: &Client, outcome: Option<&Outcome>) -> String {
    let name = client.name;
    let Some(outcome) = outcome else { return format!("| {name} | not on this machine |||||||\n") };
    let ms = |time: std::time::Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    let late = format!("{}, {}", ms(outcome.late_median), ms(outcome.late_max));
    let tally = &outcome.tally;
    let swept = match outcome.cuts {
        0 => "– | – | –".to_owned(),
        cuts => format!("{} in {cuts} cuts | {} | {}", tally.lost, tally.doubled, tally.corrupt),
    };
    let empty = format!("{}, {}", outcome.empty_at_connect, if outcome.empty_in_silence == 0 { "0" } else { "1" });
    let remarks = remarks(client, outcome).join("; ");
    format!("| {name} | {} | {late} | {swept} | {empty} | {remarks} |\n", client.version().unwrap_or_default())
}

/// Each finding, and why it is expected where it is; each exception that didn't show.
fn remarks(client: &Client, outcome: &Outcome) -> Vec<String> {
    let quirk = |finding| client.quirks.iter().find(|quirk| quirk.finding == finding);
    let found = outcome.findings.iter().map(|&finding| match quirk(finding) {
        Some(quirk) => format!("{finding:?}: {}", quirk.why),
        None => format!("**{finding:?}**"),
    });
    let unseen = client.quirks.iter().filter(|quirk| !outcome.findings.contains(&quirk.finding));
    found.chain(unseen.map(|quirk| format!("not seen this time: {:?}", quirk.finding))).collect()
}

/// What a test has to complain about: findings that are no known quirks, and quirks that are gone.
pub(crate) fn complaints(client: &Client, outcome: &Outcome) -> Vec<String> {
    let is_known = |finding| client.quirks.iter().any(|quirk| quirk.finding == finding);
    let found = outcome.findings.iter().filter(|finding| !is_known(**finding));
    let gone = client.quirks.iter().filter(|quirk| quirk.always && !outcome.findings.contains(&quirk.finding));
    found
        .map(|finding| format!("{finding:?}"))
        .chain(gone.map(|quirk| format!("{:?} shows no more: take the exception out", quirk.finding)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::clients::{Program, Quirk};
    use crate::matrix::judge::Finding;

    fn complaints_about(quirks: &'static [Quirk], findings: &[Finding]) -> Vec<String> {
        let client = Client { quirks, ..Client::new("one", Program::Chromium) };
        complaints(&client, &Outcome { findings: findings.to_vec(), ..Outcome::default() })
    }

    const LOSES: &[Quirk] = &[Quirk { finding: Finding::Lost, always: false, why: "it does" }];
    const ALTERS: &[Quirk] = &[Quirk { finding: Finding::Altered("NUL"), always: true, why: "it does" }];

    #[test]
    fn what_is_found_must_be_known() {
        assert_eq!(complaints_about(&[], &[]), Vec::<String>::new());
        assert_eq!(complaints_about(&[], &[Finding::Lost]), ["Lost"]);
        assert_eq!(complaints_about(LOSES, &[Finding::Lost]), Vec::<String>::new());
        assert_eq!(
            complaints_about(ALTERS, &[Finding::Altered("NUL"), Finding::Altered("UTF-8")]),
            ["Altered(\"UTF-8\")"]
        );
    }

    #[test]
    fn what_is_known_must_be_found_if_chance_has_no_part_in_it() {
        assert_eq!(complaints_about(LOSES, &[]), Vec::<String>::new());
        assert_eq!(complaints_about(ALTERS, &[]), ["Altered(\"NUL\") shows no more: take the exception out"]);
    }
}
