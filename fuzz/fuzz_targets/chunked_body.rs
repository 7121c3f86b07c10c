//! A chunked body is the same however the network cuts it up, a lenient reader finds in it what we find, and what anyone
//! chunks by the book comes out as it went in.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sse_fuzz::chunked;
use sse_fuzz::cutting::{by_itself, cuttings};
use sse_net::RequestError;
use sse_net::proto::{BodyDecoder, Framing, Limits};

fuzz_target!(|input: &[u8]| {
    let [whole, bytes, pieces] = cuttings(input).map(|pieces| decode(&pieces, 256));
    assert_eq!(bytes, whole);
    assert_eq!(pieces, whole);
    if let Ok(Some(body)) = whole {
        assert_eq!(chunked::decode(input), Some(body));
    }

    let wire = chunked::encode(&by_itself(input));
    let more = [&wire, input].concat();
    assert_eq!(decode(&[&more], input.len()), Ok(Some((input.to_vec(), wire.len()))));
});

/// The body, of at most `limit` bytes, and how many bytes of the pieces it takes. `None`: it is not whole.
fn decode(pieces: &[&[u8]], limit: usize) -> Result<Option<(Vec<u8>, usize)>, RequestError> {
    let limits = Limits { body_bytes: limit, ..Limits::default() };
    let mut decoder = BodyDecoder::new(Framing::Chunked, &limits);
    let mut consumed = 0;
    for piece in pieces {
        let progress = decoder.handle_bytes(piece)?;
        consumed += progress.consumed;
        assert!(progress.done || progress.consumed == piece.len(), "an unfinished body takes everything");
        if progress.done {
            return Ok(Some((decoder.into_body(), consumed)));
        }
    }
    Ok(None)
}
