//! Batches: many events in one body, as JSON objects on lines of their own or in one JSON document.

use std::fmt;

use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;
use sse_core::{Event, EventError};

use crate::entry::{Entry, EntryError};
use crate::problem::Place;

/// What Windows' editors, and PowerShell, put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// How a body holds its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One a line. Blank lines are passed over.
    Lines,
    /// The body is one, or an array of them, and may be spread over lines.
    Document,
}

impl Form {
    /// What a `Content-Type` says. Lines of JSON have no registered type, so each name in use is taken.
    pub(crate) fn of(content_type: &str) -> Option<Form> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let subtype = essence.split_at_checked("application/".len())?;
        if !subtype.0.eq_ignore_ascii_case("application/") {
            return None;
        }
        match subtype.1.to_ascii_lowercase().as_str() {
            "x-ndjson" | "ndjson" | "jsonl" | "x-jsonl" | "jsonlines" | "x-jsonlines" => Some(Form::Lines),
            "json" => Some(Form::Document),
            _ => None,
        }
    }
}

/// What is wrong with a batch, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) kind: FaultKind,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// It doesn't say what its events are.
    Json(String),
    /// It does, but this one was not taken.
    Event(EventError),
}

/// Hands over each event in its turn, and collects what becomes of them, up to the first that is not taken.
pub(crate) fn read<T>(
    form: Form,
    body: &[u8],
    mut take: impl FnMut(&Event<'_>) -> Result<T, EventError>,
) -> Result<Vec<T>, Fault> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let mut taken = Vec::new();
    let mut hand_over = |json: &[u8], element| -> Result<(), Fault> {
        let fault = |at, kind| Fault { place: Place::at(body, offset(body, json) + at, element), kind };
        let entry = Entry::parse(json).map_err(|error| fault(error.at, FaultKind::Json(error.what)))?;
        taken.push(take(&entry.event()).map_err(|error| fault(entry.offset_of(&error), FaultKind::Event(error)))?);
        Ok(())
    };
    match form {
        Form::Lines => {
            let mut lines = body.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
            lines.try_for_each(|line| hand_over(line, None))?;
        }
        Form::Document if body.trim_ascii_start().first() == Some(&b'[') => {
            for (number, element) in (1..).zip(elements(body)?) {
                hand_over(element.get().as_bytes(), Some(number))?;
            }
        }
        Form::Document => hand_over(body, None)?,
    }
    Ok(taken)
}

/// Where in `body` this part of it begins.
fn offset(body: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - body.as_ptr().addr()
}

/// The elements of a JSON array.
fn elements(body: &[u8]) -> Result<Vec<&RawValue>, Fault> {
    let fault = |error: serde_json::Error, element| {
        let EntryError { what, at } = EntryError::of_json(body, &error);
        Fault { place: Place::at(body, at, element), kind: FaultKind::Json(what) }
    };
    let mut found = Vec::new();
    let mut parser = Deserializer::from_slice(body);
    let parsed = parser.deserialize_seq(Elements(&mut found));
    parsed.map_err(|error| fault(error, Some(found.len() + 1)))?;
    parser.end().map_err(|error| fault(error, None))?;
    Ok(found)
}

/// Collects elements outside of itself, so that an error's can be numbered.
struct Elements<'v, 'a>(&'v mut Vec<&'a RawValue>);

