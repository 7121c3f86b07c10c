use super::*;

#[test]
fn frames_and_index_fill_the_block_to_the_last_byte() {
    let segment = Segment::new(2 * (5 + ENTRY_BYTES), Before::default(), 10);
    assert_eq!(segment.append(&[b"first"], 10), Ok(()));
    assert_eq!(segment.append(&[b"sixsix"], 11), Err(Full));
    assert_eq!(segment.append(&[b"fifth"], 14), Ok(()));
    assert_eq!(segment.append(&[b""], 15), Err(Full));
    let view = segment.view();
    assert_eq!(view.bytes_from(0), b"firstfifth");
    assert_eq!(view.bytes_from(7), b"fth");
    assert_eq!((view.frames(), view.frame_end(0), view.frame_end(1)), (2, 5, 10));
    assert_eq!((view.sequence(0), view.sequence(1)), (10, 14));
}

#[test]
fn ids_and_offsets_are_found() {
    let segment = Segment::new(1024, Before::default(), 100);
    for sequence in [100, 103, 104, 110] {
        segment.append(&[b"abc"], sequence).unwrap();
    }
    let view = segment.view();
    let through: Vec<_> = [99, 100, 102, 103, 104, 109, 110, 200].map(|s| view.frames_through(s)).into();
    assert_eq!(through, [0, 1, 1, 2, 3, 3, 4, 4]);
    let until: Vec<_> = [0, 2, 3, 5, 6, 11, 12].map(|offset| view.frames_until(offset)).into();
    assert_eq!(until, [0, 0, 1, 1, 2, 3, 4]);
}

#[test]
fn a_sequence_too_far_from_the_first_needs_a_new_segment() {
    let segment = Segment::new(1024, Before::default(), 1);
    assert_eq!(segment.append(&[b"a"], 1 + u64::from(u32::MAX)), Ok(()));
    assert_eq!(segment.append(&[b"b"], 2 + u64::from(u32::MAX)), Err(Full));
}

#[test]
fn a_view_does_not_grow() {
    let segment = Segment::new(64, Before::default(), 1);
    segment.append(&[b"a"], 1).unwrap();
    let before = segment.view();
    segment.append(&[b"b"], 2).unwrap();
    assert_eq!(before.bytes_from(0), b"a");
    assert_eq!(segment.view().bytes_from(0), b"ab");
}

#[test]
fn a_sealed_block_takes_no_more() {
    let segment = Segment::new(64, Before::default(), 1);
    segment.append(&[b"a"], 1).unwrap();
    assert!(!segment.view().is_sealed());
    segment.seal();
    assert_eq!(segment.append(&[b"b"], 2), Err(Full));
    let view = segment.view();
    assert_eq!((view.is_sealed(), view.frames(), view.bytes_from(0)), (true, 1, &b"a"[..]));
}

#[test]
fn a_block_made_of_frames_is_as_if_they_had_been_appended() {
    let segment = Segment::of_frames(&[(b"one", 7), (b"three", 9)], 5);
    let view = segment.view();
    assert_eq!((view.bytes_from(0), view.frames(), view.frame(1)), (&b"onethree"[..], 2, &b"three"[..]));
    assert_eq!([0, 1, 2].map(|index| view.sequence_before(index)), [5, 7, 9]);
    assert!(view.is_sealed());
    assert!(Segment::of_frames(&[], 3).view().is_sealed());
}
