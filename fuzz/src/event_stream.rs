//! An event stream parser that shares nothing with the server: what a browser makes of its bytes.

/// What a client's listener is handed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub kind: String,
    pub data: String,
    /// The last id that came, with this message or before it.
    pub id: String,
}

/// What a client has after some of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Received {
    pub messages: Vec<Message>,
    /// What it sends as `Last-Event-ID` if it has to come back.
    pub last_id: String,
    /// After how many milliseconds it does, if it was told.
    pub retry: Option<u64>,
}

/// What a client makes of `stream` (WHATWG HTML §9.2.6). An event without its blank line is not dispatched, and its id
/// doesn't count.
pub fn parse(stream: &str) -> Received {
    let mut received = Received::default();
    let (mut kind, mut data, mut id) = (String::new(), String::new(), String::new());
    let stream = stream.strip_prefix('\u{FEFF}').unwrap_or(stream);
    for line in normalised(stream).split_inclusive('\n') {
        let Some(line) = line.strip_suffix('\n') else {
            break;
        };
        if line.is_empty() {
            received.last_id.clone_from(&id);
            let kind = std::mem::take(&mut kind);
            if let Some(data) = std::mem::take(&mut data).strip_suffix('\n') {
                let kind = if kind.is_empty() { "message".into() } else { kind };
                received.messages.push(Message { kind, data: data.into(), id: id.clone() });
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
            "id" if !value.contains('\0') => id = value.into(),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                received.retry = value.parse().ok().or(received.retry);
            }
            // The empty field is a comment; others are ignored.
            _ => {}
        }
    }
    received
}

/// `text` with CRLF and CR as LF, the line ends that a stream keeps.
pub fn normalised(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The examples of WHATWG HTML §9.2.6.
#[test]
fn the_standard_s_own_examples() {
    let parsed = |stream| -> Vec<(String, String, String)> {
        parse(stream).messages.into_iter().map(|message| (message.kind, message.data, message.id)).collect()
    };
    let message = |data: &str, id: &str| ("message".to_owned(), data.to_owned(), id.to_owned());
    assert_eq!(parsed("data: YHOO\ndata: +2\ndata: 10\n\n"), [message("YHOO\n+2\n10", "")]);
    assert_eq!(
        parsed(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n"),
        [message("first event", "1"), message("second event", "")]
    );
    assert_eq!(parsed("data\n\ndata\ndata\n\ndata:"), [message("", ""), message("\n", "")]);
    assert_eq!(parsed("data:test\n\ndata: test\n\n"), [message("test", ""), message("test", "")]);
    assert_eq!(parsed("event: add\r\ndata: 7\r\n\r\n"), [("add".to_owned(), "7".to_owned(), String::new())]);
}

#[test]
fn ids_and_times_outlive_their_block() {
    let received = parse("retry:2000\nid:1\n\nid:a\0b\nretry:+1\nretry\ndata:x\n\nid:2\n");
    assert_eq!((received.last_id.as_str(), received.retry), ("1", Some(2000)));
    assert_eq!(received.messages, [Message { kind: "message".into(), data: "x".into(), id: "1".into() }]);
}
