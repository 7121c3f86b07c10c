//! Turns: how publishers and drivers hand over what is left.

use super::*;

#[test]
fn what_a_turn_leaves_is_handed_on_while_the_driver_resigns() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let driver = hub.drive(Waker::noop().clone());
        let publisher = spawn(&hub, move |hub| {
            publish(hub, "/a", "1");
            publish(hub, "/a", "2");
        });
        publish(&hub, "/a", "3");
        drop(driver);
        publisher.join().unwrap();
        // A driver that was woken, and resigned before it came to drain, has drained when it resigned.
        assert_eq!(read(&mut reader).len(), 3);
    });
}

#[test]
fn a_driver_is_woken_for_what_a_turn_leaves() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let _driver = hub.drive(Waker::from(flag.clone()));
        let publisher = spawn(&hub, move |hub| {
            publish(hub, "/a", "1");
            publish(hub, "/a", "2");
        });
        publish(&hub, "/a", "3");
        publisher.join().unwrap();
        let woken = flag.0.load(Ordering::Acquire); // with the store in `wake`
        while woken && hub.drain() {}
        assert_eq!(read(&mut reader).len(), 3, "woken: {woken}");
    });
}

/// Under loom a turn is over after two such events.
#[test]
fn what_a_turn_leaves_without_a_driver_is_delivered_before_all_have_come_back() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let publisher = spawn(&hub, move |hub| {
            publish(hub, "/a", "1");
            publish(hub, "/a", "2");
        });
        publish(&hub, "/a", "3");
        publish(&hub, "/a", "4");
        publisher.join().unwrap();
        assert_eq!(read(&mut reader).len(), 4);
    });
}

/// Each event is a turn's work.
#[test]
fn two_publishers_hand_over_what_reaches_many() {
    model(|| {
        let hub = hub();
        let mut readers = ["/", "/a", "/*"].map(|path| subscribe(&hub, path));
        let publisher = spawn(&hub, move |hub| publish(hub, "/a", "1"));
        publish(&hub, "/a", "2");
        publisher.join().unwrap();
        let read = readers.each_mut().map(read);
        assert!(read == ["12"; 3] || read == ["21"; 3], "{read:?}");
    });
}

#[test]
fn who_waits_for_room_keeps_nobody_from_delivery() {
    model(|| {
        let hub = Hub::new(HubConfig { queue_events: 1, ..HubConfig::default() });
        let mut readers = ["/", "/a", "/*"].map(|path| subscribe(&hub, path));
        let publisher = spawn(&hub, move |hub| {
            publish(hub, "/a", "1");
            hub.try_publish(&Event::new("/a", "2")).is_ok()
        });
        publish(&hub, "/a", "3");
        let all = if publisher.join().unwrap() { 3 } else { 2 };
        assert_eq!(readers.each_mut().map(|reader| read(reader).len()), [all; 3]);
    });
}

#[test]
fn one_of_two_drivers_is_woken_for_what_a_turn_leaves() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let flags = [(); 2].map(|()| Arc::new(Flag(AtomicBool::new(false))));
        let _drivers = flags.each_ref().map(|flag| hub.drive(Waker::from(flag.clone())));
        let publisher = spawn(&hub, move |hub| {
            publish(hub, "/a", "1");
            publish(hub, "/a", "2");
        });
        publish(&hub, "/a", "3");
        publisher.join().unwrap();
        let woken = flags.iter().any(|flag| flag.0.load(Ordering::Acquire)); // with the store in `wake`
        while woken && hub.drain() {}
        assert_eq!(read(&mut reader).len(), 3, "woken: {woken}");
    });
}

#[test]
fn two_drivers_take_turns_and_leave_nothing() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let _driver = hub.drive(Waker::noop().clone());
        let driver = spawn(&hub, move |hub| {
            publish(hub, "/a", "1");
            publish(hub, "/a", "2");
            while hub.drain() {}
        });
        publish(&hub, "/a", "3");
        while hub.drain() {}
        driver.join().unwrap();
        assert_eq!(read(&mut reader).len(), 3);
    });
}
