//! Whatever a stream writes in whatever pieces, and wherever its socket stops taking it: a client reads what was sent.
//! Three bytes of the input are one write: the sizes of its two pieces, and the room in the socket.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sse_fuzz::chunked;
use sse_net::proto::{SizeLine, StreamFraming};

fuzz_target!(|writes: &[u8]| {
    for framing in [StreamFraming::UntilClose, StreamFraming::CHUNKED] {
        let mut stream = Stream { framing, owed: Vec::new(), wire: Vec::new(), sent: Vec::new() };
        for write in writes.as_chunks::<3>().0.iter().take(MOST_WRITES) {
            // Mostly short, sometimes some 16 KiB.
            let [first, second, room] = write.map(|byte| usize::from(byte).pow(3) / 1024);
            stream.write(first, second, room);
        }
        stream.finish();
    }
});

/// What one input may ask for: more writes would tell nothing that these don't.
const MOST_WRITES: usize = 100;

/// After so many bytes of the data the same come again.
const PERIOD: usize = 251;

/// Each byte differs from those around it, so that none can be lost or come twice unseen.
static SOURCE: LazyLock<Vec<u8>> = LazyLock::new(|| (0..PERIOD as u8).cycle().take(1 << 16).collect());

struct Stream {
    framing: StreamFraming,
    /// Of the framing, what must be sent before any other byte.
    owed: Vec<u8>,
    wire: Vec<u8>,
    /// The data that was sent.
    sent: Vec<u8>,
}

impl Stream {
    /// Writes data that lies in two places to a socket that takes so many bytes.
    fn write(&mut self, first: usize, second: usize, room: usize) {
        let before = self.owed.len().min(room);
        self.wire.extend(self.owed.drain(..before));
        if !self.owed.is_empty() || first + second == 0 {
            return;
        }
        let data = &SOURCE[self.sent.len() % PERIOD..][..first + second];
        let mut line = SizeLine::default();
        let wrapped = self.framing.wrap([&data[..first], &data[first..]], &mut line);
        let bytes = wrapped.pieces().concat();
        let (slices, range) = wrapped.slices();
        assert!(slices[range].iter().flat_map(|slice| slice.iter()).eq(&bytes));
        let taken = bytes.len().min(room - before);
        self.wire.extend_from_slice(&bytes[..taken]);
        let sent = self.framing.settle(&wrapped, taken);
        self.sent.extend_from_slice(&data[..sent.data]);
        self.owed.extend_from_slice(sent.rest);
    }

    fn finish(mut self) {
        self.wire.append(&mut self.owed);
        self.framing.finish(b"retry:1\n", &mut self.wire);
        let body = match self.framing {
            StreamFraming::UntilClose => self.wire,
            StreamFraming::Chunked { .. } => {
                let (body, length) = chunked::decode(&self.wire).expect("the body is whole");
                assert_eq!(length, self.wire.len());
                body
            }
        };
        let rest = body.strip_prefix(&*self.sent).expect("what was sent comes first");
        let comments = rest.strip_suffix(b"retry:1\n").expect("the last text comes last");
        // They fill the open chunk, and are no event: none is a blank line.
        assert!(comments.split_inclusive(|&byte| byte == b'\n').all(|line| matches!(line, b":\n" | b"::\n")));
    }
}
