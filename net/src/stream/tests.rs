use std::io::{IoSlice, Read, Write};
use std::task::Waker;

use sse_core::{Event, Filter, Hub, HubConfig};

use super::*;

/// Takes everything, and counts the calls.
#[derive(Default)]
struct Sink {
    bytes: Vec<u8>,
    plain: usize,
    vectored: usize,
}

impl Read for Sink {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.plain += 1;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.vectored += 1;
        pieces.iter().for_each(|piece| self.bytes.extend_from_slice(piece));
        Ok(pieces.iter().map(|piece| piece.len()).sum())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for Sink {
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn drop_unsent(&mut self) {}
}

/// What is put together for one reader saves all others at its place a vectored call, whatever else they are asked.
#[test]
fn readers_at_one_place_are_given_one_chunk() {
    let hub = Hub::new(HubConfig::default());
    let mut streams = [(); 4].map(|()| {
        let subscription = hub.subscribe(Filter::parse("/").unwrap(), Waker::noop().clone()).unwrap();
        let places = Places::from_iter([]);
        (Stream::new((), subscription, places, (Vec::new(), StreamFraming::CHUNKED), 0), Sink::default())
    });
    let mut shared = SharedChunk::default();
    for _ in 0..2 {
        hub.publish(&Event::new("/a", &[b'x'; 2000])).unwrap();
        for (stream, socket) in &mut streams {
            let mut round = Round { tick: 1, max_lag: u64::MAX, shared: &mut shared };
            assert_eq!(stream.flush(socket, &mut round, FLUSH_BYTES), Flush::Done);
        }
    }
    assert!(streams.iter().all(|(_, socket)| socket.bytes == streams[0].1.bytes));
    let calls = streams.map(|(_, socket)| (socket.vectored, socket.plain));
    assert_eq!(calls, [(2, 0), (0, 2), (0, 2), (0, 2)]);
}
