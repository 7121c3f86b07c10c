//! The end of a hub against those who publish, subscribe and wait.

use super::*;

fn close(hub: &Hub) {
    hub.close();
}

#[test]
fn what_is_taken_is_delivered_and_what_is_refused_is_not() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let closer = spawn(&hub, close);
        let taken: Vec<_> =
            ["1", "2"].into_iter().filter(|data| hub.publish(&Event::new("/a", *data)).is_ok()).collect();
        closer.join().unwrap();
        assert_eq!(read(&mut reader), taken.concat());
        assert!(reader.has_ended());
        assert_eq!(hub.published(), taken.len() as u64);
    });
}

#[test]
fn of_two_publishers_each_is_told_the_truth() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let publisher = spawn(&hub, |hub| hub.try_publish(&Event::new("/a", "1")).is_ok());
        let taken = hub.publish(&Event::new("/a", "2")).is_ok();
        hub.close();
        let taken = usize::from(taken) + usize::from(publisher.join().unwrap());
        assert_eq!(read(&mut reader).len(), taken);
        assert!(reader.has_ended());
    });
}

#[test]
fn nothing_comes_after_the_end() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let publisher = spawn(&hub, |hub| hub.publish(&Event::new("/a", "1")).is_ok());
        hub.close();
        let early = read(&mut reader);
        let ended = reader.has_ended();
        let taken = publisher.join().unwrap();
        let late = read(&mut reader);
        assert!(!ended || late.is_empty(), "the end was not the end");
        assert_eq!(early + &late, if taken { "1" } else { "" });
    });
}

#[test]
fn who_waits_is_woken_for_the_end() {
    model(|| {
        let hub = hub();
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let mut reader = hub.subscribe(Filter::parse("/a").unwrap(), Waker::from(flag.clone())).unwrap();
        let closer = spawn(&hub, close);
        let _ = hub.publish(&Event::new("/b", "1"));
        assert_eq!(read(&mut reader), "");
        let ended = reader.has_ended();
        closer.join().unwrap();
        let woken = flag.0.load(Ordering::Acquire); // with the store in `wake`
        assert!(ended || woken, "asleep at the end");
        assert!(reader.has_ended());
    });
}

#[test]
fn who_subscribes_meanwhile_is_refused_or_finds_the_end() {
    model(|| {
        let hub = hub();
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let closer = spawn(&hub, |hub| {
            publish(hub, "/a", "1");
            hub.close();
        });
        let reader = hub.subscribe(Filter::parse("/a").unwrap(), Waker::from(flag.clone()));
        let early = reader.map(|mut reader| (read(&mut reader), reader.has_ended(), reader));
        closer.join().unwrap();
        match early {
            Ok((data, ended, mut reader)) => {
                let woken = flag.0.load(Ordering::Acquire); // with the store in `wake`
                assert!(ended || woken, "asleep at the end");
                assert_eq!(data + &read(&mut reader), &"1"[reader.starts_after() as usize..]);
                assert!(reader.has_ended());
            }
            Err(error) => assert_eq!(error, SubscribeError::Closed),
        }
    });
}
