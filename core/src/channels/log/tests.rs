use proptest::prelude::*;

use super::*;
use crate::reading::cursor::{Cursor, Gone};
use crate::reading::pieces::{Piece, Pieces};
use crate::reading::place::Tally;

fn append(log: &Log, frame: &[u8], sequence: u64) -> Option<Arc<Segment>> {
    log.append(&mut WriterToken::new(), &[frame], sequence, Past::Dropped)
}

/// A cursor, and what a look has left to be read before it.
struct Reader {
    cursor: Cursor,
    left: Option<Pieces>,
    tally: Tally,
}

impl Reader {
    fn new(log: &Log) -> Self {
        Self { cursor: Cursor::new(log.tail()), left: None, tally: Tally::default() }
    }

    /// Reads up to so many bytes.
    fn read(&mut self, log: &Log, most: usize) -> Result<Vec<u8>, Gone> {
        if self.left.is_none() {
            let left = self.cursor.look(log, &mut self.tally)?;
            self.left = left.map(|place| Pieces::new(Piece::rest_of_block(place, 0)));
        }
        let chunk = self.left.as_ref().map_or_else(|| self.cursor.chunk(), Pieces::chunk);
        let bytes = chunk[..chunk.len().min(most)].to_vec();
        let Some(left) = &mut self.left else {
            self.cursor.advance(bytes.len());
            return Ok(bytes);
        };
        if left.advance(bytes.len(), &mut self.tally) {
            self.left = None;
        }
        Ok(bytes)
    }

    fn read_all(&mut self, log: &Log) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let bytes = self.read(log, usize::MAX).unwrap();
            if bytes.is_empty() {
                return all;
            }
            all.extend(bytes);
        }
    }

    fn at_boundary(&self) -> bool {
        self.left.as_ref().map_or_else(|| self.cursor.at_frame_boundary(), Pieces::at_block_boundary)
    }

    fn tally(&self) -> Tally {
        self.tally + self.left.as_ref().map_or_else(|| self.cursor.tally(), Pieces::tally)
    }
}

#[test]
fn a_quiet_block_goes_when_its_last_reader_has_left_it() {
    let log = Log::new(&Origin::new(Past::Dropped));
    let mut reader = Reader::new(&log);
    let block = Arc::downgrade(&append(&log, b"one", 1).expect("the first block"));
    let forget_read = |is_quiet| log.forget_read(&mut WriterToken::new(), is_quiet);
    assert_eq!(forget_read(true), Remains::Blocks, "a reader has yet to come to it");
    assert_eq!(reader.read_all(&log), b"one");
    assert_eq!(forget_read(false), Remains::Blocks);
    assert_eq!(forget_read(true), Remains::EndedTail);
    assert_eq!(forget_read(true), Remains::Blocks, "a reader has yet to leave it");
    assert_eq!(reader.read_all(&log), b"");
    assert_eq!(forget_read(true), Remains::Nothing);
    assert!(block.upgrade().is_none());
    append(&log, b"two", 2);
    assert_eq!(reader.read_all(&log), b"two");
    assert_eq!(reader.tally(), Tally { bytes: 6, events: 2 });
}

