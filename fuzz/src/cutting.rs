//! How a network may cut up what is sent.

/// The same bytes in one piece, byte by byte, and in pieces whose lengths they say themselves.
pub fn cuttings(input: &[u8]) -> [Vec<&[u8]>; 3] {
    [vec![input], input.chunks(1).collect(), by_itself(input)]
}

/// `input` in pieces whose lengths, some of them 0, it says itself.
pub fn by_itself(input: &[u8]) -> Vec<&[u8]> {
    let mut rest = input;
    let mut pieces = Vec::new();
    for &byte in input {
        let (piece, after) = rest.split_at(rest.len().min(usize::from(byte) % 32));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

#[test]
fn nothing_is_lost() {
    for input in [&b""[..], b"a", b"\0\x01\x02\xff any \x10 bytes"] {
        for pieces in cuttings(input) {
            assert_eq!(pieces.concat(), input);
        }
    }
}