impl<'a> Visitor<'a> for Elements<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut sequence: A) -> Result<(), A::Error> {
        while let Some(element) = sequence.next_element()? {
            self.0.push(element);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn namespaces(form: Form, body: &[u8]) -> Result<Vec<String>, Fault> {
        // An event's Debug shows its namespace first.
        read(form, body, |event| Ok(format!("{event:?}").split('"').nth(1).unwrap().to_owned()))
    }

    #[track_caller]
    fn assert_fault(form: Form, body: &str, line: usize, column: usize, element: Option<usize>) {
        let fault = namespaces(form, body.as_bytes()).unwrap_err();
        assert_eq!(fault.place, Place { line, column, element }, "{body}: {fault:?}");
    }

    #[test]
    fn forms_go_by_many_names() {
        for name in ["x-ndjson", "ndjson", "jsonl", "x-jsonl", "jsonlines", "x-jsonlines", "X-NDJSON; charset=utf-8"] {
            assert_eq!(Form::of(&format!("application/{name}")), Some(Form::Lines));
        }
        assert_eq!(Form::of(" Application/JSON ;charset=utf-8"), Some(Form::Document));
        for other in
            ["", "json", "text/json", "application/", "application/json-seq", "application/x-www-form-urlencoded"]
        {
            assert_eq!(Form::of(other), None, "{other}");
        }
    }

    #[test]
    fn every_form_holds_the_same_events() {
        let lines = "\n {\"namespace\":\"/a\",\"data\":1}\r\n\n{\"data\":2,\"namespace\":\"/b\"}\n";
        assert_eq!(namespaces(Form::Lines, lines.as_bytes()).unwrap(), ["/a", "/b"]);
        let array =
            "\n[\n  {\n    \"namespace\": \"/a\",\n    \"data\": 1\n  }, {\"namespace\":\"/b\",\"data\":{}}\n]\n";
        assert_eq!(namespaces(Form::Document, array.as_bytes()).unwrap(), ["/a", "/b"]);
        let one = "{\n  \"namespace\": \"/a\",\n  \"data\": null\n}";
        assert_eq!(namespaces(Form::Document, one.as_bytes()).unwrap(), ["/a"]);
        for (form, empty) in [(Form::Lines, ""), (Form::Lines, "\n\r\n"), (Form::Document, " [ ] ")] {
            assert!(namespaces(form, empty.as_bytes()).unwrap().is_empty());
        }
        for (form, body) in [(Form::Lines, lines), (Form::Document, array), (Form::Document, one)] {
            let marked = [BYTE_ORDER_MARK, body.as_bytes()].concat();
            assert_eq!(namespaces(form, &marked), namespaces(form, body.as_bytes()));
        }
    }

    #[test]
    fn faults_have_a_line_and_a_column_as_in_an_editor() {
        let good = r#"{"namespace":"/a","data":1}"#;
        assert_fault(Form::Lines, &format!("{good}\r\n\n{{\n"), 3, 1, None);
        assert_fault(Form::Lines, &format!("{good}\n {good} x"), 2, 30, None);
        assert_fault(Form::Lines, r#"{"namespace":"/é","data":"äöü \ud800"}"#, 1, 31, None);
        assert_fault(Form::Document, "", 1, 1, None);
        assert_fault(Form::Document, "{\n  \"namespace\": 1,\n  \"data\": 1\n}", 2, 16, None);
        assert_fault(Form::Document, &format!("[{good},\n  {good},\n  5]"), 3, 3, Some(3));
        assert_fault(
            Form::Document,
            &format!("[{good},\n  {{\"namespace\":\"/\\udc15\",\"data\":1}}]"),
            2,
            18,
            Some(2),
        );
        assert_fault(Form::Document, &format!("[{good},\n]"), 2, 1, Some(2));
        assert_fault(Form::Document, &format!("[{good}"), 1, 28, Some(2));
        assert_fault(Form::Document, &format!("[{good}]\n x"), 2, 2, None);
    }

    #[test]
    fn who_is_not_taken_is_placed_too() {
        let body = b"\xEF\xBB\xBF[{\"namespace\":\"/a\",\"data\":1},\n {\"data\":1,\"namespace\":\"b\"}]";
        let hub = sse_core::Hub::new(sse_core::HubConfig::default());
        let fault = read(Form::Document, body, |event| hub.prepare(event)).unwrap_err();
        assert_eq!(fault.place, Place { line: 2, column: 24, element: Some(2) });
        assert!(matches!(fault.kind, FaultKind::Event(EventError::Namespace(_))), "{fault:?}");
    }

    proptest! {
        #[test]
        fn what_a_client_sends_never_panics(bytes in any::<Vec<u8>>(), document in any::<bool>()) {
            let form = if document { Form::Document } else { Form::Lines };
            drop(namespaces(form, &bytes));
            drop(namespaces(form, &[b"[", &*bytes].concat()));
        }
    }
}
