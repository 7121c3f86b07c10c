//! What becomes of readers that fall behind further than they may, or than the hub keeps.

#![cfg(not(loom))]

use std::task::Waker;

use proptest::prelude::*;
use sse_core::{Event, Filter, Hub, HubConfig, Lagging, Pattern, Ready, Subscription};

/// One event, and how many of them are far more than the limits in these tests.
const DATA: &str = "0123456789012345678901234567890123456789";
const MANY: usize = 40_000;

const GAP: &str = "event:gap\ndata:{\"requested\":null,\"oldest\":null,\"reason\":\"lagged\"}\n\n";

fn subscribe(hub: &Hub, paths: &[&str]) -> Subscription {
    let patterns = paths.iter().map(|path| Pattern::parse(path).unwrap());
    hub.subscribe(Filter::any_of(patterns).unwrap(), Waker::noop().clone()).unwrap()
}

fn publish(hub: &Hub, path: &str, data: &str) {
    hub.publish(&Event::new(path, data)).unwrap();
}

/// All that is ready, and whether the reader has ended.
fn read_all(subscription: &mut Subscription) -> (String, bool) {
    let mut text = Vec::new();
    loop {
        let n = match subscription.ready() {
            Ready::Bytes(chunk) => {
                text.extend(chunk.pieces.concat());
                chunk.pieces.concat().len()
            }
            Ready::Again => 0,
            Ready::Ended => return (String::from_utf8(text).unwrap(), true),
            _ => return (String::from_utf8(text).unwrap(), false),
        };
        subscription.advance(n);
    }
}

/// What a reader had begun to read stays whole; then it is told, and is in the present.
#[test]
fn without_history_a_reader_behind_the_backlog_is_told_of_a_gap() {
    for paths in [&["/a"][..], &["/a", "/b"]] {
        let hub = Hub::new(HubConfig { backlog_bytes: 256 << 10, ..HubConfig::default() });
        let mut slow = subscribe(&hub, paths);
        let mut fast = subscribe(&hub, &["/a"]);
        publish(&hub, "/a", "first");
        assert_eq!(slow.chunk(), b"data:first\n\n");
        slow.advance(3);
        let mut read = read_all(&mut fast).0.len();
        for _ in 0..MANY {
            publish(&hub, "/a", DATA);
            read += read_all(&mut fast).0.len();
        }
        let all = "data:first\n\n".len() + MANY * (DATA.len() + "data:\n\n".len());
        assert_eq!(read, all, "who keeps up misses nothing");
        publish(&hub, "/a", "last");
        let (text, ended) = read_all(&mut slow);
        let (before, after) = text.split_once(GAP).expect("the gap is told");
        assert!(!ended && before.starts_with("a:first\n\n") && before.ends_with("\n\n"), "{before:.40}");
        assert_eq!(after, "");
        publish(&hub, "/a", "present");
        assert_eq!(read_all(&mut slow).0, "data:present\n\n");
    }
}

#[test]
fn a_reader_that_lags_too_far_skips_or_ends() {
    for history_bytes in [0, 16 << 20] {
        let hub = Hub::new(HubConfig { history_bytes, ..HubConfig::default() });
        let [mut skips, mut ends, mut keeps_up] = [(); 3].map(|()| subscribe(&hub, &["/a"]));
        skips.limit_lag(300 << 10, Lagging::Skip);
        ends.limit_lag(300 << 10, Lagging::End);
        keeps_up.limit_lag(300 << 10, Lagging::End);
        for _ in 0..MANY {
            publish(&hub, "/a", DATA);
            assert!(!read_all(&mut keeps_up).1, "it is not behind");
        }
        // What they stood in is theirs to read; there is less of it than of what they missed.
        let (text, ended) = read_all(&mut ends);
        assert!(ended && text.len() < 600 << 10, "{ended}, {} bytes", text.len());
        assert_eq!(ends.lag(), 0, "who has ended is behind nothing");
        publish(&hub, "/a", "more");
        assert!(matches!(ends.ready(), Ready::Ended));
        let (text, ended) = read_all(&mut skips);
        assert!(!ended && text.contains("\"reason\":\"lagged\"") && text.len() < 600 << 10, "{} bytes", text.len());
        assert_eq!(skips.lag(), 0);
    }
}

