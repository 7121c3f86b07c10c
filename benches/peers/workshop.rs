//! Where a peer is fetched and built: a folder of its own beneath `target/peers`.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::Result;
use crate::deadline::Deadline;

#[derive(Debug)]
pub(crate) struct Workshop {
    pub(crate) folder: PathBuf,
    deadline: Deadline,
}

impl Workshop {
    /// The folder of this peer, made if need be. Nothing may be under way in it after the deadline.
    pub(crate) fn open(peer: &str, deadline: Deadline) -> Result<Workshop> {
        let folder = root()?.join(peer);
        fs::create_dir_all(&folder)?;
        Ok(Workshop { folder, deadline })
    }

    /// Writes a file, unless it is there and says the same: what is built from it stays fresh.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
            return Ok(());
        }
        Ok(fs::write(path, text)?)
    }

    /// A command that runs in the folder.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder);
        command
    }

    /// Runs a command to its end. What it says goes into `build.log`; the last of it is the error if it fails.
    pub(crate) fn run(&self, mut command: Command) -> Result<()> {
        let program = command.get_program().to_string_lossy().into_owned();
        let path = self.folder.join("build.log");
        let log = File::create(&path)?;
        // A group of its own, so that what it starts ends with it.
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let mut process = command.spawn().map_err(|error| format!("{program}: {error}"))?;
        let status = loop {
            if let Some(status) = process.try_wait()? {
                break status;
            }
            if self.deadline.is_over() {
                // It fails only if the process has ended meanwhile.
                let _ = kill_process_group(Pid::from_child(&process), Signal::KILL);
                process.wait()?;
                return Err(format!("no time left for {program}; what it has built is kept for the next run").into());
            }
            thread::sleep(Duration::from_millis(50));
        };
        if status.success() { Ok(()) } else { Err(format!("{program}: {}", last_words(&path)).into()) }
    }
}

/// `target/peers`.
pub(crate) fn root() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    // target/release/deps/peers-…
    let target = this.ancestors().nth(3).ok_or("the program lies in no target directory")?;
    Ok(target.join("peers"))
}

/// The line of a log that says most about a failure: the last with `error` in it, or the last at all.
pub(crate) fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines = || text.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let says_error = |line: &&str| ["error", "403", "denied", "emerg"].iter().any(|word| line.contains(word));
    lines().find(says_error).or_else(|| lines().next()).unwrap_or("it said nothing").to_owned()
}
