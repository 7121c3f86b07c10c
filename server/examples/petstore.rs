//! A clock on `/time`, and a pet store whose arrivals are announced beneath `/pets`. The page at `/` listens to `/time`
//! and to `/pets`, which is the parent of both `/pets/dogs` and `/pets/cats`.
//!
//! ```text
//! cargo run --example petstore [ADDRESS]
//! curl -N localhost:8001/subscribe/pets
//! ```

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, thread};

use sse_server::http::Method;
use sse_server::{Config, Event, Publisher, Reply, Server};

/// When (seconds from the start), which event, who, and where.
const ARRIVALS: [(u64, &str, &str, &str); 5] = [
    (5, "new-dog", "Corgi", "/pets/dogs"),
    (5, "new-cat", "Persian", "/pets/cats"),
    (6, "new-dog", "Terrier", "/pets/dogs"),
    (6, "new-dog", "Dauchsand", "/pets/cats"),
    (8, "new-cat", "LOLcat", "/pets/cats"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let listen = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let server = Server::builder()
        .config(Config { listen: vec![listen.parse()?], ..Config::default() })
        .route(Method::GET, "/", |_| Reply::html(include_str!("petstore.html")))
        .bind()?;
    println!("listening on http://{}", server.local_addrs()[0]);

    let clock = server.publisher();
    thread::spawn(move || tick(&clock));
    let store = server.publisher();
    thread::spawn(move || announce(&store));
    Ok(server.run()?)
}

fn tick(publisher: &Publisher) {
    loop {
        let time = time_of_day(SystemTime::now());
        publisher.publish(Event::new("/time", &time)).expect("the namespace and the time are valid");
        thread::sleep(Duration::from_secs(1));
    }
}

fn announce(publisher: &Publisher) {
    let mut now = 0;
    for (second, event, pet, namespace) in ARRIVALS {
        thread::sleep(Duration::from_secs(second - now));
        now = second;
        publisher.publish(Event::new(namespace, pet).named(event)).expect("the arrivals are valid events");
    }
}

/// `3:04:05 pm (UTC)`
fn time_of_day(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let half = if hour < 12 { "am" } else { "pm" };
    format!("{}:{minute:02}:{second:02} {half} (UTC)", (hour + 11) % 12 + 1)
}