/// The budget is for those who are behind. Who has read everything loses nothing when others use it up.
#[test]
fn a_reader_that_has_read_all_is_not_told_of_a_gap_for_others() {
    let hub = Hub::new(HubConfig { backlog_bytes: 1 << 20, ..HubConfig::default() });
    let mut keeps_up = subscribe(&hub, &["/a"]);
    let _slow = subscribe(&hub, &["/b"]);
    publish(&hub, "/a", "1");
    assert_eq!(read_all(&mut keeps_up).0, "data:1\n\n");
    (0..40).for_each(|_| publish(&hub, "/b", &"x".repeat(100_000)));
    assert_eq!(keeps_up.lag(), 0);
    let mut all = String::new();
    for number in 0..80 {
        let data = format!("{number:090}");
        publish(&hub, "/a", &data);
        all += &format!("data:{data}\n\n");
    }
    assert_eq!(read_all(&mut keeps_up), (all, false));
}

/// The frame that it has begun is whole when it ends, so that something may be written after it.
#[test]
fn a_reader_that_ends_within_a_frame_gets_the_rest_of_it() {
    for paths in [&["/a"][..], &["/a", "/b"]] {
        let hub = Hub::new(HubConfig::default());
        let mut reader = subscribe(&hub, paths);
        reader.limit_lag(1 << 10, Lagging::End);
        publish(&hub, "/a", "first");
        assert_eq!(reader.chunk(), b"data:first\n\n");
        reader.advance(3);
        (0..100).for_each(|_| publish(&hub, "/a", &"x".repeat(100)));
        assert!(!reader.at_frame_boundary());
        let (text, ended) = read_all(&mut reader);
        assert!(ended && text.starts_with("a:first\n\n") && text.ends_with("\n\n"), "{text:.100}");
        assert!(reader.at_frame_boundary());
    }
}

/// However little it takes at a time: the limit is not judged again before it has read what it is told.
#[test]
fn a_reader_with_a_limit_comes_to_the_end_of_a_closed_hub() {
    for max_lag in [0, 1 << 10] {
        let hub = Hub::new(HubConfig::default());
        let mut reader = subscribe(&hub, &["/a"]);
        reader.limit_lag(max_lag, Lagging::Skip);
        publish(&hub, "/a", &"x".repeat(10_000));
        let mut text = reader.chunk()[..10].to_vec();
        reader.advance(10);
        (0..1_000).for_each(|_| publish(&hub, "/a", &"x".repeat(100)));
        hub.close();
        while let Ready::Bytes(chunk) = reader.ready() {
            let piece = chunk.pieces[0];
            let n = piece.len().min(10);
            text.extend_from_slice(&piece[..n]);
            assert!(text.len() < 200_000, "there is no end");
            reader.advance(n);
        }
        assert!(matches!(reader.ready(), Ready::Ended));
        let gaps = String::from_utf8(text).unwrap().matches("event:gap").count() as u64;
        assert_eq!(gaps, hub.resume_counts().lagged);
        assert!((1..=2).contains(&gaps), "{gaps} gaps");
    }
}

#[test]
#[should_panic(expected = "advanced past what was ready")]
fn a_reader_can_not_advance_past_what_is_ready() {
    let hub = Hub::new(HubConfig::default());
    let mut reader = subscribe(&hub, &["/a"]);
    publish(&hub, "/a", "first");
    assert!(!reader.chunk().is_empty());
    reader.advance(3);
    reader.advance(usize::MAX);
}

/// Most bytes of a block, but for one event that is larger.
const BLOCK_BYTES: usize = 256 << 10;

#[derive(Clone, Debug)]
enum Step {
    /// About so many KiB, in events whose data has so many bytes.
    Publish {
        kib: usize,
        length: usize,
    },
    Read(usize),
    ReadAll,
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![4 => 20usize..2_000, 2 => 2_000usize..70_000, 1 => Just(400_000)];
    prop_oneof![
        3 => (1usize..400, length).prop_map(|(kib, length)| Step::Publish { kib, length }),
        2 => prop_oneof![0usize..300, 0usize..300_000].prop_map(Step::Read),
        1 => Just(Step::ReadAll),
    ]
}

/// A reader that may lag so far, against the bytes that it is to be given.
struct Limited {
    subscription: Subscription,
    max_bytes: usize,
    lagging: Lagging,
    /// What is due, read or not, from some time on; how much of it is read; and where its frames end.
    due: Vec<u8>,
    read: usize,
    ends: Vec<usize>,
    /// What it was given since it has been further behind than it may be.
    given: usize,
    longest: usize,
    gaps: u64,
    has_ended: bool,
}

impl Limited {
    fn new(subscription: Subscription, max_bytes: usize, lagging: Lagging, opening: &str) -> Self {
        let mut limited = Self {
            subscription,
            max_bytes,
            lagging,
            due: Vec::new(),
            read: 0,
            ends: Vec::new(),
            given: 0,
            longest: 0,
            gaps: 0,
            has_ended: false,
        };
        limited.subscription.limit_lag(max_bytes as u64, lagging);
        limited.owe(opening.as_bytes());
        limited
    }

