//! Readers that come back, park or skip, against publishers.

use super::*;

#[test]
fn the_joint_of_replay_and_live_is_exact() {
    model(|| {
        let hub = hub_with_history();
        publish(&hub, "/a", "1");
        let publisher = spawn(&hub, move |hub| (publish(hub, "/a", "2"), publish(hub, "/a", "3")));
        let mut reader = client(&hub, &["/a"], Some("0-0"));
        reader.catch_up();
        publisher.join().unwrap();
        reader.catch_up();
        assert_eq!(data(&reader), "123");
    });
}

#[test]
fn two_who_return_may_be_the_first_to_search_a_block() {
    model(|| {
        let hub = hub_with_history();
        for (path, data) in [("/b", "1"), ("/a", "2"), ("/b", "3"), ("/a", "4"), ("/b", "5")] {
            publish(&hub, path, data);
        }
        let (mut one, mut other) = (client(&hub, &["/a"], Some("0-0")), client(&hub, &["/a"], Some("0-0")));
        let reading = spawn(&hub, move |_| {
            other.catch_up();
            data(&other)
        });
        one.catch_up();
        assert_eq!([data(&one), reading.join().unwrap()], ["24", "24"]);
    });
}

#[test]
fn a_lingering_channel_is_found_whole_or_not_at_all() {
    model(|| {
        let hub = hub_with_history();
        let old = client(&hub, &["/a"], None);
        let leaver = thread::spawn(move || drop(old));
        publish(&hub, "/a", "1");
        let mut reader = client(&hub, &["/a"], Some("0-0"));
        reader.catch_up();
        leaver.join().unwrap();
        publish(&hub, "/a", "2");
        reader.catch_up();
        assert_eq!(data(&reader), "12");
    });
}

#[test]
fn a_channel_that_is_given_up_takes_no_newcomer_along() {
    model(|| {
        let hub = hub_with_history();
        // One channel may linger: the second takes the place of the first.
        drop(client(&hub, &["/a"], None));
        let other = client(&hub, &["/b"], None);
        let leaver = thread::spawn(move || drop(other));
        let mut reader = client(&hub, &["/a"], Some("0-0"));
        leaver.join().unwrap();
        publish(&hub, "/a", "1");
        reader.catch_up();
        assert_eq!(data(&reader), "1");
    });
}

#[test]
fn several_channels_are_read_in_one_order() {
    model(|| {
        let hub = hub();
        let filter = Filter::any_of([Pattern::parse("/a").unwrap(), Pattern::parse("/b").unwrap()]).unwrap();
        let mut both = hub.subscribe(filter, Waker::noop().clone()).unwrap();
        let publisher = spawn(&hub, move |hub| publish(hub, "/a", "1"));
        let second = publish(&hub, "/b", "2");
        let early = read(&mut both);
        let first = publisher.join().unwrap();
        assert_eq!(early + &read(&mut both), if first < second { "12" } else { "21" });
    });
}

#[test]
fn who_skips_gets_all_that_comes_after_the_gap() {
    model(|| {
        let hub = hub_with_history();
        let mut reader = client(&hub, &["/a"], None);
        let publisher = spawn(&hub, move |hub| (publish(hub, "/a", "1"), publish(hub, "/a", "2")));
        reader.skip();
        publisher.join().unwrap();
        reader.catch_up();
        let all = published(vec![(1, "/a", "1"), (2, "/a", "2")]);
        assert_eq!(reader.check(&all, true), Ok(()));
    });
}

#[test]
fn who_parks_misses_nothing() {
    model(|| {
        let hub = hub_with_history();
        let mut reader = client(&hub, &["/a"], None);
        let publisher = spawn(&hub, move |hub| (publish(hub, "/a", "1"), publish(hub, "/a", "2")));
        reader.read(10);
        reader.subscription.as_mut().unwrap().park();
        reader.catch_up();
        publisher.join().unwrap();
        reader.catch_up();
        assert_eq!(data(&reader), "12");
    });
}

#[test]
fn a_channel_that_nobody_comes_back_to_goes() {
    model(|| {
        let hub = hub_with_history();
        // It is among those without members, and has one again.
        drop(client(&hub, &["/a"], None));
        let last = client(&hub, &["/a"], None);
        let leaver = thread::spawn(move || drop(last));
        hub.tick(Duration::ZERO);
        leaver.join().unwrap();
        hub.tick(Duration::ZERO);
        hub.tick(Duration::from_secs(15));
        assert_eq!(hub.channels(), 0);
    });
}
