//! How the body of a stream is framed: in chunks for HTTP/1.1 (RFC 9112 §7.1), by the connection's end for HTTP/1.0.
//!
//! Each write is one chunk, whose data is not copied for it. A write that the socket takes only a part of leaves a chunk
//! open; what is remembered of it is how many bytes of data it still owes. Whatever comes next fills it first, so that the
//! framing knows nothing of what it carries.
//!
//! ```text
//!   no chunk open         fc00\r\n  data  \r\n
//!   a chunk open          data  \r\n  2a\r\n  data  \r\n
//!                         └─ fills ─┘ └── what is left ─┘
//! ```

use std::io::IoSlice;
use std::ops::Range;

const LINE_END: &[u8] = b"\r\n";

/// The chunk after which there is none, and no trailers.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Where the body of a stream stands in its framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamFraming {
    /// The body ends when the connection does.
    UntilClose,
    /// In chunks.
    Chunked {
        /// Bytes of data that the open chunk still owes. 0: none is open.
        owes: u32,
    },
}

/// What a write has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Sent<'a> {
    /// Bytes of the data that were sent.
    pub data: usize,
    /// What must be sent before any other byte: the write ended within the framing.
    pub rest: &'a [u8],
}

impl StreamFraming {
    /// Chunks, of which none is open.
    pub const CHUNKED: StreamFraming = StreamFraming::Chunked { owes: 0 };

    /// Puts data, which may lie in two places, into its framing. `line` holds the chunk's size.
    ///
    /// # Panics
    /// In debug builds, if there is no data.
    #[inline]
    pub fn wrap<'a>(self, [first, second]: [&'a [u8]; 2], line: &'a mut SizeLine) -> Wrapped<'a> {
        debug_assert!(first.len() + second.len() > 0, "a chunk without data would be the last one");
        match self {
            StreamFraming::UntilClose => Wrapped { pieces: [first, second, &[], &[], &[], &[], &[]], first: 0 },
            StreamFraming::Chunked { owes: 0 } => {
                let line = line.of(first.len() + second.len());
                Wrapped { pieces: [&[], &[], &[], line, first, second, LINE_END], first: NEW_CHUNK }
            }
            StreamFraming::Chunked { owes } => fill(owes as usize, [first, second], line),
        }
    }

    /// Takes note that so many bytes of `wrapped` are sent.
    #[inline]
    pub fn settle<'a>(&mut self, wrapped: &Wrapped<'a>, bytes: usize) -> Sent<'a> {
        let StreamFraming::Chunked { owes } = self else { return Sent { data: bytes, rest: &[] } };
        if *owes == 0 && bytes == wrapped.bytes() {
            return Sent { data: wrapped.data(), rest: &[] };
        }
        settle_chunks(owes, wrapped, bytes)
    }

    /// Appends a text with its framing to `out`, as if it was sent.
    pub fn encode(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let mut line = SizeLine::default();
        let wrapped = self.wrap([text, &[]], &mut line);
        wrapped.pieces().iter().for_each(|piece| out.extend_from_slice(piece));
        let sent = self.settle(&wrapped, wrapped.bytes());
        debug_assert_eq!(sent, Sent { data: text.len(), rest: &[] });
    }

    /// Whether a chunk owes data.
    #[inline]
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, StreamFraming::Chunked { owes: 1.. })
    }

    /// Appends comments that fill the open chunk (WHATWG HTML §9.2.6), as if they were sent: the stream must stand between
    /// two blocks. Short ones, since some clients take no long lines; and never a blank line, which some make an event of.
    pub fn fill(&mut self, out: &mut Vec<u8>) {
        let StreamFraming::Chunked { owes: owes @ 1.. } = *self else { return };
        let odd = owes % 2 == 1;
        // A chunk that owes one byte is filled with the half of a comment.
        let mut comments = if odd && owes > 1 { b"::\n".to_vec() } else { b":\n".to_vec() };
        while comments.len() < owes as usize {
            comments.extend_from_slice(b":\n");
        }
        self.encode(&comments, out);
    }

    /// Appends a last text, which may be empty, and what ends the body. An open chunk is filled before them, so the stream
    /// must stand between two blocks. Without chunks nothing says that the body is whole.
    pub fn finish(mut self, text: &[u8], out: &mut Vec<u8>) {
        self.fill(out);
        if !text.is_empty() {
            self.encode(text, out);
        }
        if self != StreamFraming::UntilClose {
            out.extend_from_slice(LAST_CHUNK);
        }
    }
}

