//! One event as a JSON object.
//!
//! ```text
//! {"namespace":"/pets/dogs","event":"new-dog","data":"Corgi"}     data: Corgi
//! {"namespace":"/pets","data":{"name": "Corgi"}}                  data: {"name":"Corgi"}
//! ```

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use sse_core::{Event, EventError, FrameError};

/// One event. Its texts are the body's own bytes wherever these have no escapes.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    json: &'a [u8],
    fields: Fields<'a>,
    namespace: Cow<'a, str>,
    event: Option<Cow<'a, str>>,
    data: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    #[serde(borrow)]
    namespace: &'a RawValue,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// What is wrong with an object, and how many bytes of its JSON come before that.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EntryError {
    pub(crate) what: String,
    pub(crate) at: usize,
}

impl<'a> Entry<'a> {
    pub(crate) fn parse(json: &'a [u8]) -> Result<Entry<'a>, EntryError> {
        let start = json.trim_ascii_start();
        // serde takes an array for a struct, field by field.
        if start.first() != Some(&b'{') {
            return Err(EntryError { what: "an event is a JSON object".to_owned(), at: json.len() - start.len() });
        }
        let fields: Fields<'a> = serde_json::from_slice(json).map_err(|error| EntryError::of_json(json, &error))?;
        let text = |field: &'a RawValue, name| {
            string(field.get(), name).map_err(|error| EntryError { at: offset(json, field) + error.at, ..error })
        };
        let namespace = text(fields.namespace, "`namespace`")?;
        let event = fields.event.map(|event| text(event, "`event`")).transpose()?;
        let data = match fields.data.get() {
            value if value.starts_with('"') => text(fields.data, "`data`")?,
            value => compact(value),
        };
        Ok(Entry { json, fields, namespace, event, data })
    }

    pub(crate) fn event(&self) -> Event<'_> {
        Event::new(&self.namespace, self.data.as_bytes()).named(self.event.as_deref().unwrap_or_default())
    }

    /// How many bytes of the JSON come before what this error is about.
    pub(crate) fn offset_of(&self, error: &EventError) -> usize {
        let field = match error {
            EventError::Namespace(_) => self.fields.namespace,
            EventError::Frame(FrameError::NameHasControl | FrameError::NameReserved { .. }) => {
                self.fields.event.unwrap_or(self.fields.data)
            }
            _ => self.fields.data,
        };
        offset(self.json, field)
    }
}

impl EntryError {
    /// The parser's own words, and where it was in `json`.
    #[cold]
    pub(crate) fn of_json(json: &[u8], error: &serde_json::Error) -> EntryError {
        // The parser finds bytes that are no text when a value is over: we say where they are.
        if let Err(error) = str::from_utf8(json) {
            return EntryError { what: "this is not UTF-8".to_owned(), at: error.valid_up_to() };
        }
        let message = error.to_string();
        let what = message.split(" at line ").next().unwrap_or_default().to_owned();
        let lines = json.split_inclusive(|&byte| byte == b'\n');
        let before: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
        EntryError { what, at: (before + error.column().saturating_sub(1)).min(json.len()) }
    }
}

/// Where in `json` this part of it is.
fn offset(json: &[u8], part: &RawValue) -> usize {
    part.get().as_ptr().addr() - json.as_ptr().addr()
}

/// The text of a JSON string.
fn string<'a>(json: &'a str, name: &str) -> Result<Cow<'a, str>, EntryError> {
    match json.strip_prefix('"').and_then(|json| json.strip_suffix('"')) {
        None => Err(EntryError { what: format!("{name} is a string"), at: 0 }),
        Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
        Some(_) => serde_json::from_str(json).map(Cow::Owned).map_err(|error| match lone_surrogate(json) {
            Some(at) => EntryError { what: "this escape is one half of a surrogate pair".to_owned(), at },
            None => EntryError::of_json(json.as_bytes(), &error),
        }),
    }
}

/// Where in a JSON string the first escape is that stands for one half of a pair, and has no other half beside it.
fn lone_surrogate(json: &str) -> Option<usize> {
    let unit = |at| u16::from_str_radix(json.get(at..at + 6)?.strip_prefix("\\u")?, 16).ok();
    let mut at = 0;
    while let Some(distance) = json[at..].find('\\') {
        let escape = at + distance;
        at = match unit(escape) {
            None => escape + 2,
            Some(0xD800..=0xDBFF) if matches!(unit(escape + 6), Some(0xDC00..=0xDFFF)) => escape + 12,
            Some(0xD800..=0xDFFF) => return Some(escape),
            Some(_) => escape + 6,
        };
    }
    None
}

