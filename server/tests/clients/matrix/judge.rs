//! What a client handed out, held against what was published.

use std::collections::HashMap;

use serde_json::Value;

/// What a client program prints.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Report {
    Open,
    Error,
    Event(Heard),
}

/// An event as a client hands it out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Heard {
    /// In nanoseconds since 1970.
    pub(crate) at: u64,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) data: String,
}

/// An event as it was published.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Due {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) data: String,
}

/// What was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The connection was made, and the client didn't say so.
    Unopened,
    /// An event was not handed out before another was published.
    HeldBack,
    /// This sample was handed out otherwise than it was published, or not at all.
    Altered(&'static str),
    /// Nothing came after this sample.
    Choked(&'static str),
    EmptyPerKeepalive,
    /// More than one at a connect.
    ManyEmptyPerConnect,
    /// The line was cut, and the client stayed away.
    StayedAway,
    Lost,
    /// No more than by chance fell where cuts do most harm.
    LostFew,
    Doubled,
    /// An event that nobody published.
    Corrupt,
    Disordered,
    WrongId,
    /// The server was another, and the client didn't hear of the gap, and what was published then.
    NoGap,
}

impl Report {
    /// `None` if it is none.
    pub(crate) fn parse(line: &str) -> Option<Report> {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |at: usize| value[at].as_str().map(str::to_owned);
        match value[0].as_str()? {
            "open" => Some(Report::Open),
            "error" => Some(Report::Error),
            "event" => {
                Some(Report::Event(Heard { at: value[1].as_u64()?, id: text(2)?, kind: text(3)?, data: text(4)? }))
            }
            _ => None,
        }
    }
}

impl Heard {
    /// What some clients make of a block without data: nothing that is published here looks like it.
    pub(crate) fn is_empty(&self) -> bool {
        self.kind == "message" && self.data.is_empty()
    }

    pub(crate) fn is(&self, due: &Due) -> bool {
        self.kind == due.kind && self.data == due.data
    }
}

/// More than this many are more than one byte in hundreds, where a cut may fall, accounts for.
const FEW: usize = 2;

/// How often what was wrong in `heard`, where all of `due` was to come once, in order. No two that are due are alike.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) corrupt: usize,
    pub(crate) disordered: usize,
    pub(crate) wrong_ids: usize,
}

impl Tally {
    pub(crate) fn of(due: &[Due], heard: &[Heard]) -> Tally {
        let places: HashMap<_, _> =
            due.iter().enumerate().map(|(place, due)| ((due.kind, due.data.as_str()), place)).collect();
        let mut times = vec![0; due.len()];
        let mut tally = Tally::default();
        let mut next = 0;
        for heard in heard.iter().filter(|heard| !heard.is_empty()) {
            let Some(&place) = places.get(&(heard.kind.as_str(), heard.data.as_str())) else {
                tally.corrupt += 1;
                continue;
            };
            times[place] += 1;
            if times[place] > 1 {
                tally.doubled += 1;
                continue;
            }
            tally.disordered += usize::from(place < next);
            tally.wrong_ids += usize::from(heard.id != due[place].id);
            next = place + 1;
        }
        tally.lost = times.iter().filter(|times| **times == 0).count();
        tally
    }

    pub(crate) fn findings(&self) -> impl Iterator<Item = Finding> {
        [
            (self.lost, if self.lost > FEW { Finding::Lost } else { Finding::LostFew }),
            (self.doubled, Finding::Doubled),
            (self.corrupt, Finding::Corrupt),
            (self.disordered, Finding::Disordered),
            (self.wrong_ids, Finding::WrongId),
        ]
        .into_iter()
        .filter(|(times, _)| *times > 0)
        .map(|(_, finding)| finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due() -> Vec<Due> {
        let due = |id: &str, data: &str| Due { id: id.into(), kind: "new-dog", data: data.into() };
        vec![due("e-1", "Corgi"), due("e-2", "Terrier"), due("e-3", "Dauchsand")]
    }

    fn heard(id: &str, kind: &str, data: &str) -> Heard {
        Heard { at: 0, id: id.into(), kind: kind.into(), data: data.into() }
    }

    fn tally(heard: &[(&str, &str)]) -> Tally {
        Tally::of(&due(), &heard.iter().map(|(id, data)| self::heard(id, "new-dog", data)).collect::<Vec<_>>())
    }

    #[test]
    fn all_in_order_is_faultless() {
        let mut all: Vec<_> = due().iter().map(|due| heard(&due.id, due.kind, &due.data)).collect();
        all.insert(1, heard("e-1", "message", ""));
        assert_eq!(Tally::of(&due(), &all), Tally::default());
        assert_eq!(Tally::default().findings().count(), 0);
    }

    #[test]
    fn each_fault_is_counted() {
        let lost = tally(&[("e-1", "Corgi"), ("e-3", "Dauchsand")]);
        assert_eq!(lost, Tally { lost: 1, ..Tally::default() });
        let doubled = tally(&[("e-1", "Corgi"), ("e-2", "Terrier"), ("e-1", "Corgi"), ("e-3", "Dauchsand")]);
        assert_eq!(doubled, Tally { doubled: 1, ..Tally::default() });
        let truncated = tally(&[("e-1", "Corgi"), ("e-2", "Terr"), ("e-2", "Terrier"), ("e-3", "Dauchsand")]);
        assert_eq!(truncated, Tally { corrupt: 1, ..Tally::default() });
        let disordered = tally(&[("e-2", "Terrier"), ("e-1", "Corgi"), ("e-3", "Dauchsand")]);
        assert_eq!(disordered, Tally { disordered: 1, ..Tally::default() });
        let wrong_id = tally(&[("e-1", "Corgi"), ("e", "Terrier"), ("e-3", "Dauchsand")]);
        assert_eq!(wrong_id, Tally { wrong_ids: 1, ..Tally::default() });
        let another_type = Tally::of(&due(), &[heard("e-1", "gap", "Corgi")]);
        assert_eq!(another_type, Tally { lost: 3, corrupt: 1, ..Tally::default() });
    }

    #[test]
    fn few_are_told_from_many() {
        let findings = |lost| Tally { lost, ..Tally::default() }.findings().collect::<Vec<_>>();
        assert_eq!(findings(0), []);
        assert_eq!(findings(FEW), [Finding::LostFew]);
        assert_eq!(findings(FEW + 1), [Finding::Lost]);
    }

    #[test]
    fn a_report_is_what_the_programs_print() {
        let event = heard("e-1", "new-dog", "Corgi");
        assert_eq!(Report::parse(r#"["event",0,"e-1","new-dog","Corgi"]"#), Some(Report::Event(event)));
        assert_eq!(Report::parse(r#"["open",1]"#), Some(Report::Open));
        assert_eq!(Report::parse(r#"["error",1,"it broke"]"#), Some(Report::Error));
        for other in ["", "[]", "[1]", r#"["event",0,"e-1"]"#, "Traceback (most recent call last):"] {
            assert_eq!(Report::parse(other), None, "{other}");
        }
    }
}
