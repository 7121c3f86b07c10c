//! Those who publish: through the library and over HTTP, in bursts.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use sse_server::{Event, EventId};

use crate::PATIENCE;
use crate::events::Issue;
use crate::life::Life;
use crate::world::{Phase, Sentry, World};

/// How a publisher hands its events in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Library,
    /// One a request, or several.
    Http,
}

/// The longest rest between two bursts: readers shall be caught up at times, and far behind at others.
const REST: Duration = Duration::from_millis(40);

/// Publishes until the world closes.
pub(crate) fn publish(world: &World, publisher: u16, way: Way, mut random: Rng) {
    let _sentry = Sentry(world);
    let mut next = 0;
    while world.phase() == Phase::Open {
        let burst = random.u32(1..=60);
        if let Err(what) = publish_burst(world, publisher, way, next..next + burst, &mut random) {
            return world.fail(format!("publisher {publisher}, {way:?}: {what}"));
        }
        next += burst;
        thread::park_timeout(REST.mul_f64(random.f64()));
    }
}

fn publish_burst(world: &World, publisher: u16, way: Way, numbers: Range<u32>, random: &mut Rng) -> Result<(), String> {
    if way == Way::Http && random.u8(..4) == 0 {
        return world.publish_batch(publisher, numbers, post_batch);
    }
    numbers.into_iter().try_for_each(|number| match way {
        Way::Library => world.publish(publisher, number, |life, issue| {
            let data = issue.manuscript();
            let event = Event::new(issue.path(), &data).named(issue.name);
            life.publisher.publish(event).map_err(|error| error.to_string())
        }),
        Way::Http => world.publish(publisher, number, post),
    })
}

fn post(life: &Life, issue: &Issue) -> Result<EventId, String> {
    // `ö` and `ß` as a URL has them.
    let name = issue.name.replace('ö', "%C3%B6").replace('ß', "%C3%9F");
    let target = format!("/publish{}?event={name}", issue.path());
    let answer = request(life.address, &target, "text/plain", &issue.manuscript())?;
    id_in(&answer, "id")
}

fn post_batch(life: &Life, issues: &[Issue]) -> Result<EventId, String> {
    let line = |issue: &Issue| {
        let event = Some(issue.name).filter(|name| !name.is_empty());
        json!({ "namespace": issue.path(), "event": event, "data": issue.manuscript() }).to_string()
    };
    let lines: Vec<_> = issues.iter().map(line).collect();
    let answer = request(life.address, "/publish", "application/x-ndjson", &lines.join("\n"))?;
    match answer["published"].as_u64() == Some(issues.len() as u64) {
        true => id_in(&answer, "last_id"),
        false => Err(format!("{} events, answered with {answer}", issues.len())),
    }
}

fn id_in(answer: &Value, field: &str) -> Result<EventId, String> {
    answer[field].as_str().and_then(|id| id.parse().ok()).ok_or_else(|| format!("no id in {answer}"))
}

fn request(address: SocketAddr, target: &str, kind: &str, body: &str) -> Result<Value, String> {
    let answer = exchange(address, target, kind, body).map_err(|error| format!("POST {target}: {error}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("no head in {answer:?}"))?;
    match head.starts_with("HTTP/1.1 200 ") {
        true => serde_json::from_str(body).map_err(|error| format!("{error} in {body:?}")),
        false => Err(format!("POST {target}: {answer}")),
    }
}

fn exchange(address: SocketAddr, target: &str, kind: &str, body: &str) -> io::Result<String> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    let head = format!("Host: {address}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close");
    socket.write_all(format!("POST {target} HTTP/1.1\r\n{head}\r\n\r\n{body}").as_bytes())?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}