    fn owe(&mut self, frame: &[u8]) {
        if !self.has_ended {
            self.due.extend_from_slice(frame);
            self.ends.push(self.due.len());
            self.longest = self.longest.max(frame.len());
        }
    }

    fn lag(&self) -> usize {
        self.due.len() - self.read
    }

    /// Takes up to so many bytes of what is ready, and gives how many it took.
    fn read(&mut self, most: usize) -> Result<usize, TestCaseError> {
        prop_assert_eq!(self.subscription.lag(), self.lag() as u64);
        let is_over = self.lag() > self.max_bytes;
        let bytes = match self.subscription.ready() {
            Ready::Bytes(chunk) => chunk.pieces.concat(),
            Ready::Ended => {
                prop_assert!(self.has_ended || is_over && self.lagging == Lagging::End, "an end that was not due");
                self.has_ended = true;
                self.read = self.due.len();
                return Ok(0);
            }
            _ => return Ok(0),
        };
        if is_over && self.lagging == Lagging::End && self.subscription.lag() != self.lag() as u64 {
            // It ends with the frame that it has begun.
            let end = self.ends.iter().copied().find(|end| *end >= self.read).unwrap_or(self.read);
            prop_assert_eq!(bytes.len(), end - self.read);
            self.due.truncate(end);
            self.has_ended = true;
        }
        if !self.due[self.read..].starts_with(&bytes) {
            prop_assert!(is_over && self.lagging == Lagging::Skip, "a gap that was not due");
            self.expect_gap(&bytes)?;
        }
        let n = bytes.len().min(most);
        self.subscription.advance(n);
        self.read += n;
        self.given = if is_over { self.given + n } else { 0 };
        prop_assert!(self.given <= self.max_bytes + BLOCK_BYTES + self.longest, "{} more bytes", self.given);
        Ok(n)
    }

    /// The reader has just skipped: what is due is the rest of the frame that has begun, one gap, and nothing else yet.
    fn expect_gap(&mut self, bytes: &[u8]) -> Result<(), TestCaseError> {
        let rest = match self.read == 0 || self.ends.contains(&self.read) {
            true => 0,
            false => self.ends.iter().find(|end| **end > self.read).expect("a frame ends") - self.read,
        };
        prop_assert_eq!(&bytes[..rest], &self.due[self.read..self.read + rest]);
        let gap = &bytes[rest..];
        let is_one_frame = gap.windows(2).position(|pair| pair == b"\n\n") == Some(gap.len() - 2);
        prop_assert!(gap.starts_with(b"event:gap\n") && is_one_frame, "{}", String::from_utf8_lossy(gap));
        self.gaps += 1;
        self.due.truncate(self.read + rest);
        self.ends.retain(|end| *end <= self.read + rest);
        self.owe(gap);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 128 }, ..ProptestConfig::default() })]

    /// A reader is limited only when it is too far behind; and then it gets no more than what it stands in, and is
    /// told once.
    #[test]
    fn a_limit_is_kept_to_a_block(
        has_history in any::<bool>(),
        paths in prop_oneof![Just(&["/a"][..]), Just(&["/a", "/b"][..]), Just(&["/a", "/b", "/c"][..])],
        max_kib in prop_oneof![1usize..20, 20usize..800],
        lagging in prop_oneof![2 => Just(Lagging::Skip), 1 => Just(Lagging::End)],
        steps in prop::collection::vec(step(), 1..40),
    ) {
        // Nothing goes for want of room.
        let history_bytes = if has_history { 256 << 20 } else { 0 };
        let hub = Hub::new(HubConfig { epoch: Some(0xe), history_bytes, ..HubConfig::default() });
        let opening = if has_history { "id:e-0\n\n" } else { "" };
        let mut reader = Limited::new(subscribe(&hub, paths), max_kib << 10, lagging, opening);
        let mut turns = paths.iter().cycle();
        for step in steps.into_iter().chain([Step::ReadAll]) {
            match step {
                Step::Publish { kib, length } => for _ in 0..((kib << 10) / length).max(1) {
                    let data = "x".repeat(length);
                    let id = hub.publish(&Event::new(turns.next().expect("they are cycled"), &data)).unwrap();
                    let id = if has_history { format!("id:{id}\n") } else { String::new() };
                    reader.owe(format!("data:{data}\n{id}\n").as_bytes());
                },
                Step::Read(bytes) => drop(reader.read(bytes)?),
                Step::ReadAll => {
                    while reader.read(usize::MAX)? > 0 {}
                    prop_assert_eq!(reader.lag(), 0, "something did not come");
                }
            }
        }
        let resumes = hub.resume_counts();
        prop_assert_eq!((resumes.lagged, resumes.evicted), (reader.gaps, 0));
    }
}
