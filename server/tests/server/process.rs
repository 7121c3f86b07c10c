//! A program that serves, as a process.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use crate::support::{PATIENCE, eventually};

/// A process that has said where it listens. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    /// The line that said so.
    pub(crate) line: String,
    output: Receiver<String>,
}

impl Process {
    /// Examples say where they listen on standard output, the server in its log.
    pub(crate) fn start(program: &Path, args: &[&str], env: &[(&str, &str)]) -> Process {
        let mut command = Command::new(program);
        command.args(args).envs(env.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let hint = "`cargo test` without --test builds it";
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}; {hint}", program.display()));
        let is_example = program.parent().is_some_and(|directory| directory.ends_with("examples"));
        let output = match is_example {
            true => lines(child.stdout.take().unwrap()),
            false => lines(child.stderr.take().unwrap()),
        };
        let line = output.recv_timeout(PATIENCE).unwrap();
        let (_, address) = line.split_once("listening on http://").unwrap_or_else(|| panic!("no address in {line:?}"));
        let end = address.find(|c: char| c == '"' || c.is_whitespace()).unwrap_or(address.len());
        let address = address[..end].parse().unwrap();
        Process { child, address, line, output }
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// The next line of what it says.
    pub(crate) fn next_line(&self) -> String {
        self.output.recv_timeout(PATIENCE).unwrap()
    }

    pub(crate) fn wait(mut self) -> ExitStatus {
        eventually(|| self.child.try_wait().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads on, so that no pipe fills up, and no one has to wait for ever.
fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // The test may have seen enough.
            let _ = sender.send(line);
        }
    });
    lines
}
