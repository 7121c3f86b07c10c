//! Publishing over HTTP: connections that stay open, one request under way on each.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::Duration;

use crate::pace::{Plan, payload};
use crate::program::Posting;
use crate::{Result, cores};

/// Connections. More don't help a server that shares its core with us.
const LANES: u64 = 4;

/// Time given to an answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Poster {
    site: Site,
    core: usize,
    /// What each lane has published, once it is through.
    answers: Option<Receiver<Result<u64, String>>>,
    /// Lanes that are through, and what they published together.
    done: (u64, u64),
}

/// What is known of the server.
#[derive(Clone, Copy, Debug)]
struct Site {
    address: SocketAddr,
    create: Option<&'static str>,
    publish: &'static str,
    after: &'static str,
}

impl Poster {
    /// One that publishes from this core.
    pub(crate) fn new(address: SocketAddr, posting: &Posting, core: usize) -> Poster {
        let Posting { create, publish, after, .. } = *posting;
        Poster { site: Site { address, create, publish, after }, core, answers: None, done: (0, 0) }
    }

    pub(crate) fn lanes(&self) -> u64 {
        LANES
    }

    /// Makes what is to be published to, if the server wants that.
    pub(crate) fn create(&self) -> Result<()> {
        let Some(path) = self.site.create else { return Ok(()) };
        Exchange::open(self.site.address)?.send("PUT", path, "")
    }

    /// Publishes one message, on a connection of its own.
    pub(crate) fn post(&self, data: &str) -> Result<()> {
        Exchange::open(self.site.address)?.publish(&self.site, data)
    }

    /// Begins to publish, on threads of its own.
    pub(crate) fn carry_out(&mut self, plan: Plan) -> Result<()> {
        let (sender, answers) = mpsc::channel();
        self.answers = Some(answers);
        for lane in 0..LANES {
            let (site, core, sender) = (self.site, self.core, sender.clone());
            thread::Builder::new().name(format!("lane {lane}")).spawn(move || {
                // Errors are told as text: the others can't leave their thread. No one may listen any more.
                let _ = sender.send(run_lane(&site, core, &plan, lane).map_err(|error| error.to_string()));
            })?;
        }
        Ok(())
    }

    /// How many messages were published, once all are.
    pub(crate) fn published(&mut self) -> Result<Option<u64>> {
        let answers = self.answers.as_ref().ok_or("nothing is being published")?;
        loop {
            match answers.try_recv() {
                Ok(published) => self.done = (self.done.0 + 1, self.done.1 + published?),
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Disconnected) if self.done.0 == LANES => return Ok(Some(self.done.1)),
                Err(TryRecvError::Disconnected) => return Err("a publishing thread has died".into()),
            }
        }
    }
}

fn run_lane(site: &Site, core: usize, plan: &Plan, lane: u64) -> Result<u64> {
    cores::pin(core)?;
    let mut exchange = Exchange::open(site.address)?;
    let mut failure = None;
    let published = plan.carry_out(lane, LANES, |number| {
        let answered = exchange.publish(site, &payload(number));
        failure = answered.err();
        failure.is_none()
    });
    failure.map_or(Ok(published), Err)
}

/// A connection: requests and their answers, one at a time.
struct Exchange {
    socket: BufReader<TcpStream>,
    line: String,
}

impl Exchange {
    fn open(address: SocketAddr) -> Result<Exchange> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Exchange { socket: BufReader::new(socket), line: String::new() })
    }

    fn publish(&mut self, site: &Site, data: &str) -> Result<()> {
        self.send("POST", site.publish, &[data, site.after].concat())
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> Result<()> {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.socket.get_mut().write_all(request.as_bytes())?;
        self.line()?;
        if !self.line.starts_with("HTTP/1.1 2") {
            return Err(format!("{method} {path} was answered with {}", self.line.trim_end()).into());
        }
        let mut length = 0;
        loop {
            self.line()?;
            if self.line == "\r\n" {
                break;
            }
            if let Some((name, value)) = self.line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        let body = std::io::copy(&mut self.socket.by_ref().take(length), &mut std::io::sink())?;
        if body == length { Ok(()) } else { Err("an answer was cut".into()) }
    }

    /// Reads a line of the head.
    fn line(&mut self) -> Result<()> {
        self.line.clear();
        if self.socket.read_line(&mut self.line)? == 0 {
            return Err("the server closed a connection that publishes".into());
        }
        Ok(())
    }
}
