use proptest::prelude::*;

use super::*;
use crate::history::slice::{Frames, SLICE_LOOKS};
use crate::names::filter::Filter;
use crate::names::pattern::Pattern;

const ANY_AGE: Duration = Duration::MAX;

type Events = Vec<(u64, Vec<u8>)>;

fn append(journal: &Journal, sequence: u64, namespace: &str, length: usize) -> Vec<u8> {
    let (frame, end) = (vec![b'x'; length], format!("id:0-{sequence}\n"));
    journal.append(&mut JournalWriter::new(), namespace, [&frame, end.as_bytes()], sequence);
    [frame, end.into_bytes()].concat()
}

fn filter<T: AsRef<str>>(paths: impl IntoIterator<Item = T>) -> Filter {
    Filter::any_of(paths.into_iter().map(|path| Pattern::parse(path.as_ref()).unwrap())).unwrap()
}

/// A slice, event by event.
fn read(journal: &Journal, after: u64, filter: &Filter) -> Result<(Events, u64), u64> {
    match journal.read(after, &PatternSet::new(filter.patterns().iter())) {
        Slice::Evicted(after) => Err(after),
        Slice::Through { frames, through } => Ok((frames.as_ref().map(events).unwrap_or_default(), through)),
    }
}

/// Frames one by one, as the segment's index tells them apart.
fn events(frames: &Frames) -> Events {
    let view = frames.segment.view();
    let mut rest = frames.bytes();
    let first = view.frames_until(frames.range.start);
    let event = |index: usize| {
        let start = if index == first { frames.range.start } else { view.frame_end(index - 1) };
        let frame = rest.split_off(..view.frame_end(index) - start)?;
        Some((view.sequence(index), frame.to_vec()))
    };
    let events = (first..view.frames_until(frames.range.end)).map_while(event).collect();
    assert!(rest.is_empty() && !frames.range.is_empty());
    events
}

/// All after `after`, in how many slices it takes.
fn read_all(journal: &Journal, mut after: u64, filter: &Filter) -> Result<(Events, usize), u64> {
    let mut events = Vec::new();
    for slices in 0.. {
        match read(journal, after, filter)? {
            (_, through) if through == after => return Ok((events, slices)),
            (mut more, through) => {
                events.append(&mut more);
                after = through;
            }
        }
    }
    unreachable!("a journal ends")
}

proptest! {
    /// Against a `Vec`: what is after the promised sequence is there, whole and in order; nothing else is; and no
    /// more bytes are held than were asked for, but for one block.
    #[test]
    fn what_is_promised_is_there(
        most_bytes in 1usize..20_000,
        events in prop::collection::vec((any::<bool>(), 0usize..3_000), 1..80),
    ) {
        let journal = Journal::new(most_bytes, ANY_AGE);
        let mut model = Vec::new();
        for (sequence, (ours, length)) in (1..).zip(events) {
            let namespace = if ours { "/ours" } else { "/theirs" };
            let frame = append(&journal, sequence, namespace, length);
            model.push((sequence, ours, frame));
            let chain = journal.chain.load();
            prop_assert_eq!(chain.bytes, chain.blocks.iter().map(|block| block.capacity()).sum::<usize>());
            prop_assert!(chain.bytes <= most_bytes || chain.blocks.len() == 1);
        }
        let oldest = journal.after();
        for after in 0..=model.len() as u64 {
            let due = model.iter().filter(|(sequence, ours, _)| *sequence > after && *ours);
            let due = due.map(|(sequence, _, frame)| (*sequence, frame.clone())).collect();
            let all = read_all(&journal, after, &filter(["/ours"])).map(|(events, _)| events);
            prop_assert_eq!(all, if after < oldest { Err(oldest) } else { Ok(due) });
        }
    }

    /// Against a `Vec`, for any patterns, frames of any size, and a reader who comes back between other events:
    /// each slice is what is covered up to where it says, each event once and in order; or it is what is gone.
    #[test]
    fn a_slice_is_what_the_patterns_cover(
        most_bytes in 256usize..600_000,
        paths in prop::collection::vec("(/([ab]|\\*|a-)){1,6}|/z[0-9]{0,2}", 1..12),
        rounds in prop::collection::vec((prop::collection::vec(event(), 0..200), 0usize..4), 1..6),
    ) {
        let journal = Journal::new(most_bytes, ANY_AGE);
        let filter = filter(&paths);
        let (mut model, mut after) = (Vec::new(), 0);
        for (events, reads) in rounds {
            for (namespace, length) in events {
                let sequence = model.len() as u64 + 1;
                let frame = append(&journal, sequence, &namespace, length);
                let covered = filter.patterns().iter().any(|pattern| pattern.covers_path(&namespace));
                model.push(covered.then_some((sequence, frame)));
            }
            for _ in 0..reads {
                let (newest, oldest) = (model.len() as u64, journal.after());
                match read(&journal, after, &filter) {
                    Err(now) => {
                        prop_assert!(after < now && now == oldest);
                        after = now;
                    }
                    Ok((events, through)) => {
                        prop_assert!(oldest <= after && after <= through && through <= newest);
                        prop_assert!(after < through || through == newest, "stands still at {after}");
                        let due = model[after as usize..through as usize].iter().flatten().cloned();
                        prop_assert_eq!(events, due.collect::<Events>());
                        after = through;
                    }
                }
            }
        }
    }
}

