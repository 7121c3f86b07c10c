//! The chunked transfer coding (RFC 9112 §7.1), as a lenient reader has it.

/// The data of a chunked body, and how many bytes the body takes. `None`: it is not whole, or not chunked.
pub fn decode(input: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut body = Vec::new();
    let mut rest = input;
    loop {
        let line = take_line(&mut rest)?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let size = usize::from_str_radix(str::from_utf8(&line[..digits]).ok()?, 16).ok()?;
        if size == 0 {
            break;
        }
        let (data, after) = rest.split_at_checked(size)?;
        body.extend_from_slice(data);
        rest = after.strip_prefix(b"\r\n")?;
    }
    // Trailer fields, and the blank line after them.
    while !take_line(&mut rest)?.is_empty() {}
    Some((body, input.len() - rest.len()))
}

/// A body of these chunks. Empty ones are left out: one would end the body.
pub fn encode(chunks: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
        body.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
        body.extend_from_slice(chunk);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    body
}

fn take_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    let line = &rest[..end];
    *rest = &rest[end + 2..];
    Some(line)
}

#[test]
fn the_standard_s_grammar() {
    let body = b"4\r\nWiki\r\n00c;name=\"value\"\r\npedia in \r\n\r\r\n0\r\nTrailer: 1\r\n\r\nrest";
    assert_eq!(decode(body), Some((b"Wikipedia in \r\n\r".to_vec(), body.len() - 4)));
    assert_eq!(encode(&[b"Wiki", b"", b"pedia in \r\n"]), b"4\r\nWiki\r\nB\r\npedia in \r\n\r\n0\r\n\r\n");
    for broken in [&b"4\r\nWik"[..], b"4\r\nWikipedia\r\n0\r\n\r\n", b"x\r\n", b"0\r\n", b""] {
        assert_eq!(decode(broken), None);
    }
}
