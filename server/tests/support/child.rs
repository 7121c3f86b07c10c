//! The server as a process of its own, and what the kernel says of it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::{fs, thread};

/// Killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Listens on a port that the system picks.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sse-server"));
        command.args(["--listen", "127.0.0.1:0"]).args(arguments).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on http://") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "the server says where it listens");
        }
        let (_, address) = line.trim_end().split_once("http://").unwrap();
        let address = address.parse().unwrap();
        // A log that nobody reads would stop the server. What is more than a warning explains a failure.
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if ![" INFO ", " WARN "].iter().any(|level| line.contains(level)) {
                    let _ = writeln!(io::stderr(), "server: {line}");
                }
            }
        });
        Self { child, address }
    }

    /// A line of `/proc/PID/status`, in bytes where it is a size.
    pub(crate) fn status(&self, name: &str) -> usize {
        let status = fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
        match line.trim().split_once(" kB") {
            Some((kilobytes, _)) => kilobytes.parse::<usize>().unwrap() << 10,
            None => line.trim().parse().unwrap(),
        }
    }

    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(self.proc("fd")).unwrap().count()
    }

    /// The path of a file that the kernel has for it.
    pub(crate) fn proc(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
