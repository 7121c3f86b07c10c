//! Request bodies: by `Content-Length`, or chunked (RFC 9112 §7.1).

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};

use super::Limits;
use super::chunk_extension::ChunkExtension;
use super::field::parse_fields;
use super::framing::Framing;
use super::request_error::RequestError;

/// Bytes that chunk extensions and trailers may take in all: nothing is made of them, but their sender must not keep us
/// busy for ever.
const EXTRAS_BYTES: usize = 16 << 10;

/// Hexadecimal digits of a chunk's size: more than any size we take needs, so that leading zeros pass.
const SIZE_DIGITS: u8 = 16;

/// Collects one body from bytes that come piecemeal.
///
/// ```text
///             ┌──────────────────────────────────────────────────────────┐
///             ▼                                                          │
///   ─▶ Size ──CR──▶ SizeEnd ──LF, size > 0──▶ Data ──all──▶ DataCr ──▶ DataLf
///    ';' or     ▲       │
///    blank      CR      └─────LF, size 0──▶ Trailer ──CR──▶ TrailerEnd ──LF, blank line──▶ Done
///       ▼       │                              ▲                │
///      Extension┘                              └── LF, a field ─┘
/// ```
///
/// Trailer fields are read past, as a recipient may (RFC 9110 §6.5.2), but by the rules of a head's. Those that would
/// say where the body ends or whom it is for are refused: no sender may send them (§6.5.1), and one that does tries
/// whether somebody takes them for the head's.
#[derive(Debug)]
pub struct BodyDecoder {
    state: State,
    body: Vec<u8>,
    limit: usize,
    /// Bytes of extensions and trailers so far.
    extras: usize,
    /// The trailer field that is being read.
    trailer: Vec<u8>,
}

/// What one call of [`BodyDecoder::handle_bytes`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct BodyProgress {
    /// Bytes of the input that belong to the body. If it is not done, that is all of them.
    pub consumed: usize,
    /// The body is whole.
    pub done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// `Content-Length`, and this much of it is missing.
    Length(usize),
    Size {
        size: usize,
        digits: u8,
    },
    Extension {
        size: usize,
        place: ChunkExtension,
    },
    SizeEnd {
        size: usize,
    },
    Data {
        left: usize,
    },
    DataCr,
    DataLf,
    Trailer,
    TrailerEnd,
    Done,
}

