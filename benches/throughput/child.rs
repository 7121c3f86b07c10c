//! The parent's side: a child that serves on a core of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child as Process, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::Duration;

use crate::Result;
use crate::options::CHILD;
use crate::order::{Answer, Order, Published, Setup};
use crate::process;

/// Time that a child is given to start, and to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A child, ended when this is dropped.
pub(crate) struct Child {
    process: Process,
    orders: Option<ChildStdin>,
    answers: Receiver<Answer>,
    pub(crate) address: SocketAddr,
    /// What a stream begins with that is opened before anything is published.
    pub(crate) opening_bytes: u64,
}

impl Child {
    /// Starts this program as a child, and waits until it serves.
    pub(crate) fn start(setup: &Setup) -> Result<Child> {
        Child::start_under(&[], setup)
    }

    /// The same, with another program and its arguments before it.
    pub(crate) fn start_under(wrapper: &[&str], setup: &Setup) -> Result<Child> {
        let this = std::env::current_exe()?;
        let mut command = match wrapper {
            [] => Command::new(this),
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(this);
                command
            }
        };
        let command = command.arg(CHILD).arg(serde_json::to_string(setup)?);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let orders = process.stdin.take();
        let out = process.stdout.take().ok_or("a child without stdout")?;
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(|line| line.ok()) {
                let answer = serde_json::from_str(&line).expect("a child speaks our language");
                // The parent has lost interest if this fails.
                let _ = sender.send(answer);
            }
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut child = Child { process, orders, answers, address: nowhere, opening_bytes: 0 };
        match child.answers.recv_timeout(PATIENCE) {
            Ok(Answer::Serving { address, opening_bytes }) => {
                (child.address, child.opening_bytes) = (address, opening_bytes);
                Ok(child)
            }
            other => Err(format!("the child did not start to serve: {other:?}").into()),
        }
    }

    pub(crate) fn order(&mut self, order: &Order) -> Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        let orders = self.orders.as_mut().ok_or("the child was told to end")?;
        Ok(orders.write_all(&line)?)
    }

    /// What was published, once it is.
    pub(crate) fn published(&self) -> Result<Option<Published>> {
        match self.answers.try_recv() {
            Ok(Answer::Published(published)) => Ok(Some(published)),
            Err(TryRecvError::Empty) => Ok(None),
            other => Err(format!("the child has ended, or says nonsense: {other:?}").into()),
        }
    }

    /// The same, waiting for it.
    pub(crate) fn await_published(&self, patience: Duration) -> Result<Published> {
        match self.answers.recv_timeout(patience) {
            Ok(Answer::Published(published)) => Ok(published),
            other => Err(format!("the child has not published: {other:?}").into()),
        }
    }

    /// Time on its core so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        process::cpu(self.process.id())
    }

    /// Bytes of memory it holds.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        process::resident_bytes(self.process.id())
    }

    /// The most that it has held since [`forget_peak`](Self::forget_peak).
    pub(crate) fn peak_bytes(&self) -> Result<u64> {
        process::peak_bytes(self.process.id())
    }

    pub(crate) fn forget_peak(&self) -> Result<()> {
        process::forget_peak(self.process.id())
    }

    /// Lets it end by itself, and waits until it has.
    pub(crate) fn end(mut self) -> Result<()> {
        self.orders = None;
        match self.answers.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Disconnected) => Ok(self.process.wait().map(|_| ())?),
            other => Err(format!("the child did not end: {other:?}").into()),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only if it has ended already, as it should.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
