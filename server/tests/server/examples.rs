//! The examples do what they say.

use std::env;
use std::path::PathBuf;

use crate::process::Process;
use crate::support::{Stream, get, request};

const LISTEN: &str = "127.0.0.1:0";

/// Cargo puts examples beside the directory of this test.
fn start(example: &str) -> Process {
    let own = env::current_exe().unwrap();
    let path: PathBuf =
        [own.ancestors().nth(2).unwrap().as_os_str(), "examples".as_ref(), example.as_ref()].iter().collect();
    Process::start(&path, &[LISTEN], &[])
}

/// `data:3:04:05 pm (UTC)`
#[track_caller]
fn assert_time(frame: &str) {
    let time = frame.strip_prefix("data:").unwrap();
    let rest = time.strip_suffix(" am (UTC)").or_else(|| time.strip_suffix(" pm (UTC)")).unwrap();
    let numbers: Vec<_> = rest.split(':').collect();
    assert!(numbers.len() == 3 && numbers[1].len() == 2 && numbers[2].len() == 2, "{time}");
    assert!((1..=12).contains(&numbers[0].parse::<u32>().unwrap()), "{time}");
}

#[test]
fn clock() {
    let clock = start("clock");
    assert!(get(clock.address, "/").body.contains("TICK! The time is currently: "));
    let mut stream = Stream::open(clock.address, "/subscribe/time", &[]);
    assert_time(&stream.event());
    assert_time(&stream.event());
}

#[test]
fn petstore() {
    let store = start("petstore");
    let mut pets = Stream::open(store.address, "/subscribe/pets", &[]);
    let mut time = Stream::open(store.address, "/subscribe/time", &[]);
    let page = get(store.address, "/").body;
    assert!(page.contains("WOOF!") && page.contains("MEOW!") && page.contains("TICK! The time is currently: "));
    assert_time(&time.event());
    assert_eq!(pets.event(), "event:new-dog\ndata:Corgi");
    assert_eq!(pets.event(), "event:new-cat\ndata:Persian");
    assert_eq!(pets.event(), "event:new-dog\ndata:Terrier");
    assert_eq!(pets.event(), "event:new-dog\ndata:Dauchsand");
    assert_eq!(pets.event(), "event:new-cat\ndata:LOLcat");
}

#[test]
fn broker() {
    let broker = start("broker");
    assert!(get(broker.address, "/").body.contains("Timestamp (server)"));
    let mut stream = Stream::open(broker.address, "/events", &[]);
    let frame = stream.event();
    let json: serde_json::Value = serde_json::from_str(frame.strip_prefix("data:").unwrap()).unwrap();
    let message = json["message"].as_str().unwrap();
    let date = httpdate::parse_http_date(message.strip_prefix("Hello at ").unwrap()).unwrap();
    let unix = date.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(json["timestamp"], unix);
}

#[test]
fn axum() {
    in_an_application(&start("axum"));
}

#[test]
fn actix() {
    in_an_application(&start("actix"));
}

/// Its own route publishes; beneath `/events` are the streams.
fn in_an_application(app: &Process) {
    let mut all = Stream::open(app.address, "/events/", &[]);
    let mut pets = Stream::open(app.address, "/events/pets", &[]);
    assert_eq!(pets.head.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(pets.head.header("transfer-encoding"), Some("chunked"));
    let corgi = request(app.address, "POST", "/dogs", &[], "Corgi");
    assert_eq!(corgi.status, 200);
    assert_eq!(pets.event(), "event:new-dog\ndata:Corgi");
    assert_eq!(all.event(), "event:new-dog\ndata:Corgi");
    drop(pets);
    assert_eq!(request(app.address, "POST", "/dogs", &[], "Terrier").status, 200);
    let mut pets = Stream::open(app.address, "/events/pets", &[&format!("Last-Event-ID: {}", corgi.body)]);
    assert_eq!(pets.event(), "event:new-dog\ndata:Terrier");
    assert_eq!(get(app.address, "/events/a//b").status, 400);
}

/// Beside a client that reads nothing after its first event: the others get everything, and it gets the rest when it comes
/// back.
#[test]
fn hyper() {
    const EVENTS: u64 = 400;
    let app = start("hyper");
    let post = |target: &str, data: &str| {
        let response = request(app.address, "POST", target, &[], data);
        assert_eq!(response.status, 200, "{response:?}");
        response.json()["id"].as_str().unwrap().to_owned()
    };
    // Its stream's end is to be its connection's.
    let mut stalled = Stream::open(app.address, "/pets", &["Connection: close"]);
    stalled.narrow();
    let mut others = [(); 4].map(|()| Stream::open(app.address, "/pets/*", &[]));
    let first = post("/pets/dogs?event=new-dog", "Corgi");
    assert_eq!(stalled.event(), "event:new-dog\ndata:Corgi");
    for other in &mut others {
        assert_eq!(other.event(), "event:new-dog\ndata:Corgi");
    }
    // Far more than the sockets between take, and less than the history does.
    let filling = "x".repeat(32 << 10);
    for number in 0..EVENTS {
        post("/pets/cats", &format!("{number}{filling}"));
        for other in &mut others {
            assert!(other.event().starts_with(&format!("data:{number}x")));
        }
    }
    // It reads what was on its way, whole blocks up to its end, and returns with the last id it has.
    let mut last = first;
    let mut seen = 0;
    while let Some(block) = stalled.frame_or_end() {
        assert!(block.starts_with(&format!("data:{seen}x")), "{block:.40}");
        last = block.rsplit_once("\nid:").unwrap().1.to_owned();
        seen += 1;
    }
    assert!(seen < EVENTS, "it was never behind");
    let mut back = Stream::open(app.address, "/pets", &[&format!("Last-Event-ID: {last}")]);
    assert_eq!(back.head.header("sse-resume"), Some("exact"));
    for number in seen..EVENTS {
        assert!(back.event().starts_with(&format!("data:{number}x")));
    }
}

#[test]
fn threads() {
    let threads = start("threads");
    let mut time = Stream::open(threads.address, "/time", &[]);
    let first = time.frame();
    let second: u64 = first.strip_prefix("event:tick\ndata:").unwrap().parse().unwrap();
    assert_eq!(time.frame(), format!("event:tick\ndata:{}", second + 1));
}

#[test]
fn custom_loop() {
    let custom = start("custom_loop");
    let mut time = Stream::open(custom.address, "/time", &[]);
    let mut everything = Stream::open(custom.address, "/", &[]);
    let first = time.frame();
    assert!(first.starts_with("event:tick\ndata:"), "{first}");
    let second: u64 = first.rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(time.frame(), format!("event:tick\ndata:{}", second + 1));
    assert!(everything.frame().starts_with("event:tick\ndata:"));
}