/// A write: data in its framing. The data that fills the open chunk, its line end, and a new chunk for the rest; any of
/// them may be empty.
#[derive(Clone, Copy, Debug)]
pub struct Wrapped<'a> {
    /// `data data CRLF | size data data CRLF`
    pieces: [&'a [u8]; 7],
    /// The first that may not be empty.
    first: usize,
}

/// Where the pieces of a new chunk begin.
const NEW_CHUNK: usize = 3;

impl<'a> Wrapped<'a> {
    /// Bytes in all.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.pieces.iter().map(|piece| piece.len()).sum()
    }

    /// What is to be written, one piece after the other; any may be empty.
    #[must_use]
    pub fn pieces(&self) -> &[&'a [u8]] {
        &self.pieces[self.first..]
    }

    /// Whether it is a chunk, from its size to its line end, and nothing else.
    #[inline]
    #[must_use]
    pub fn is_whole_chunk(&self) -> bool {
        self.first == NEW_CHUNK
    }

    /// The pieces, for one vectored write, and which of them those are. The kernel looks at each, so the one that is hardly
    /// ever there, data in a second place, is left out where it is empty.
    #[must_use]
    pub fn slices(&self) -> ([IoSlice<'a>; 7], Range<usize>) {
        let mut slices = self.pieces.map(IoSlice::new);
        if self.pieces[5].is_empty() {
            slices[5] = slices[6];
            return (slices, self.first..6);
        }
        (slices, self.first..7)
    }

    fn data(&self) -> usize {
        let [a, b, _, _, c, d, _] = self.pieces;
        a.len() + b.len() + c.len() + d.len()
    }
}

/// What comes after a short write: the open chunk is filled first.
#[cold]
fn fill<'a>(owes: usize, [first, second]: [&'a [u8]; 2], line: &'a mut SizeLine) -> Wrapped<'a> {
    let (a, c) = first.split_at(first.len().min(owes));
    let (b, d) = second.split_at(second.len().min(owes - a.len()));
    let end = if a.len() + b.len() == owes { LINE_END } else { &[] };
    let pieces = match c.len() + d.len() {
        0 => [a, b, end, &[], &[], &[], &[]],
        new => [a, b, end, line.of(new), c, d, LINE_END],
    };
    Wrapped { pieces, first: 0 }
}

/// Finds where a write has ended. `owes`: what the chunk owed that was open before it.
#[cold]
fn settle_chunks<'a>(owes: &mut u32, wrapped: &Wrapped<'a>, bytes: usize) -> Sent<'a> {
    let [a, b, end, line, c, d, new_end] = wrapped.pieces;
    let mut left = bytes;
    let mut take = |length: usize| {
        let taken = left.min(length);
        left -= taken;
        taken
    };
    let filled = take(a.len() + b.len());
    *owes -= filled as u32;
    let ended = take(end.len());
    if filled < a.len() + b.len() || ended < end.len() {
        let rest = if *owes == 0 { &end[ended..] } else { &[] };
        return Sent { data: filled, rest };
    }
    match take(line.len()) {
        // The new chunk has not begun.
        0 => Sent { data: filled, rest: &[] },
        begun => {
            let added = take(c.len() + d.len());
            *owes = (c.len() + d.len() - added) as u32;
            let rest = match take(new_end.len()) {
                _ if begun < line.len() => &line[begun..],
                _ if *owes > 0 => &[],
                ended => &new_end[ended..],
            };
            Sent { data: filled + added, rest }
        }
    }
}

/// The line that says how large a chunk is.
#[derive(Debug, Default)]
pub struct SizeLine([u8; SizeLine::BYTES]);

impl SizeLine {
    /// Eight digits and a line end.
    const BYTES: usize = 10;

