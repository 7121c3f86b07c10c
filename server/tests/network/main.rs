//! Peers that leave the network without a word: a phone out of reach, a cable pulled, a machine switched off. Nothing tells
//! the server so, and yet it must not serve them for ever.
//!
//! ```text
//!   the test ──unshare──▶ server, in a network of its own ──unshare──▶ client, in another
//!                                       near ═══════ a cable ═══════ far
//! ```
//! The test runs itself in each of these roles. It takes the better part of a minute, mostly of waiting, so it must be asked
//! for; the gate does. Where networks can't be made, as in most containers, it is not run:
//!
//!   SSE_NETWORK_TEST=1 cargo test -p sse-server --test network

#![cfg(target_os = "linux")]

use std::env;
use std::io::{self, BufRead, BufReader, Lines, Read, StdinLock, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use sse_server::{Config, Server, ServerHandle};

/// Which part of the test this process plays.
const ROLE: &str = "SSE_NETWORK_ROLE";

/// How long a stream may be counted whose client is gone.
const GONE_WITHIN: Duration = Duration::from_secs(45);

const NEAR: [u8; 4] = [192, 0, 2, 1];
const FAR: [u8; 4] = [192, 0, 2, 2];

/// With a comment now and then, with those of the default, and without any: what is sent and not acknowledged ends a
/// connection in another way than silence.
const KEEPALIVES: [Option<Duration>; 3] = [Some(Duration::from_secs(4)), Some(Duration::from_secs(15)), None];

#[test]
fn who_leaves_the_network_is_gone() {
    match env::var(ROLE).as_deref() {
        Ok("server") => serve(),
        Ok("client") => stay(),
        _ if env::var_os("SSE_NETWORK_TEST").is_none() => not_run("set SSE_NETWORK_TEST to wait for it"),
        _ if !can_make_networks() => not_run("`unshare` or `ip` is missing, or may not make a network"),
        _ => {
            let status = in_a_network_of_its_own("server", &["--user", "--map-root-user"]).status().unwrap();
            assert!(status.success(), "{status}");
        }
    }
}

fn not_run(why: &str) {
    // Not `eprintln!`, which only a failing test shows.
    let _ = writeln!(io::stderr(), "NOT RUN: peers that leave the network: {why}");
}

fn can_make_networks() -> bool {
    let mut make = Command::new("unshare");
    make.args(["--user", "--map-root-user", "--net", "ip", "link", "add", "near", "type", "veth"]);
    make.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// This test in a role, behind a new network interface or none.
fn in_a_network_of_its_own(role: &str, more: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.arg("--net").args(more).arg(env::current_exe().unwrap());
    command.args(["--nocapture", "who_leaves_the_network_is_gone"]).env(ROLE, role);
    command
}

fn serve() {
    let mut client = Client::start();
    client.lay_cable();
    let servers = KEEPALIVES.map(server);
    for server in &servers {
        client.subscribe(server.local_addrs()[0]);
    }
    assert!(servers.iter().all(|server| server.connections() == 1));

    client.ip("link set far down");
    let left = Instant::now();
    let mut waiting: Vec<_> = servers.iter().zip(KEEPALIVES).collect();
    while !waiting.is_empty() {
        assert!(left.elapsed() < GONE_WITHIN, "still there: {waiting:?}");
        waiting.retain(|(server, keepalive)| {
            let is_there = server.connections() > 0;
            if !is_there {
                println!("keepalive {keepalive:?}: gone after {:.1} s", left.elapsed().as_secs_f64());
            }
            is_there
        });
        // Only to look not too often: nothing depends on it.
        thread::sleep(Duration::from_millis(100));
    }
}

fn server(keepalive: Option<Duration>) -> ServerHandle {
    let listen = vec![(NEAR, 0).into()];
    Server::bind(Config { listen, workers: 1, keepalive, ..Config::default() }).unwrap().spawn().unwrap()
}

/// The client's process, as the server sees it.
struct Client {
    process: Child,
    said: BufReader<ChildStdout>,
}

impl Client {
    fn start() -> Client {
        let mut command = in_a_network_of_its_own("client", &[]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        let mut client = Client { process, said };
        client.expect(HERE);
        client
    }

    /// Connects both networks.
    fn lay_cable(&self) {
        let [near, far] = [NEAR, FAR].map(|address| Ipv4Addr::from(address).to_string());
        let pid = self.process.id();
        run("ip", &format!("link add near type veth peer name far netns {pid}"));
        run("ip", &format!("address add {near}/24 dev near"));
        run("ip", "link set near up");
        self.ip(&format!("address add {far}/24 dev far"));
        self.ip("link set far up");
    }

    /// Configures the client's side.
    fn ip(&self, arguments: &str) {
        run("nsenter", &format!("--net --target {} ip {arguments}", self.process.id()));
    }

    fn subscribe(&mut self, server: SocketAddr) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{server}").unwrap();
        self.expect(SUBSCRIBED);
    }

    /// Reads past what the test harness says.
    fn expect(&mut self, word: &str) {
        let mut lines = self.said.by_ref().lines().map(Result::unwrap);
        assert!(lines.any(|line| line.ends_with(word)), "the client never said {word:?}");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have failed before.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn run(program: &str, arguments: &str) {
    let status = Command::new(program).args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "{program} {arguments}: {status}");
}

/// What the client says.
const HERE: &str = "I am here.";
const SUBSCRIBED: &str = "I am subscribed.";

/// Subscribes at each address that it is told, and stays until it is killed.
fn stay() {
    println!("{HERE}");
    let addresses: Lines<StdinLock<'_>> = io::stdin().lock().lines();
    let mut streams = Vec::new();
    for address in addresses.map_while(Result::ok) {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET /subscribe/a HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        streams.push(stream);
        println!("{SUBSCRIBED}");
    }
}