proptest! {
    /// Cursors that start anywhere and read in pieces of any size, blocks that go at any time, against one `Vec`.
    /// Without history nothing goes that a cursor has yet to read; a block that every cursor has read is gone at the
    /// next look.
    #[test]
    fn cursors_read_what_was_appended(
        frames in prop::collection::vec((1usize..600, 0usize..3, 0usize..700), 1..60),
        skip in 0u64..80,
    ) {
        let log = Log::new(&Origin::new(Past::Dropped));
        let (mut reader, mut late) = (Reader::new(&log), Reader::new(&log));
        let (mut model, mut starts, mut read) = (Vec::new(), vec![0], Vec::new());
        let mut blocks = Vec::new();
        for (sequence, (length, look, step)) in (1..).zip(&frames) {
            let frame = vec![sequence as u8; *length];
            blocks.extend(append(&log, &frame, sequence).as_ref().map(Arc::downgrade));
            model.extend_from_slice(&frame);
            starts.push(model.len());
            read.extend(reader.read(&log, *step).unwrap());
            prop_assert_eq!(reader.at_boundary(), starts.contains(&read.len()));
            let whole = starts[1..].iter().filter(|end| **end <= read.len()).count();
            prop_assert_eq!(reader.tally(), Tally { bytes: read.len() as u64, events: whole as u64 });
            if *look > 0 {
                let _remains = log.forget_read(&mut WriterToken::new(), *look == 2);
            }
            prop_assert_eq!(log.written(), model.len() as u64);
        }
        read.extend(reader.read_all(&log));
        prop_assert_eq!(&read, &model);
        late.cursor.skip_through(skip, &log).unwrap();
        let start = starts[(skip as usize).min(frames.len())];
        prop_assert_eq!(late.read_all(&log), &model[start..]);
        // All is read: what is still here is the tail, and goes when it is quiet.
        let _remains = log.forget_read(&mut WriterToken::new(), false);
        prop_assert!(blocks.iter().filter(|block| block.strong_count() > 0).count() <= 1);
        let _remains = log.forget_read(&mut WriterToken::new(), true);
        for reader in [&mut reader, &mut late] {
            prop_assert!(reader.read_all(&log).is_empty());
        }
        prop_assert_eq!(log.forget_read(&mut WriterToken::new(), true), Remains::Nothing);
        prop_assert!(blocks.iter().all(|block| block.strong_count() == 0));
    }

    /// Blocks that are kept go by name. Who stands in one, or before it, reads on to its end and is then told; and
    /// keeps nothing else.
    #[test]
    fn a_cursor_keeps_its_own_block_only(frames in 20usize..100, stop in 0usize..500, forgotten in 0usize..8) {
        let log = Log::new(&Origin::new(Past::Kept));
        let mut reader = Reader::new(&log);
        let append = |n: u64| log.append(&mut WriterToken::new(), &[&[n as u8; 100]], n, Past::Kept);
        let mut blocks: Vec<_> = append(1).into_iter().collect();
        reader.read(&log, stop).unwrap();
        blocks.extend((2..=frames as u64).filter_map(append));
        let forgotten = forgotten.min(blocks.len() - 1);
        let alive: Vec<_> = blocks.iter().map(Arc::downgrade).collect();
        if forgotten > 0 {
            prop_assert!(!log.forget(&mut WriterToken::new(), &blocks[forgotten - 1], Past::Kept));
        }
        drop(blocks);
        let kept = alive.iter().enumerate().filter(|(_, block)| block.strong_count() > 0).map(|(index, _)| index);
        let expected = (0..alive.len()).filter(|index| *index == 0 || *index >= forgotten);
        prop_assert!(kept.eq(expected));
        let mut read = 0;
        let gone = loop {
            match reader.read(&log, usize::MAX) {
                Ok(bytes) if bytes.is_empty() => break false,
                Ok(bytes) => read += bytes.len(),
                Err(Gone) => break true,
            }
        };
        prop_assert_eq!(gone, forgotten > 1);
        prop_assert!(gone || read + stop.min(100) == 100 * frames);
    }
}

#[test]
fn blocks_double_and_a_giant_gets_its_own() {
    let log = Log::new(&Origin::new(Past::Dropped));
    let capacity = || log.tail.load().capacity();
    append(&log, &[b'x'; 900], 1);
    assert_eq!(capacity(), FIRST_BLOCK_BYTES);
    append(&log, &[b'x'; 900], 2);
    assert_eq!(capacity(), 2 * FIRST_BLOCK_BYTES);
    append(&log, &[b'x'; 1 << 20], 3);
    assert_eq!(capacity(), Segment::room_for(1 << 20));
    append(&log, b"x", 4);
    assert_eq!(capacity(), LAST_BLOCK_BYTES);
}