impl BodyDecoder {
    /// A decoder for one body.
    #[must_use]
    pub fn new(framing: Framing, limits: &Limits) -> BodyDecoder {
        let state = match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size { size: 0, digits: 0 },
        };
        // No capacity is taken on a peer's word: the vector grows with the bytes that come.
        BodyDecoder { state, body: Vec::new(), limit: limits.body_bytes, extras: 0, trailer: Vec::new() }
    }

    /// Takes what belongs to the body from the front of `input`.
    ///
    /// # Errors
    /// [`RequestError::Chunk`], [`RequestError::Trailer`] or [`RequestError::BodyTooLarge`].
    pub fn handle_bytes(&mut self, input: &[u8]) -> Result<BodyProgress, RequestError> {
        let mut consumed = 0;
        while self.state != State::Done && consumed < input.len() {
            consumed += match self.state {
                State::Length(left) => self.take(&input[consumed..], left, State::Length, State::Done)?,
                State::Data { left } => {
                    self.take(&input[consumed..], left, |left| State::Data { left }, State::DataCr)?
                }
                _ => {
                    self.state = self.step(input[consumed])?;
                    1
                }
            };
        }
        Ok(BodyProgress { consumed, done: self.is_done() })
    }

    /// The body is whole.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Bytes that are kept.
    pub(super) fn held(&self) -> usize {
        self.body.capacity() + self.trailer.capacity()
    }

    /// The body, as far as it has come.
    #[must_use]
    pub fn into_body(mut self) -> Vec<u8> {
        self.body.shrink_to_fit(); // It grew by doubling, and may wait for long.
        self.body
    }

    /// Keeps up to `left` bytes; `more` or `end` says what comes after them.
    fn take(
        &mut self,
        input: &[u8],
        left: usize,
        more: impl FnOnce(usize) -> State,
        end: State,
    ) -> Result<usize, RequestError> {
        let data = &input[..left.min(input.len())];
        if data.len() > self.limit - self.body.len() {
            return Err(RequestError::BodyTooLarge);
        }
        self.body.extend_from_slice(data);
        self.state = if data.len() == left { end } else { more(left - data.len()) };
        Ok(data.len())
    }

    /// One byte of the chunked coding's own.
    fn step(&mut self, byte: u8) -> Result<State, RequestError> {
        Ok(match (self.state, byte) {
            (State::Size { size, digits: 1.. }, b'\r') => State::SizeEnd { size },
            (State::Size { size, digits: ..SIZE_DIGITS }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                return self.digit(size, byte);
            }
            (State::Size { size, digits: 1.. }, _) => {
                let place = ChunkExtension::begin(byte).ok_or(RequestError::Chunk)?;
                self.extra(State::Extension { size, place })?
            }
            (State::Extension { size, place }, b'\r') if place.is_whole() => State::SizeEnd { size },
            (State::Extension { size, place }, _) => {
                let place = place.step(byte).ok_or(RequestError::Chunk)?;
                self.extra(State::Extension { size, place })?
            }
            (State::SizeEnd { size: 0 }, b'\n') => State::Trailer,
            (State::SizeEnd { size: left }, b'\n') => State::Data { left },
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size { size: 0, digits: 0 },
            (State::Trailer, b'\r') => State::TrailerEnd,
            (State::TrailerEnd, b'\n') => self.end_trailer()?,
            (State::Trailer, _) if byte != b'\n' => {
                self.trailer.push(byte);
                self.extra(State::Trailer)?
            }
            _ => return Err(RequestError::Chunk),
        })
    }

    /// A line behind the last chunk is whole: a field, or the blank line that ends the body.
    fn end_trailer(&mut self) -> Result<State, RequestError> {
        if self.trailer.is_empty() {
            return Ok(State::Done);
        }
        // As a block of its own, so that a line that is no field is refused as soon as it is there.
        self.trailer.extend_from_slice(b"\r\n\r\n");
        let fields = parse_fields(&self.trailer, &Limits::default()).map_err(|_| RequestError::Trailer)?;
        if [CONTENT_LENGTH, TRANSFER_ENCODING, HOST].iter().any(|name| fields.contains_key(name)) {
            return Err(RequestError::Trailer);
        }
        self.trailer.clear();
        Ok(State::Trailer)
    }

    /// One digit more of a chunk's size. A size beyond what the body may still take is refused here, before its
    /// bytes come.
    fn digit(&self, size: usize, byte: u8) -> Result<State, RequestError> {
        let State::Size { digits, .. } = self.state else { return Err(RequestError::Chunk) };
        let value = char::from(byte).to_digit(16).ok_or(RequestError::Chunk)?;
        let size = size.saturating_mul(16).saturating_add(value as usize);
        if size > self.limit - self.body.len() {
            return Err(RequestError::BodyTooLarge);
        }
        Ok(State::Size { size, digits: digits + 1 })
    }

    /// One byte more that is read past.
    fn extra(&mut self, next: State) -> Result<State, RequestError> {
        self.extras += 1;
        if self.extras > EXTRAS_BYTES { Err(RequestError::Chunk) } else { Ok(next) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limits(body_bytes: usize) -> Limits {
        Limits { body_bytes, ..Limits::default() }
    }

    /// Decodes `input` cut at `cuts`; gives the body and how many bytes were left over.
    fn decode(framing: Framing, input: &[u8], cuts: &[usize], limit: usize) -> Result<(Vec<u8>, usize), RequestError> {
        let mut decoder = BodyDecoder::new(framing, &limits(limit));
        let mut used = 0;
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).chain([input.len()]).collect();
        ends.sort_unstable();
        for end in ends {
            let progress = decoder.handle_bytes(&input[used..end])?;
            used += progress.consumed;
            if progress.done {
                return Ok((decoder.into_body(), input.len() - used));
            }
            assert_eq!(used, end, "an unfinished body takes everything");
        }
        panic!("unfinished: {decoder:?}");
    }

    fn chunked(input: &str) -> Result<(Vec<u8>, usize), RequestError> {
        decode(Framing::Chunked, input.as_bytes(), &[], 1 << 20)
    }

    #[test]
    fn by_length() {
        assert_eq!(decode(Framing::Length(3), b"abcd", &[], 3), Ok((b"abc".to_vec(), 1)));
        assert!(BodyDecoder::new(Framing::Length(0), &limits(0)).is_done());
    }

    #[test]
    fn chunks_extensions_and_trailers() {
        assert_eq!(chunked("0\r\n\r\nGET"), Ok((vec![], 3)));
        assert_eq!(
            chunked("3\r\nabc\r\n000A ;x=\"y;\"\r\n0123456789\r\n00;a\r\nX: y\r\nZ:\r\n\r\n"),
            Ok((b"abc0123456789".to_vec(), 0))
        );
    }

    #[test]
    fn at_every_cut() {
        let input = b"5\r\nhello\r\n1;e\r\n!\r\n0\r\nT: u\r\n\r\nrest";
        for cut in 0..=input.len() {
            assert_eq!(decode(Framing::Chunked, input, &[cut], 100), Ok((b"hello!".to_vec(), 4)), "cut at {cut}");
        }
    }

    #[test]
    fn refuses_what_others_might_read_otherwise() {
        for input in [
            "\r\n",
            ";\r\n",
            "g\r\n",
            "0x3\r\n",
            "+3\r\n",
            " 3\r\n",
            "3 \r\n",
            "3\n",
            "3\r\r\n",
            "3;a\rb\r\n",
            "3;a\nb\r\n",
            "3\r\nabcd\r\n",
            "3\r\nabc\n",
            "3\r\nabc\rX",
            "0\r\n\n",
            "3;\r\n",
            "3;bad[=x\r\n",
            "3;a=\"b\r\n",
            "00000000000000000\r\n",
        ] {
            assert_eq!(chunked(input), Err(RequestError::Chunk), "{input:?}");
        }
    }

    #[test]
    fn trailers_are_fields() {
        for line in [
            "GET /evil HTTP/1.1",
            "x",
            ": y",
            "X : y",
            " X: y",
            "X: \0",
            "Content-Length: 5",
            "content-length:",
            "Transfer-Encoding: chunked",
            "Host: a",
        ] {
            assert_eq!(chunked(&format!("0\r\n{line}\r\n\r\n")), Err(RequestError::Trailer), "{line:?}");
            assert_eq!(chunked(&format!("0\r\nX: y\r\n{line}\r\n\r\n")), Err(RequestError::Trailer), "{line:?}");
        }
        for line_end in ["\n", "\rZ"] {
            assert_eq!(chunked(&format!("0\r\nX: y{line_end}")), Err(RequestError::Chunk), "{line_end:?}");
        }
        assert_eq!(chunked("0\r\nX: y\r\n y\r\n\r\n"), Err(RequestError::Trailer));
    }

    #[test]
    fn keeps_within_its_limits() {
        assert_eq!(chunked("100001\r\n"), Err(RequestError::BodyTooLarge));
        assert_eq!(chunked("ffffffffffffffff\r\n"), Err(RequestError::BodyTooLarge));
        assert_eq!(decode(Framing::Chunked, b"2\r\nab\r\n2\r\n", &[], 3), Err(RequestError::BodyTooLarge));
        assert_eq!(decode(Framing::Chunked, b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", &[], 3), Ok((b"abc".to_vec(), 0)));
        let extension = format!("1;{}\r\n", "x".repeat(EXTRAS_BYTES));
        assert_eq!(chunked(&extension), Err(RequestError::Chunk));
        let trailer = format!("0\r\n{}", "X: y\r\n".repeat(EXTRAS_BYTES));
        assert_eq!(chunked(&trailer), Err(RequestError::Chunk));
    }

    proptest! {
        /// The model: the chunks' data, end to end.
        #[test]
        fn gives_back_what_was_chunked(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..10),
            cuts in prop::collection::vec(any::<usize>(), 0..10),
        ) {
            let mut input = Vec::new();
            for chunk in &chunks {
                input.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                input.extend_from_slice(chunk);
                input.extend_from_slice(b"\r\n");
            }
            input.extend_from_slice(b"0\r\n\r\n");
            prop_assert_eq!(decode(Framing::Chunked, &input, &cuts, 1 << 20), Ok((chunks.concat(), 0)));
        }

        #[test]
        fn never_panics(input in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = BodyDecoder::new(Framing::Chunked, &limits(64)).handle_bytes(&input);
        }
    }
}
