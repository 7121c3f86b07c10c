//! Limits: the last room for a channel, and who has it.

use super::*;

fn hub_for_one_channel(history_bytes: usize) -> Hub {
    Hub::new(HubConfig { queue_events: 4, max_channels: 1, history_bytes, ..HubConfig::default() })
}

/// `None`: there was no room, and nothing else was wrong.
fn try_subscribe(hub: &Hub, path: &str) -> Option<Subscription> {
    let subscription = hub.subscribe(Filter::parse(path).unwrap(), Waker::noop().clone());
    assert!(hub.channels() <= 1);
    subscription.map_err(|error| assert_eq!(error, SubscribeError::TooManyChannels { limit: 1 })).ok()
}

/// Someone leaves the only channel there may be, and someone comes to `path`.
fn the_last_room_changes_hands(path: &'static str) {
    model(move || {
        let hub = hub_for_one_channel(0);
        let old = subscribe(&hub, "/a");
        let leaver = thread::spawn(move || drop(old));
        let early = try_subscribe(&hub, path);
        leaver.join().unwrap();
        let new = early.or_else(|| try_subscribe(&hub, path)).expect("there is room after who left");
        assert_eq!(hub.channels(), 1);
        assert!(try_subscribe(&hub, "/c").is_none());
        drop(new);
        assert_eq!(hub.channels(), 0);
    });
}

#[test]
fn the_room_of_who_leaves_is_had_by_one_and_not_lost() {
    the_last_room_changes_hands("/b");
}

#[test]
fn the_room_of_a_channel_on_its_way_out_is_counted_once() {
    the_last_room_changes_hands("/a");
}

#[test]
fn the_last_room_is_for_one_of_two() {
    model(|| {
        let hub = hub_for_one_channel(0);
        let other = spawn(&hub, move |hub| try_subscribe(hub, "/a"));
        let one = try_subscribe(&hub, "/b");
        let other = other.join().unwrap();
        assert!(one.is_some() != other.is_some());
        drop((one, other));
        assert_eq!(hub.channels(), 0);
    });
}

#[test]
fn a_lingering_channel_makes_room_for_a_newcomer_or_has_its_reader_back() {
    model(|| {
        let hub = hub_for_one_channel(1 << 10);
        drop(subscribe(&hub, "/a"));
        assert_eq!(hub.channels(), 1);
        let newcomer = spawn(&hub, move |hub| try_subscribe(hub, "/b"));
        let returned = try_subscribe(&hub, "/a");
        let newcomer = newcomer.join().unwrap();
        assert!(returned.is_some() != newcomer.is_some());
        assert_eq!(hub.channels(), 1);
        drop((returned, newcomer));
        assert!(try_subscribe(&hub, "/c").is_some());
    });
}

#[test]
fn who_is_refused_one_channel_stays_in_none() {
    model(|| {
        let hub = hub_for_one_channel(0);
        let refused = spawn(&hub, move |hub| {
            let filter = Filter::any_of([Pattern::parse("/a").unwrap(), Pattern::parse("/b").unwrap()]).unwrap();
            hub.subscribe(filter, Waker::noop().clone()).is_err()
        });
        let new = try_subscribe(&hub, "/a");
        assert!(refused.join().unwrap());
        let new = new.or_else(|| try_subscribe(&hub, "/a")).expect("the other is gone");
        assert_eq!(hub.subscriptions(&Namespace::parse("/a").unwrap()), 1);
        drop(new);
        assert_eq!(hub.channels(), 0);
    });
}

#[test]
fn a_member_that_stays_is_counted_once_while_others_come_and_go() {
    model(|| {
        let hub = hub();
        let filter = Filter::any_of([Pattern::parse("/a/*").unwrap(), Pattern::parse("/*/b").unwrap()]).unwrap();
        let _stays = hub.subscribe(filter.clone(), Waker::noop().clone()).unwrap();
        let other = spawn(&hub, move |hub| drop(hub.subscribe(filter, Waker::noop().clone()).unwrap()));
        let count = || hub.subscriptions(&Namespace::parse("/a/b").unwrap());
        assert!((1..=2).contains(&count()));
        other.join().unwrap();
        assert_eq!(count(), 1);
    });
}
