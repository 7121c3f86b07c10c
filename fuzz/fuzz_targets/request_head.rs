//! A request means the same however the network cuts it up, what is made of its head is what a lenient reader finds there,
//! and nothing a peer sends panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sse_fuzz::cutting::cuttings;
use sse_net::RequestError;
use sse_net::proto::{BodyDecoder, Framing, Head, HeadScanner, Limits, parse_head};

fuzz_target!(|input: &[u8]| {
    let [whole, bytes, pieces] = cuttings(input).map(|pieces| read(input, &pieces));
    assert_eq!(bytes, whole);
    assert_eq!(pieces, whole);
});

/// What a request says: its head, its body and the bytes left over.
type Request = (String, Vec<u8>, usize);

/// Reads `input`, of which these are the pieces. `None`: it is not whole.
fn read(input: &[u8], pieces: &[&[u8]]) -> Result<Option<Request>, RequestError> {
    let limits = Limits { head_bytes: 2048, headers: 16, body_bytes: 1024 };
    let mut scanner = HeadScanner::default();
    let mut after_head = None;
    let mut end = 0;
    for piece in pieces {
        end += piece.len();
        let (head, decoder, start) = match &mut after_head {
            Some(request) => request,
            None => {
                let Some(start) = scanner.find_end(&input[..end], &limits)? else { continue };
                let head = parse_head(&input[..start], &limits)?;
                check(&head, &input[..start]);
                let decoder = BodyDecoder::new(head.framing, &limits);
                after_head.insert((format!("{head:?}"), decoder, start))
            }
        };
        *start += decoder.handle_bytes(&input[*start..end])?.consumed;
        if decoder.is_done() {
            let left = input.len() - *start;
            let head = std::mem::take(head);
            return Ok(after_head.map(|(_, decoder, _)| (head, decoder.into_body(), left)));
        }
    }
    Ok(None)
}

/// Compares a head with its lines.
fn check(head: &Head, bytes: &[u8]) {
    let request = &head.request;
    let mut lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let line = str::from_utf8(lines.next().expect("there is a first line")).expect("a request line is text");
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(words[0], request.method().as_str());
    // An absolute URI may be written in more than one way.
    assert!(!words[1].starts_with('/') || request.uri() == words[1], "{line}");

    let fields: Vec<(String, &[u8])> = lines.take_while(|line| !line.is_empty()).map(field).collect();
    let values = |wanted: &str| -> Vec<&[u8]> {
        fields.iter().filter(|(name, _)| name == wanted).map(|(_, value)| *value).collect()
    };
    assert_eq!(request.headers().len(), fields.len());
    for name in request.headers().keys() {
        assert!(request.headers().get_all(name).iter().eq(&values(name.as_str())), "{name}");
    }
    let framing = match (&*values("content-length"), &*values("transfer-encoding")) {
        ([], []) => Framing::Length(0),
        ([length], []) => Framing::Length(str::from_utf8(length).expect("digits").parse().expect("a number")),
        ([], _) => Framing::Chunked,
        both => panic!("two ways to find the body's end: {both:?}"),
    };
    assert_eq!(head.framing, framing);
}

/// A field's name in lower case, and its value.
fn field(line: &[u8]) -> (String, &[u8]) {
    let colon = line.iter().position(|&byte| byte == b':').expect("a field has a colon");
    (String::from_utf8_lossy(&line[..colon]).to_lowercase(), line[colon + 1..].trim_ascii())
}
