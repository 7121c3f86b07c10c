//! A batch is taken exactly if `serde_json` finds an event in each of its lines, and then as these events; and so is the
//! array of them.

#![no_main]

use std::fmt;

use libfuzzer_sys::fuzz_target;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sse_server::{Event, fuzzing};

fuzz_target!(|body: &[u8]| {
    let text = body.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(body);
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let lines: Vec<&[u8]> = lines.collect();
    let expected: Option<Vec<String>> = lines.iter().map(|line| event(line)).collect();
    assert_eq!(fuzzing::batch_of_lines(body), expected);

    if expected.is_some() {
        let array = [b"[", &*lines.join(&b",\n"[..]), b"]"].concat();
        assert_eq!(fuzzing::batch_document(&array), expected);
    }
    let _ = fuzzing::batch_document(body);
});

/// The event that an object stands for, as its `Debug` shows it.
fn event(json: &[u8]) -> Option<String> {
    let mut parser = serde_json::Deserializer::from_slice(json);
    let members = parser.deserialize_map(Members).ok()?;
    parser.end().ok()?;
    let member = |wanted: &str| {
        let mut values = members.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.get());
        (values.next(), values.next().is_some())
    };
    let known = members.iter().all(|(name, _)| matches!(&**name, "namespace" | "event" | "data"));
    let ((Some(namespace), false), (name, false), (Some(data), false)) =
        (member("namespace"), member("event"), member("data"))
    else {
        return None;
    };
    let text = |json| serde_json::from_str::<String>(json).ok();
    let namespace = text(namespace)?;
    let name = name.map_or(Some(None), |name| serde_json::from_str::<Option<String>>(name).ok())?;
    let data = if data.starts_with('"') { text(data)? } else { without_blanks(data) };
    let event = Event::new(&namespace, &data).named(name.as_deref().unwrap_or_default());
    known.then(|| format!("{event:?}"))
}

/// JSON without what is between its tokens.
fn without_blanks(json: &str) -> String {
    let mut kept = String::new();
    let mut rest = json.chars();
    while let Some(c) = rest.next() {
        if !c.is_ascii_whitespace() {
            kept.push(c);
        }
        if c == '"' {
            // The string goes on to a quote that no backslash escapes.
            while let Some(c) = rest.next() {
                kept.push(c);
                match c {
                    '"' => break,
                    '\\' => kept.extend(rest.next()),
                    _ => {}
                }
            }
        }
    }
    kept
}

/// All members of an object, even those of one name.
struct Members;

impl<'a> Visitor<'a> for Members {
    type Value = Vec<(String, &'a RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}
