use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::task::{Wake, Waker};

use super::*;
use crate::config::HubConfig;
use crate::delivery::role::Ring;
#[cfg(not(loom))]
use crate::delivery::statistics::Statistics;
use crate::events::event::Event;
use crate::names::filter::Filter;
use crate::names::namespace::Limits;
use crate::reading::membership::Membership;
use crate::reading::subscription::Subscription;
use crate::sync::{AtomicUsize, Ordering};

fn engine() -> Arc<Engine> {
    Arc::new(Engine::new(&HubConfig { queue_events: if cfg!(loom) { 4 } else { 1 << 12 }, ..HubConfig::default() }))
}

fn subscribe(engine: &Arc<Engine>, path: &str, waker: &Waker) -> Subscription {
    let members = Membership::join(engine.clone(), &Filter::parse(path).unwrap(), |_| waker.clone());
    Subscription::new(members.unwrap(), None)
}

fn put(engine: &Engine, path: &str, data: &str) {
    let event = Event::new(path, data).prepare(&Limits::default(), usize::MAX).unwrap();
    assert!(engine.sequencer.try_put(Box::new(event)).is_ok(), "the queue has room");
}

/// Begins a turn that nobody has.
fn begin(engine: &Engine) -> Turn<'_> {
    match engine.role.call() {
        Ring::Drain(heard) => Turn::begin(engine, heard),
        Ring::Held => panic!("someone has the role"),
    }
}

/// Queues events for a turn that has begun.
#[cfg(not(loom))]
fn hear<'a>(turn: &Turn<'a>, path: &str, data: impl Iterator<Item = &'a str>) {
    for data in data {
        put(turn.engine, path, data);
        assert_eq!(turn.engine.role.ring(), Ring::Held);
    }
}

/// Reads all there is, and gives the data of the events.
fn read(reader: &mut Subscription) -> Vec<String> {
    let mut text = String::new();
    while let chunk @ [_, ..] = reader.chunk() {
        let length = chunk.len();
        text.push_str(std::str::from_utf8(chunk).unwrap());
        reader.advance(length);
    }
    text.split_terminator("\n\n").map(|frame| frame.strip_prefix("data:").unwrap().to_owned()).collect()
}

#[derive(Default)]
struct Bell(AtomicUsize);

impl Bell {
    fn rung(&self) -> usize {
        self.0.load(Ordering::Acquire) // with the release in `wake`
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Release); // with the acquire in `rung`
    }
}

fn bell() -> (Arc<Bell>, Waker) {
    let bell = Arc::new(Bell(AtomicUsize::new(0)));
    (bell.clone(), Waker::from(bell))
}

/// Gives a turn that has done nothing yet another budget.
fn bound(turn: &mut Turn<'_>, work: u64) {
    turn.budget.end = turn.budget.work.saturating_add(work);
}

/// Lets a turn deliver so much work, and panic.
fn panic_after(turn: Turn<'_>, work: u64) {
    let unwound = panic::catch_unwind(AssertUnwindSafe(move || {
        let mut turn = turn;
        bound(&mut turn, work);
        turn.deliver();
        panic::resume_unwind(Box::new("as asked"));
    }));
    assert!(unwound.is_err());
}

#[cfg(not(loom))]
mod one_thread {
    use proptest::prelude::*;

    use super::*;
    use crate::names::pattern::Pattern;

    /// 1,024 patterns that all cover `/a/a/a/a/a/a/a/a/a/a`.
    fn many(engine: &Engine) -> Vec<Arc<Channel>> {
        let paths = (0..1 << 10).map(|stars| (0..10).map(|bit| ["/a", "/*"][stars >> bit & 1]).collect::<String>());
        paths.map(|path| engine.join(&Pattern::parse(&path).unwrap()).unwrap()).collect()
    }

    #[test]
    #[cfg_attr(miri, ignore = "100,000 appends take minutes")]
    fn a_turn_is_bounded_by_the_channels_that_its_events_reach() {
        let engine = engine();
        let channels = many(&engine);
        let turn = begin(&engine);
        hear(&turn, &"/a".repeat(10), ["x"; 100].into_iter());
        assert_ne!(turn.run_as_driver(), Left::Nothing);
        let appended = || channels.iter().map(|channel| channel.log.written() / "data:x\n\n".len() as u64).sum::<u64>();
        // An event is delivered whole; a batch was taken, and one more, which makes room.
        assert_eq!((appended(), engine.completed(), engine.sequencer.position()), (2 << 10, 2, 65));
        let mut turns = 1;
        while begin(&engine).run_as_driver() != Left::Nothing {
            turns += 1;
        }
        assert_eq!((turns, appended(), engine.completed()), (49, 100 << 10, 100));
        let statistics = Statistics::of(&engine);
        assert_eq!((statistics.turns, statistics.lingering), (50, 0));
        // The one more is the last, which leaves nothing. None has looked twice.
        assert_eq!(statistics.work, 100 * (EVENT_WORK + (1 << 10) * APPEND_WORK));
    }