    /// The line for this size, which is below 4 GiB: chunks are as large as a write.
    #[inline]
    fn of(&mut self, size: usize) -> &[u8] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.0[SizeLine::BYTES - 2..].copy_from_slice(LINE_END);
        let (mut start, mut rest) = (SizeLine::BYTES - 2, size as u32);
        loop {
            start -= 1;
            self.0[start] = DIGITS[(rest % 16) as usize];
            rest /= 16;
            if rest == 0 {
                return &self.0[start..];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::proto::{BodyDecoder, Framing, Limits};

    fn decode(body: &[u8]) -> (Vec<u8>, bool) {
        let limits = Limits { body_bytes: 1 << 20, ..Limits::default() };
        let mut decoder = BodyDecoder::new(Framing::Chunked, &limits);
        let progress = decoder.handle_bytes(body).expect("it is well chunked");
        assert_eq!(progress.consumed, body.len(), "nothing comes after the last chunk");
        let done = progress.done;
        (decoder.into_body(), done)
    }

    /// Sends as much of two pieces as a socket takes that has room for so many bytes; gives what of the data it took.
    fn write(
        framing: &mut StreamFraming,
        owed: &mut Vec<u8>,
        data: [&[u8]; 2],
        room: usize,
        wire: &mut Vec<u8>,
    ) -> usize {
        let before = owed.len().min(room);
        wire.extend(owed.drain(..before));
        let room = room - before;
        if !owed.is_empty() || data.concat().is_empty() {
            return 0;
        }
        let mut line = SizeLine::default();
        let wrapped = framing.wrap(data, &mut line);
        let (slices, range) = wrapped.slices();
        let bytes: Vec<u8> = slices[range].iter().flat_map(|slice| slice.iter().copied()).collect();
        assert_eq!(bytes, wrapped.pieces().concat());
        let taken = bytes.len().min(room);
        wire.extend_from_slice(&bytes[..taken]);
        let sent = framing.settle(&wrapped, taken);
        owed.extend_from_slice(sent.rest);
        sent.data
    }

    proptest! {
        /// Whatever comes in whatever pieces, and wherever a socket stops taking it: the data that was sent is the data
        /// that arrives.
        #[test]
        fn what_is_sent_is_what_arrives(
            is_chunked in any::<bool>(),
            writes in prop::collection::vec((0usize..40, 0usize..40, 0usize..60), 0..40),
        ) {
            let mut framing = if is_chunked { StreamFraming::CHUNKED } else { StreamFraming::UntilClose };
            let (mut wire, mut owed, mut sent) = (Vec::new(), Vec::new(), Vec::new());
            let source: Vec<u8> = (0..=255).cycle().take(4096).collect();
            for (first, second, room) in writes {
                let next = &source[sent.len()..];
                let data = [&next[..first], &next[first..first + second]];
                let count = write(&mut framing, &mut owed, data, room, &mut wire);
                sent.extend_from_slice(&next[..count]);
            }
            wire.append(&mut owed);
            if !is_chunked {
                prop_assert_eq!(&wire, &sent);
            }
            framing.encode(b":keepalive\n", &mut wire);
            framing.finish(b"retry:1\n", &mut wire);
            let (body, done) = if is_chunked { decode(&wire) } else { (wire, true) };
            prop_assert!(done && body.starts_with(&sent));
            let rest = String::from_utf8(body[sent.len()..].to_vec()).unwrap();
            let comment = rest.strip_prefix(":keepalive\n").unwrap().strip_suffix("retry:1\n").unwrap();
            prop_assert!(comment.lines().all(|line| matches!(line, ":" | "::")) && !comment.contains("\n\n"));
        }
    }

    #[test]
    fn exact_bytes() {
        let mut framing = StreamFraming::CHUNKED;
        let mut out = Vec::new();
        framing.encode(b"data:Corgi\n\n", &mut out);
        assert_eq!(out, b"c\r\ndata:Corgi\n\n\r\n");
        out.clear();
        framing.finish(b"", &mut out);
        assert_eq!(out, b"0\r\n\r\n");
        out.clear();
        // Never a blank line, which some clients make an event of.
        for (owes, bytes) in [
            (1, &b":\r\n1\r\n\n\r\n0\r\n\r\n"[..]),
            (2, b":\n\r\n0\r\n\r\n"),
            (3, b"::\n\r\n0\r\n\r\n"),
            (7, b"::\n:\n:\n\r\n0\r\n\r\n"),
        ] {
            out.clear();
            StreamFraming::Chunked { owes }.finish(b"", &mut out);
            assert_eq!(out, bytes, "{owes}");
        }
        let mut line = SizeLine::default();
        for (size, text) in [(1, "1\r\n"), (63 << 10, "fc00\r\n"), (u32::MAX as usize, "ffffffff\r\n")] {
            assert_eq!(line.of(size), text.as_bytes());
        }
    }
}
