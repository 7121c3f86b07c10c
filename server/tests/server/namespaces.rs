//! Several namespaces in one stream.

use std::thread;

use sse_server::{Config, Event};

use crate::support::{Running, config, with_history};

#[test]
fn one_stream_carries_several_and_each_event_once() {
    let server = Running::new(config());
    let mut stream = server.subscribe("/subscribe?namespace=/pets/*&namespace=/*/new&namespace=/time");
    let mut slash = server.subscribe("/subscribe/?other=1&namespace=/*/new&namespace=/time/&namespace=/pets/*");
    for namespace in ["/time", "/pets/dogs", "/pets", "/pets/new", "/", "/times", "/pets/new/dogs", "/a/new/b"] {
        server.publish(namespace, "", namespace);
    }
    let frames = "data:/time\n\ndata:/pets/dogs\n\ndata:/pets/new\n\ndata:/pets/new/dogs\n\ndata:/a/new/b\n\n";
    stream.expect(frames);
    slash.expect(frames);
}

/// The simplest model that could be right: all events, in the order of their ids, those of other namespaces left out.
#[test]
fn the_order_is_total_whoever_publishes() {
    const EACH: usize = 500;
    let server = Running::new(Config { retry: None, ..with_history() });
    let namespaces = ["/a", "/b/x", "/c", "/b"];
    let mut streams = [
        (server.subscribe("/subscribe?namespace=/a&namespace=/b&namespace=/*/x"), &["/a", "/b/x", "/b"][..]),
        (server.subscribe("/subscribe?namespace=/c&namespace=/b/x"), &["/b/x", "/c"]),
    ];
    let mut published: Vec<_> = thread::scope(|scope| {
        let publishers = namespaces.map(|namespace| {
            let publisher = server.publisher();
            scope.spawn(move || {
                let event = |n: usize| publisher.publish(Event::new(namespace, &n.to_string())).unwrap();
                (0..EACH).map(|n| (event(n), namespace, n)).collect::<Vec<_>>()
            })
        });
        publishers.into_iter().flat_map(|publisher| publisher.join().unwrap()).collect()
    });
    published.sort();
    for (stream, covered) in &mut streams {
        assert!(stream.frame().starts_with("id:"));
        for (id, _, n) in published.iter().filter(|(_, namespace, _)| covered.contains(namespace)) {
            stream.expect(&format!("data:{n}\nid:{id}\n\n"));
        }
    }
}

#[test]
fn values_are_decoded_as_forms_are() {
    let server = Running::new(config());
    let mut stream =
        server.subscribe("/subscribe?namespace=%2Fcaf%C3%A9%2F100%25&namespace=/new+york&namespace=/a%2Bb");
    for namespace in ["/café/100%", "/new york", "/a+b", "/new+york"] {
        server.publish(namespace, "", namespace);
    }
    stream.expect("data:/café/100%\n\ndata:/new york\n\ndata:/a+b\n\n");
}

#[test]
fn what_can_not_be_asked_for_is_named() {
    let server = Running::new(config());
    for (target, words) in [
        ("/subscribe/pets?namespace=/time", "\"/pets\""),
        ("/subscribe?namespace=", "empty"),
        ("/subscribe?namespace", "empty"),
        ("/subscribe?namespace=/a&namespace=b", "\"b\""),
        ("/subscribe?namespace=/a&namespace=/b//c", "\"/b//c\""),
        ("/subscribe?namespace=/a/..", "\"/a/..\""),
        ("/subscribe?namespace=/50%", "\"/50%\""),
        ("/subscribe?namespace=/%ff", "\"/%ff\""),
        ("/subscribe?namespace=/a%0Ab", "\"/a\\nb\""),
    ] {
        let response = server.get(target);
        assert_eq!(response.status, 400, "{target}");
        let problem = response.problem();
        assert!(problem.contains(words), "{target}: {problem}");
    }
}

#[test]
fn a_stream_may_carry_a_hundred() {
    let server = Running::new(config());
    let target = |count: usize| {
        let parameters: Vec<_> = (0..count).map(|n| format!("namespace=/{n}")).collect();
        format!("/subscribe?{}", parameters.join("&"))
    };
    let refused = server.get(&target(101));
    assert_eq!(refused.status, 400);
    assert!(refused.problem().contains("100"));
    let mut stream = server.subscribe(&target(100));
    server.publish("/0", "", "first");
    server.publish("/99", "", "last");
    stream.expect("data:first\n\ndata:last\n\n");
}

#[test]
fn the_status_lists_all_of_them() {
    let server = Running::new(config());
    let _several = server.subscribe("/subscribe?namespace=/time&namespace=/pets&namespace=/pets/dogs");
    let _comma = server.subscribe("/subscribe/pets%2C/time");
    let connections = &server.get("/admin/status.json").json()["connections"];
    assert_eq!(connections[0]["request_path"], "/subscribe");
    // One text for both, as dashboards know it; beside it what they really are.
    assert_eq!([0, 1].map(|row| &connections[row]["namespace"]), ["/pets,/time"; 2]);
    assert_eq!(connections[0]["namespaces"], serde_json::json!(["/pets", "/time"]));
    assert_eq!(connections[1]["namespaces"], serde_json::json!(["/pets,/time"]));
}
