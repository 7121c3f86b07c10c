//! The time, every second, on `/time`; and a page at `/` that shows it.
//!
//! ```text
//! cargo run --example clock [ADDRESS]
//! curl -N localhost:8001/subscribe/time
//! ```

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, thread};

use sse_server::http::Method;
use sse_server::{Config, Event, Publisher, Reply, Server};

fn main() -> Result<(), Box<dyn Error>> {
    let listen = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let server = Server::builder()
        .config(Config { listen: vec![listen.parse()?], ..Config::default() })
        .route(Method::GET, "/", |_| Reply::html(include_str!("clock.html")))
        .bind()?;
    println!("listening on http://{}", server.local_addrs()[0]);

    let publisher = server.publisher();
    thread::spawn(move || tick(&publisher));
    Ok(server.run()?)
}

fn tick(publisher: &Publisher) {
    loop {
        let time = time_of_day(SystemTime::now());
        publisher.publish(Event::new("/time", &time)).expect("the namespace and the time are valid");
        thread::sleep(Duration::from_secs(1));
    }
}

/// `3:04:05 pm (UTC)`
fn time_of_day(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let half = if hour < 12 { "am" } else { "pm" };
    format!("{}:{minute:02}:{second:02} {half} (UTC)", (hour + 11) % 12 + 1)
}
