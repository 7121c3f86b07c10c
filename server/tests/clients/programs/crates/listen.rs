//! Listens by one crate, for ever, and prints what it hands out, one JSON value a line (`at` in ns since 1970):
//! ["open", at], ["event", at, id, type, data], ["error", at, text]
//!
//!     listen CLIENT URL

use std::env;
use std::time::{Duration, SystemTime};

use eventsource_client::{Client, ClientBuilder, ReconnectOptions, SSE};
use futures_util::StreamExt;
use reqwest_eventsource::{Event, EventSource};
use serde_json::{Value, json};

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970").as_nanos() as u64
}

fn say(value: Value) {
    println!("{value}");
}

async fn by_reqwest_eventsource(url: &str) {
    let mut source = EventSource::get(url);
    while let Some(event) = source.next().await {
        match event {
            Ok(Event::Open) => say(json!(["open", now()])),
            Ok(Event::Message(event)) => say(json!(["event", now(), event.id, event.event, event.data])),
            Err(error) => say(json!(["error", now(), error.to_string()])),
        }
    }
}

async fn by_eventsource_client(url: &str) {
    // By default it waits twice as long each time, from a second on.
    let often = ReconnectOptions::reconnect(true).delay(Duration::from_millis(50)).backoff_factor(1).build();
    let client = ClientBuilder::for_url(url).expect("it is a URL").reconnect(often).build_http();
    let mut stream = client.stream();
    while let Some(event) = stream.next().await {
        match event {
            Ok(SSE::Connected(_)) => say(json!(["open", now()])),
            Ok(SSE::Event(event)) => {
                say(json!(["event", now(), event.id.unwrap_or_default(), event.event_type, event.data]));
            }
            Ok(SSE::Comment(_)) => {}
            Err(error) => say(json!(["error", now(), error.to_string()])),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = env::args().collect();
    match &*arguments[1] {
        "reqwest-eventsource" => by_reqwest_eventsource(&arguments[2]).await,
        "eventsource-client" => by_eventsource_client(&arguments[2]).await,
        other => panic!("{other} is not known"),
    }
}
