//! Batches of events, one JSON object a line.
//!
//! ```text
//! {"namespace":"/pets/dogs","event":"new-dog","data":"Corgi"}     data: Corgi
//! {"namespace":"/pets","data":{"name": "Corgi"}}                  data: {"name":"Corgi"}
//! ```

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

/// One line.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) namespace: Cow<'a, str>,
    pub(crate) event: Option<Cow<'a, str>>,
    /// A string's text, or any other value's JSON without the spaces.
    pub(crate) data: Cow<'a, str>,
}

/// The lines of a body with their numbers, from 1. Blank ones are passed over.
pub(crate) fn lines(body: &[u8]) -> impl Iterator<Item = (usize, Result<Line<'_>, LineError>)> {
    (1..)
        .zip(body.split(|&byte| byte == b'\n'))
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(number, line)| (number, Line::parse(line)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Line<'_> {
    fn parse(line: &[u8]) -> Result<Line<'_>, LineError> {
        // serde takes an array for a struct, field by field.
        if line.trim_ascii_start().first() != Some(&b'{') {
            return Err(LineError(serde::de::Error::custom("a line is a JSON object")));
        }
        let fields: Fields<'_> = serde_json::from_slice(line).map_err(LineError)?;
        Ok(Line { namespace: fields.namespace, event: fields.event, data: text(fields.data.get())? })
    }
}

fn text(json: &str) -> Result<Cow<'_, str>, LineError> {
    let Some(string) = json.strip_prefix('"') else { return Ok(compact(json)) };
    match string.strip_suffix('"') {
        Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
        _ => serde_json::from_str(json).map(Cow::Owned).map_err(LineError),
    }
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

/// What is wrong with a line.
#[derive(Debug)]
pub(crate) struct LineError(serde_json::Error);

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The parser sees one line only and would call it line 1.
        let message = self.0.to_string();
        let what = message.split(" at line ").next().unwrap_or_default();
        write!(
            f,
            r#"{what} (column {}); a line looks like {{"namespace":"/pets","event":"new-dog","data":"Corgi"}}."#,
            self.0.column()
        )
    }
}

impl std::error::Error for LineError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn data(json: &str) -> String {
        let line = format!(r#"{{"namespace":"/","data":{json}}}"#);
        Line::parse(line.as_bytes()).unwrap().data.into_owned()
    }

    #[test]
    fn a_string_is_its_text() {
        assert_eq!(data(r#""Corgi""#), "Corgi");
        assert_eq!(data(r#""""#), "");
        assert_eq!(data(r#""a\nb \"c\" \u00e9""#), "a\nb \"c\" é");
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
    fn lines_are_numbered_as_an_editor_would() {
        let body = b"{\"namespace\":\"/a\",\"data\":1}\r\n\n{\"namespace\":\"/b\",\"event\":\"e\",\"data\":2}\n";
        let lines: Vec<_> = lines(body).map(|(number, line)| (number, line.unwrap())).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[0].0, &*lines[0].1.namespace, lines[0].1.event.as_deref()), (1, "/a", None));
        assert_eq!((lines[1].0, &*lines[1].1.namespace, lines[1].1.event.as_deref()), (3, "/b", Some("e")));
    }

    #[test]
    fn bad_lines_say_why() {
        for (line, why) in [
            ("{", "EOF while parsing an object (column 1)"),
            (r#"{"namespace":"/"}"#, "missing field `data`"),
            (r#"{"data":1}"#, "missing field `namespace`"),
            (r#"{"namespace":"/","data":1,"id":2}"#, "unknown field `id`"),
            (r#"{"namespace":1,"data":1}"#, "invalid type"),
            (r#"{"namespace":"/","data":1} x"#, "trailing characters"),
            (r#"["/",null,1]"#, "a line is a JSON object"),
        ] {
            let error = Line::parse(line.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(why), "{line}: {error}");
        }
        assert!(Line::parse(b"{\"namespace\":\"/\",\"data\":\"\xff\"}").is_err());
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
        fn what_a_client_sends_never_panics(bytes in any::<Vec<u8>>()) {
            lines(&bytes).for_each(|(_, line)| drop(line));
        }
    }
}