    #[test]
    fn a_turn_is_bounded_by_the_bytes_that_it_appends() {
        let engine = engine();
        let mut reader = subscribe(&engine, "/a", Waker::noop());
        let data = "x".repeat(1 << 20);
        let turn = begin(&engine);
        hear(&turn, "/a", [data.as_str(); 5].into_iter());
        assert_ne!(turn.run_as_driver(), Left::Nothing);
        assert_eq!((read(&mut reader).len(), engine.completed()), (2, 2));
    }

    #[test]
    fn what_the_queue_holds_is_left_when_the_budget_ends_with_a_batch() {
        let engine = engine();
        let mut reader = subscribe(&engine, "/a", Waker::noop());
        let mut turn = begin(&engine);
        hear(&turn, "/a", ["x"; BATCH_EVENTS + 1].into_iter());
        turn.heard = engine.role.look();
        bound(&mut turn, BATCH_EVENTS as u64 * (EVENT_WORK + APPEND_WORK));
        assert_ne!(turn.run_as_driver(), Left::Nothing);
        assert_eq!(read(&mut reader).len(), BATCH_EVENTS);
    }

    #[test]
    fn who_has_had_its_turn_goes_when_another_is_about_to_ring() {
        let engine = engine();
        let mut reader = subscribe(&engine, "/a", Waker::noop());
        let turn = begin(&engine);
        hear(&turn, "/a", ["x"; 2000].into_iter());
        engine.role.announce();
        assert_eq!(turn.run(), Left::ToOthers);
        let first = read(&mut reader).len();
        assert_eq!(first as u64, TURN_WORK / 2);
        // It is what that one finds. Before it rings, who comes for more leaves it all.
        let Ring::Drain(heard) = engine.role.call() else { panic!("the role is free") };
        assert_eq!(Turn::begin_another(&engine, heard).run(), Left::ToOthers);
        assert_eq!(read(&mut reader).len(), 0);
        let Ring::Drain(heard) = engine.role.ring() else { panic!("the role is free") };
        assert_eq!(Turn::begin_another(&engine, heard).run(), Left::Nothing);
        assert_eq!(read(&mut reader).len(), 2000 - first);
    }

    #[test]
    fn what_was_taken_and_not_delivered_outlives_a_panic() {
        let engine = engine();
        let ((reader_bell, waker), (driver_bell, driver)) = (bell(), bell());
        let mut reader = subscribe(&engine, "/a", &waker);
        let _driver = engine.drivers.join(driver);
        let turn = begin(&engine);
        hear(&turn, "/a", ["1", "2", "3"].into_iter());
        panic_after(turn, 1);
        assert_eq!((engine.completed(), engine.sequencer.position()), (1, 3));
        assert_eq!((reader_bell.rung(), driver_bell.rung()), (1, 1));
        assert_eq!(read(&mut reader), ["1"]);
        assert_eq!(begin(&engine).run_as_driver(), Left::Nothing);
        assert_eq!(read(&mut reader), ["2", "3"]);
    }

