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
    let app = start("axum");
    assert!(get(app.address, "/").body.contains("/events/pets"));
    // A client of HTTP/1.0 gets the stream without the chunks that axum would send it in.
    let mut all = open_1_0(&app, "/events/", &[]);
    let mut pets = open_1_0(&app, "/events/pets", &[]);
    let corgi = request(app.address, "POST", "/dogs", &[], "Corgi");
    assert_eq!(corgi.status, 200);
    assert_eq!(pets.event(), "event:new-dog\ndata:Corgi");
    assert_eq!(all.event(), "event:new-dog\ndata:Corgi");
    drop(pets);
    assert_eq!(request(app.address, "POST", "/dogs", &[], "Terrier").status, 200);
    let mut pets = open_1_0(&app, "/events/pets", &[&format!("Last-Event-ID: {}", corgi.body)]);
    assert_eq!(pets.event(), "event:new-dog\ndata:Terrier");
    assert_eq!(get(app.address, "/events/a//b").status, 400);
}

fn open_1_0(app: &Process, path: &str, headers: &[&str]) -> Stream {
    let stream = Stream::open_as(app.address, path, headers, "HTTP/1.0");
    assert_eq!(stream.head.header("content-type"), Some("text/event-stream; charset=utf-8"));
    stream
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
