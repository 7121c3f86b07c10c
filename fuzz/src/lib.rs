//! An event stream parser that shares nothing with the server: what a browser makes of its bytes.

/// What a client's listener is handed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub kind: String,
    pub data: String,
}

/// The messages that `stream` dispatches (WHATWG HTML §9.2.6). An event without its blank line is not dispatched.
pub fn parse(stream: &str) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut kind = String::new();
    let mut data = String::new();
    let stream = stream.strip_prefix('\u{FEFF}').unwrap_or(stream);
    for line in normalised(stream).split_inclusive('\n') {
        let Some(line) = line.strip_suffix('\n') else {
            break;
        };
        if line.is_empty() {
            let kind = std::mem::take(&mut kind);
            if let Some(data) = std::mem::take(&mut data).strip_suffix('\n') {
                messages
                    .push(Message { kind: if kind.is_empty() { "message".into() } else { kind }, data: data.into() });
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => kind = value.into(),
            "data" => {
                data.push_str(value);
                data.push('\n');
            }
            // The empty field is a comment; `id` and `retry` show in no message; others are ignored.
            _ => {}
        }
    }
    messages
}

/// `text` with CRLF and CR as LF, the line ends that a stream keeps.
pub fn normalised(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The examples of WHATWG HTML §9.2.6.
#[test]
fn the_standard_s_own_examples() {
    let parsed = |stream| -> Vec<(String, String)> {
        parse(stream).into_iter().map(|message| (message.kind, message.data)).collect()
    };
    let message = |data: &str| ("message".to_owned(), data.to_owned());
    assert_eq!(parsed("data: YHOO\ndata: +2\ndata: 10\n\n"), [message("YHOO\n+2\n10")]);
    assert_eq!(
        parsed(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n"),
        [message("first event"), message("second event")]
    );
    assert_eq!(parsed("data\n\ndata\ndata\n\ndata:"), [message(""), message("\n")]);
    assert_eq!(parsed("data:test\n\ndata: test\n\n"), [message("test"), message("test")]);
    assert_eq!(parsed("event: add\r\ndata: 7\r\n\r\n"), [("add".to_owned(), "7".to_owned())]);
}
