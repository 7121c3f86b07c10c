//! A greeting every two seconds on `/events`: a route of the program's own instead of `/subscribe/…`. The page at `/`
//! fills a table from it.
//!
//! ```text
//! cargo run --example broker [ADDRESS]
//! curl -N localhost:8001/events
//! ```

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, thread};

use sse_server::http::Method;
use sse_server::{Config, Event, Filter, Publisher, Reply, Server};

fn main() -> Result<(), Box<dyn Error>> {
    let listen = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let events = Filter::parse("/events")?;
    let server = Server::builder()
        .config(Config { listen: vec![listen.parse()?], ..Config::default() })
        .route(Method::GET, "/", |_| Reply::html(include_str!("broker.html")))
        .route(Method::GET, "/events", move |_| Reply::subscribe(events.clone()))
        .bind()?;
    println!("listening on http://{}", server.local_addrs()[0]);

    let publisher = server.publisher();
    thread::spawn(move || greet(&publisher));
    Ok(server.run()?)
}

fn greet(publisher: &Publisher) {
    loop {
        let now = SystemTime::now();
        let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let message = format!("Hello at {}", httpdate::fmt_http_date(now));
        let json = format!(r#"{{"timestamp":{timestamp},"message":"{message}"}}"#);
        publisher.publish(Event::new("/events", &json)).expect("the namespace and the JSON are valid");
        thread::sleep(Duration::from_secs(2));
    }
}