    /// Here the panic comes from a log that has a frame of a later sequence, which is impossible.
    #[test]
    fn an_event_whose_delivery_panics_keeps_no_other_from_delivery() {
        let engine = engine();
        let mut reader = subscribe(&engine, "/a", Waker::noop());
        let broken = engine.join(&Pattern::parse("/broken").unwrap()).unwrap();
        let _ = broken.log.append(
            &mut crate::channels::writer_token::WriterToken::new(),
            &[b"x"],
            1000,
            crate::channels::log::Past::Dropped,
        );
        let turn = begin(&engine);
        hear(&turn, "/a", ["1"].into_iter());
        hear(&turn, "/broken", ["2"].into_iter());
        hear(&turn, "/a", ["3"].into_iter());
        assert!(panic::catch_unwind(AssertUnwindSafe(move || turn.run())).is_err());
        assert_eq!((read(&mut reader), engine.completed()), (vec!["1".to_owned()], 2));
        assert_eq!(begin(&engine).run(), Left::Nothing);
        assert_eq!((read(&mut reader), engine.completed()), (vec!["3".to_owned()], 3));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Put(&'static str, usize),
        Subscribe(&'static str),
        Unsubscribe(usize),
        /// A turn of so much work, that may panic.
        Turn(u64, bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        let path = || prop::sample::select(vec!["/", "/a", "/a/b", "/b"]);
        prop_oneof![
            8 => (path(), 1usize..3_000).prop_map(|(path, length)| Step::Put(path, length)),
            2 => path().prop_map(Step::Subscribe),
            1 => any::<usize>().prop_map(Step::Unsubscribe),
            4 => (1u64..30, any::<bool>()).prop_map(|(work, panics)| Step::Turn(work, panics)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, ..ProptestConfig::default() })]

        /// Wherever turns end, each reader gets what comes after its position, once and in order, and none before that.
        #[test]
        fn turns_of_any_length_deliver_all_in_order(steps in prop::collection::vec(step(), 0..120)) {
            let engine = engine();
            let mut events: Vec<(&str, String)> = Vec::new();
            let mut readers: Vec<(Filter, Subscription, Vec<String>)> = Vec::new();
            let last = [Step::Turn(u64::MAX, false)];
            for step in steps.into_iter().chain(last) {
                match step {
                    Step::Put(path, length) => {
                        events.push((path, "x".repeat(length)));
                        put(&engine, path, &events[events.len() - 1].1);
                    }
                    Step::Subscribe(path) => {
                        readers.push((Filter::parse(path).unwrap(), subscribe(&engine, path, Waker::noop()), Vec::new()));
                    }
                    Step::Unsubscribe(index) if !readers.is_empty() => drop(readers.swap_remove(index % readers.len())),
                    Step::Unsubscribe(_) => {}
                    Step::Turn(work, true) => panic_after(begin(&engine), work),
                    Step::Turn(work, false) => {
                        let mut turn = begin(&engine);
                        bound(&mut turn, work);
                        let _ = turn.run();
                    }
                }
                let completed = engine.completed();
                prop_assert!(completed <= engine.sequencer.position());
                let Statistics { published, delivered, queued, subscriptions, .. } = Statistics::of(&engine);
                prop_assert_eq!((published, delivered), (events.len() as u64, completed));
                prop_assert_eq!((queued, subscriptions), (published - delivered, readers.len()));
                for (filter, reader, got) in &mut readers {
                    got.append(&mut read(reader));
                    let due = (1..).zip(&events).filter(|(sequence, (path, _))| {
                        (reader.starts_after() + 1..=completed).contains(sequence) && filter.covers(&path.parse().unwrap())
                    });
                    prop_assert_eq!(&*got, &due.map(|(_, (_, data))| data.clone()).collect::<Vec<_>>());
                }
            }
            prop_assert_eq!(engine.completed(), events.len() as u64);
        }
    }
}

/// Each order of the steps, tried by loom: `RUSTFLAGS="--cfg loom" cargo test --release -p sse-core --lib turn`.
#[cfg(loom)]
mod races {
    use super::*;

    fn model(threads: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = builder.preemption_bound.or(Some(3));
        builder.check(threads);
    }

    /// Puts an event and rings; if the role is had, the turn panics when it has done so much work.
    fn publish_and_panic(engine: &Engine, data: &str, work: u64) {
        put(engine, "/a", data);
        if let Ring::Drain(heard) = engine.role.ring() {
            panic_after(Turn::begin(engine, heard), work);
        }
    }

    #[test]
    fn a_turn_that_panics_gives_the_role_back_and_loses_nothing() {
        for work in [0, 1] {
            model(move || {
                let engine = engine();
                let mut reader = subscribe(&engine, "/a", Waker::noop());
                let other = engine.clone();
                let other = loom::thread::spawn(move || publish_and_panic(&other, "x", work));
                publish_and_panic(&engine, "x", work);
                other.join().unwrap();
                assert_eq!(begin(&engine).run(), Left::Nothing);
                assert_eq!(read(&mut reader).len(), 2);
            });
        }
    }

    /// The driver is woken for what such a turn leaves.
    #[test]
    fn what_a_turn_that_panics_leaves_is_a_drivers() {
        model(|| {
            let engine = engine();
            let mut reader = subscribe(&engine, "/a", Waker::noop());
            let (bell, waker) = bell();
            let _driver = engine.drivers.join(waker);
            let other = engine.clone();
            let other = loom::thread::spawn(move || publish_and_panic(&other, "x", 0));
            publish_and_panic(&engine, "x", 0);
            other.join().unwrap();
            assert!(bell.rung() > 0);
            assert_eq!(begin(&engine).run_as_driver(), Left::Nothing);
            assert_eq!(read(&mut reader).len(), 2);
        });
    }

    /// A publisher that waits for room takes a turn, and finds the queue closed. What the turn has left is delivered.
    #[test]
    fn what_is_left_by_a_publisher_that_is_refused_is_delivered() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(2);
        builder.check(|| {
            let engine = engine();
            let _readers = ["/", "/a", "/a/a"].map(|path| subscribe(&engine, path, Waker::noop()));
            // A turn goes on while the queue fills.
            let mut turn = begin(&engine);
            for _ in 0..4 {
                put(&engine, "/a/a", "x");
                assert_eq!(engine.role.ring(), Ring::Held);
            }
            turn.heard = engine.role.look();
            let other = engine.clone();
            let publisher = loom::thread::spawn(move || {
                let event = Event::new("/a/a", "y").prepare(&Limits::default(), usize::MAX).unwrap();
                crate::delivery::calls::publish(&other, event)
            });
            // As in `see_to_it`.
            let mut left = turn.run();
            while left == Left::ToCaller {
                let Ring::Drain(heard) = engine.role.call() else { break };
                left = Turn::begin_another(&engine, heard).run();
            }
            crate::delivery::calls::close(&engine);
            publisher.join().unwrap();
            assert!(
                engine.has_ended(),
                "completed {} of {:?}, and nobody is at it",
                engine.completed(),
                engine.sequencer.last()
            );
        });
    }
}
