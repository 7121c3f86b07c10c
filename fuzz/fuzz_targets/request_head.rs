//! A request means the same however the network cuts it up, and nothing a peer sends panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sse_fuzz::cutting::cuttings;
use sse_net::RequestError;
use sse_net::proto::{BodyDecoder, HeadScanner, Limits, parse_head};

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