/// A namespace and a frame's length: most are short, few are shared instead of copied.
fn event() -> impl Strategy<Value = (String, usize)> {
    let length = prop_oneof![20 => 0usize..200, 1 => 0usize..40_000];
    ("(/([ab]|a-)){1,7}|/|/z[0-9]{0,2}", length)
}

#[test]
fn a_slice_is_bounded_and_says_how_far_it_went() {
    let journal = Journal::new(16 << 20, ANY_AGE);
    let frames: Events = (1..=6_000).map(|sequence| (sequence, append(&journal, sequence, "/theirs", 0))).collect();
    assert_eq!(journal.chain.load().blocks.len(), 1);
    assert_eq!(read(&journal, 0, &filter(["/ours"])), Ok((vec![], SLICE_LOOKS as u64)));
    let (events, through) = read(&journal, 0, &filter(["/"])).unwrap();
    assert_eq!(events, frames[..through as usize]);
    assert!((1..=SLICE_LOOKS as u64).contains(&through));
}

/// So many small events in a journal that has room for all of them, in so many namespaces.
fn full_journal(events: u64, namespaces: u64) -> Journal {
    let journal = Journal::new(16 << 20, ANY_AGE);
    (1..=events).for_each(|n| drop(append(&journal, n, &format!("/shops/{}/orders", n * 7_919 % namespaces), 40)));
    assert_eq!(journal.after(), 0);
    journal
}

#[test]
fn who_finds_nothing_takes_slices_for_blocks_and_not_for_events() {
    let journal = full_journal(100_000, 10_000);
    let blocks = journal.chain.load().blocks.len();
    assert!(blocks > 20);
    let nothing = filter((0..100).map(|n| format!("/shops/{n}/orders/none")));
    let slices = || read_all(&journal, 0, &nothing).map(|(events, slices)| (events.len(), slices)).unwrap();
    // Making an index ends a slice. Later slices search several blocks each; but for the one that grows.
    let (first, later) = (slices(), slices());
    assert!(first.0 == 0 && (blocks - 1..=2 * blocks).contains(&first.1), "{first:?}, {blocks} blocks");
    assert!(later.0 == 0 && later.1 <= blocks / 2, "{later:?}, {blocks} blocks");
}

#[test]
fn who_finds_little_takes_few_slices() {
    let journal = full_journal(100_000, 10_000);
    let blocks = journal.chain.load().blocks.len();
    let few = filter(["/shops/17", "/shops/18/*"]);
    let (events, _) = read_all(&journal, 0, &few).unwrap();
    assert_eq!(events.len(), 20);
    let (again, slices) = read_all(&journal, 0, &few).unwrap();
    assert!(again == events && slices <= blocks / 2, "{slices} slices, {blocks} blocks");
}

#[test]
fn events_are_forgotten_once_they_are_too_old() {
    let journal = Journal::new(1 << 20, Duration::from_secs(64));
    let (mut writer, seconds) = (JournalWriter::new(), Duration::from_secs);
    let all = |after| read_all(&journal, after, &filter(["/a"])).unwrap().0;
    append(&journal, 1, "/a", 1);
    journal.expire(&mut writer, seconds(100), 1);
    append(&journal, 2, "/a", 1);
    journal.expire(&mut writer, seconds(101), 2);
    journal.expire(&mut writer, seconds(163), 2);
    assert_eq!(journal.after(), 0);
    journal.expire(&mut writer, seconds(164), 2);
    assert_eq!(journal.after(), 1);
    assert_eq!(all(1), [(2, b"xid:0-2\n".to_vec())]);
    journal.expire(&mut writer, seconds(165), 2);
    assert_eq!((journal.after(), journal.chain.load().blocks.len()), (2, 0));
    append(&journal, 3, "/a", 1);
    assert_eq!(all(2), [(3, b"xid:0-3\n".to_vec())]);
}
