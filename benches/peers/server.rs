//! A server that runs, on the servers' core.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use crate::pace::Plan;
use crate::post::Poster;
use crate::program::{Kind, Posting, Program};
use crate::told::PRIME;
use crate::{Result, cores, process, workshop};

/// Time given to a server to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server and what publishes to it.
pub(crate) struct Server {
    process: Process,
    pub(crate) address: SocketAddr,
    publisher: Publisher,
}

enum Publisher {
    /// In the server's process.
    Told { orders: ChildStdin, answers: Receiver<String> },
    /// Threads of this process, on the server's core.
    Posted(Poster),
}

/// The servers' core, and this process's.
pub(crate) type Cores = (usize, usize);

impl Server {
    /// Starts it, and waits until it serves.
    pub(crate) fn start(program: &Program, cores: Cores) -> Result<Server> {
        match &program.kind {
            Kind::Told { arguments } => Server::start_told(program, arguments, cores),
            Kind::Posted(posting) => Server::start_posted(program, posting, cores),
        }
    }

    fn start_told(program: &Program, arguments: &[String], cores: Cores) -> Result<Server> {
        let mut command = Command::new(&program.file);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start(command, &program.folder, cores)?;
        let orders = process.0.stdin.take().ok_or("a server without stdin")?;
        let out = process.0.stdout.take().ok_or("a server without stdout")?;
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            // Whoever no longer listens has dropped the server.
            BufReader::new(out).lines().map_while(|line| line.ok()).try_for_each(|line| sender.send(line))
        });
        let answer = answers.recv_timeout(PATIENCE).map_err(|_| workshop::last_words(&program.folder.join(LOG)))?;
        let address = answer.strip_prefix("serving ").ok_or("the server says nonsense")?.parse()?;
        Ok(Server { process, address, publisher: Publisher::Told { orders, answers } })
    }

    fn start_posted(program: &Program, posting: &Posting, cores: Cores) -> Result<Server> {
        // These servers can't say which port they were given: one that was free a moment ago must do.
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let mut command = (posting.launch)(&program.file, &program.folder, address.port())?;
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let process = Process::start(command, &program.folder, cores)?;
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if start.elapsed() > PATIENCE {
                return Err(workshop::last_words(&program.folder.join(LOG)).into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        let poster = Poster::new(address, posting, cores.0);
        poster.create()?;
        Ok(Server { process, address, publisher: Publisher::Posted(poster) })
    }

    /// How many publish at once, each in an order of its own.
    pub(crate) fn publishers(&self) -> u64 {
        match &self.publisher {
            Publisher::Told { .. } => 1,
            Publisher::Posted(poster) => poster.lanes(),
        }
    }

    /// Publishes a message without a number.
    pub(crate) fn prime(&mut self) -> Result<()> {
        match &mut self.publisher {
            Publisher::Told { orders, .. } => Ok(writeln!(orders, "prime")?),
            Publisher::Posted(poster) => poster.post(PRIME),
        }
    }

    /// Begins to publish.
    pub(crate) fn publish(&mut self, plan: &Plan) -> Result<()> {
        match &mut self.publisher {
            Publisher::Told { orders, .. } => Ok(writeln!(orders, "publish {plan}")?),
            Publisher::Posted(poster) => poster.carry_out(*plan),
        }
    }

    /// How many messages were published, once all are.
    pub(crate) fn published(&mut self) -> Result<Option<u64>> {
        match &mut self.publisher {
            Publisher::Told { answers, .. } => match answers.try_recv() {
                Ok(answer) => Ok(Some(answer.strip_prefix("published ").ok_or("the server says nonsense")?.parse()?)),
                Err(TryRecvError::Empty) => Ok(None),
                Err(TryRecvError::Disconnected) => Err("the server has ended".into()),
            },
            Publisher::Posted(poster) => poster.published(),
        }
    }

    /// Time it has had on its core.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        process::cpu(self.process.0.id())
    }

    /// Bytes of memory it holds.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        process::resident_bytes(self.process.0.id())
    }
}

/// What a server writes to stderr, in its folder.
const LOG: &str = "server.log";

/// A process, killed when this is dropped.
struct Process(Child);

impl Process {
    /// Starts it on the servers' core.
    fn start(mut command: Command, folder: &Path, (core, ours): Cores) -> Result<Process> {
        command.stderr(File::create(folder.join(LOG))?);
        // It inherits our core.
        cores::pin(core)?;
        let child = command.spawn();
        cores::pin(ours)?;
        Ok(Process(child?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
