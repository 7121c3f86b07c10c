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
    keepalive: &'static str,
}

impl Server {
    /// A server whose streams get a comment every `keepalive`; `0` is never.
    pub(crate) fn start(keepalive: &'static str) -> Server {
        Server::start_at("127.0.0.1:0", keepalive)
    }

    /// Kills the server and starts another at the same address.
    pub(crate) fn restart(self) -> Server {
        let Server { process, address, keepalive } = self;
        drop(process);
        Server::start_at(&address.to_string(), keepalive)
    }

    fn start_at(listen: &str, keepalive: &'static str) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sse-server"));
        let mut process = Process::read_stderr(command.args(["--listen", listen, "--keepalive", keepalive]));
        let address = process.find(|line| {
            let (_, address) = line.split_once("listening on http://")?;
            address.split_whitespace().next()?.parse().ok()
        });
        Server { process, address, keepalive }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Publishes `data`; an empty `name` is none.
    #[track_caller]
    pub(crate) fn publish(&self, namespace: &str, name: &str, data: &str) {
        let event = if name.is_empty() { String::new() } else { format!("?event={name}") };
        let (status, answer) = request(self.address, "POST", &format!("/publish{namespace}{event}"), data);
        assert_eq!(status, 200, "{answer}");
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