/// Valid JSON without the whitespace between its tokens. The text stays what it was: going through numbers and maps
/// would round the numbers and sort the keys.
fn compact(json: &str) -> Cow<'_, str> {
    if !json.contains([' ', '\t', '\n', '\r']) {
        return Cow::Borrowed(json);
    }
    let (mut in_string, mut escaped) = (false, false);
    let is_kept = |&c: &char| {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            return true;
        }
        in_string = c == '"';
        !matches!(c, ' ' | '\t' | '\n' | '\r')
    };
    Cow::Owned(json.chars().filter(is_kept).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn data(json: &str) -> String {
        let entry = format!(r#"{{"namespace":"/","data":{json}}}"#);
        Entry::parse(entry.as_bytes()).unwrap().data.into_owned()
    }

    fn error(json: &str) -> EntryError {
        Entry::parse(json.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_string_is_its_text() {
        assert_eq!(data(r#""Corgi""#), "Corgi");
        assert_eq!(data(r#""""#), "");
        assert_eq!(data(r#""a\nb \"c\" \u00e9 \ud83d\udc15""#), "a\nb \"c\" é 🐕");
        assert_eq!(data(r#""ends in a backslash\\""#), "ends in a backslash\\");
    }

    #[test]
    fn any_other_value_is_its_json_without_the_spaces() {
        assert_eq!(data("null"), "null");
        assert_eq!(data(r#"{ "b" : [1, 2.50, 1e400] , "a" : " x \" y " }"#), r#"{"b":[1,2.50,1e400],"a":" x \" y "}"#);
        assert_eq!(data(r#"[ "\\" , "\\\"" , 1 ]"#), r#"["\\","\\\"",1]"#);
        assert_eq!(data("12345678901234567890123"), "12345678901234567890123");
    }

    #[test]
    fn what_has_no_escapes_is_not_copied() {
        let entry = Entry::parse(br#" {"event":"new-dog","namespace":"/pets","data":[1,2]}"#).unwrap();
        let texts = [&entry.namespace, entry.event.as_ref().unwrap(), &entry.data];
        assert!(texts.iter().all(|text| matches!(text, Cow::Borrowed(_))), "{texts:?}");
        assert_eq!(texts.map(|text| &**text), ["/pets", "new-dog", "[1,2]"]);
    }

    #[test]
    fn bad_objects_say_what_is_wrong_and_where() {
        for (json, at, what) in [
            ("{", "{", "EOF while parsing an object"),
            (r#"{"namespace":"/"}"#, "}", "missing field `data`"),
            (r#"{"data":1}"#, "}", "missing field `namespace`"),
            (r#"{"namespace":"/","data":1,"id":2}"#, "\":2", "unknown field `id`"),
            (r#"{"data":1,"namespace":3}"#, "3", "`namespace` is a string"),
            (r#"{"namespace":"/","event":4,"data":1}"#, "4", "`event` is a string"),
            (r#"{"namespace":"/","data":1} x"#, "x", "trailing characters"),
            (r#" ["/",null,1]"#, "[", "an event is a JSON object"),
        ] {
            let error = error(json);
            assert!(error.what.starts_with(what), "{json}: {error:?}");
            assert_eq!(error.at, json.find(at).unwrap(), "{json}: {error:?}");
        }
        let error = Entry::parse(b"{\"namespace\":\"/\",\n\"data\":\"\xff\"}").unwrap_err();
        assert_eq!((&*error.what, error.at), ("this is not UTF-8", 26));
    }

    #[test]
    fn half_a_pair_is_found_where_it_is() {
        for (string, at) in [
            (r#""\ud800""#, r"\ud800"),
            (r#""\\ud800 \udc15 \ud83d\udc15""#, r"\udc15 "),
            (r#""\ud83d\udc15\n\ud83dx""#, r"\ud83dx"),
            (r#""\ud83d\n""#, r"\ud83d"),
            (r#""\ud83d\ud83d\udc15""#, r"\ud83d"),
        ] {
            let json = format!(r#"{{"namespace":"/","data":{string}}}"#);
            let error = error(&json);
            assert!(error.what.contains("surrogate"), "{error:?}");
            assert_eq!(error.at, json.find(at).unwrap(), "{json}");
        }
        assert_eq!(error(r#"{"namespace":"/\udc15","data":1}"#).at, 15);
        assert_eq!(data(r#"["\ud800"]"#), r#"["\ud800"]"#, "JSON inside stays as it was sent");
    }

    #[test]
    fn an_event_that_is_refused_is_blamed_on_its_field() {
        let entry = Entry::parse(br#"{"namespace":"a","event":"gap","data":1}"#).unwrap();
        let namespace = EventError::Namespace(sse_core::NamespaceError::NotAbsolute);
        assert_eq!(entry.offset_of(&namespace), 13);
        assert_eq!(entry.offset_of(&FrameError::NameReserved { name: "gap" }.into()), 25);
        assert_eq!(entry.offset_of(&FrameError::DataTooLong { limit: 1 }.into()), 38);
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::btree_map(".*", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        /// The simplest model that could be right: serde's own compact form.
        #[test]
        fn compacting_pretty_json_gives_compact_json(value in json()) {
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(compact(&pretty), serde_json::to_string(&value).unwrap());
        }

        #[test]
        fn what_a_client_sends_never_panics(tail in any::<Vec<u8>>()) {
            drop(Entry::parse(&[b"{\"namespace\":", &*tail].concat()));
            drop(Entry::parse(&tail));
        }
    }
}
