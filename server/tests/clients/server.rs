//! The server under test: the program itself, on a port of its own.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::http::{request, send};
use crate::process::{PATIENCE, Process};

pub(crate) struct Server {
    process: Process,
    address: SocketAddr,
}

impl Server {
    /// A server whose streams get a comment every `keepalive`; `0` is never.
    pub(crate) fn start(keepalive: &str) -> Server {
        Server::start_with(&["--keepalive", keepalive])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Server {
        let (process, address) = start_at("127.0.0.1:0", arguments);
        Server { process, address }
    }

    /// Kills the server and starts another at the same address.
    pub(crate) fn replace_with(&mut self, arguments: &[&str]) {
        self.process.end();
        (self.process, _) = start_at(&self.address.to_string(), arguments);
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Publishes `data`; an empty `name` is none. Gives the event's id.
    #[track_caller]
    pub(crate) fn publish(&self, namespace: &str, name: &str, data: &str) -> String {
        let event = if name.is_empty() { String::new() } else { format!("?event={name}") };
        let (status, answer) = request(self.address, "POST", &format!("/publish{namespace}{event}"), data);
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
        answer["id"].as_str().expect("an event has an id").to_owned()
    }

    /// A subscriber that names itself `agent`, connected when this returns.
    #[track_caller]
    pub(crate) fn subscribe(&self, namespace: &str, agent: &str) -> TcpStream {
        let agent = format!("User-Agent: {agent}\r\n");
        let answer = send(self.address, "GET", &format!("/subscribe{namespace}"), &agent, "");
        let (status, _, stream) = answer.expect("the server answers");
        assert_eq!(status, 200);
        stream.into_inner()
    }

    /// Returns when the server's own list has a subscriber of `namespace`.
    #[track_caller]
    pub(crate) fn wait_for_subscriber(&self, namespace: &str) {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let (_, status) = request(self.address, "GET", "/admin/status.json", "");
            let status: Value = serde_json::from_str(&status).expect("status.json is JSON");
            let connections = status["connections"].as_array().expect("connections are listed");
            if connections.iter().any(|connection| connection["namespace"] == namespace) {
                return;
            }
        }
        panic!("no one subscribed to {namespace}");
    }
}

fn start_at(listen: &str, arguments: &[&str]) -> (Process, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sse-server"));
    let mut process = Process::read_stderr(command.args(["--listen", listen]).args(arguments));
    let address = process.find(|line| {
        let (_, address) = line.split_once("listening on http://")?;
        address.split_whitespace().next()?.parse().ok()
    });
    (process, address)
}
