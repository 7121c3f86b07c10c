//! Child processes that are read line by line.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Longer than any answer takes on a busy machine, a browser's start and a reconnection included: a client that hangs
/// is a failure, not a run without end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A child process and the lines it prints; it is killed and reaped when dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn read_stdout(command: &mut Command) -> Process {
        let mut child = spawn(command.stdout(Stdio::piped()));
        let lines = lines(child.stdout.take().expect("it is piped"));
        Process { child, lines }
    }

    pub(crate) fn read_stderr(command: &mut Command) -> Process {
        let mut child = spawn(command.stderr(Stdio::piped()));
        let lines = lines(child.stderr.take().expect("it is piped"));
        Process { child, lines }
    }

    /// The next line, with its end.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("the process says more")
    }

    /// The next line, with its end; `None` if there is no more, or none in time.
    pub(crate) fn line_within(&mut self, patience: Duration) -> Option<String> {
        self.lines.recv_timeout(patience).ok()
    }

    /// The first thing that `find` makes of a line.
    #[track_caller]
    pub(crate) fn find<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        loop {
            if let Some(found) = find(&self.line()) {
                return found;
            }
        }
    }

    /// Everything to the end, which must be a success.
    #[track_caller]
    pub(crate) fn rest(mut self) -> String {
        let mut rest = String::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => rest.push_str(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("no end after {rest:?}"),
            }
        }
        let status = self.child.wait().expect("a child can be waited for");
        assert!(status.success(), "{status} after {rest:?}");
        rest
    }
}

impl Process {
    /// Kills and reaps it.
    pub(crate) fn end(&mut self) {
        // It may have ended by itself; reaping it is what matters.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// The lines of `pipe` as they come, shown too if the test fails.
fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let mut pipe = BufReader::new(pipe);
    thread::spawn(move || -> io::Result<()> {
        loop {
            let mut line = Vec::new();
            if pipe.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            eprint!("{line:.400}");
            // Reading goes on when no one listens: a full pipe would stop the process.
            let _ = sender.send(line);
        }
    });
    receiver
}
