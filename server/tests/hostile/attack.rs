//! The attacks, and the tool that stands them.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

pub(crate) const ATTACKERS: usize = 2_000;

/// Seconds of one attack, unless the server has closed all its connections before.
const SECONDS: &str = "15";

pub(crate) struct Attack {
    pub(crate) name: &'static str,
    path: &'static str,
    /// The kind, how much and how often: see `slowhttptest -h`.
    arguments: &'static str,
    /// What it may add to the server's memory at most.
    pub(crate) bytes: usize,
}

/// Each connection may make the server keep 16 KiB of a head, or as much of a body as has come, which is less here: 2,000 of
/// them make 32 MiB. Twice that is room for the allocator.
const INPUT_BYTES: usize = 2 * ATTACKERS * (16 << 10);

/// The list of a thousand streams is 300 KB. All who ask share some dozens of it; one for each would be 600 MB.
const OUTPUT_BYTES: usize = 64 << 20;

pub(crate) const ATTACKS: [Attack; 3] = [
    // Heads that never end: one more field every other second.
    Attack { name: "slow heads", path: "/subscribe/pets", arguments: "-H -i 2 -x 24", bytes: INPUT_BYTES },
    // Bodies that never end.
    Attack { name: "slow bodies", path: "/publish/attack", arguments: "-B -i 2 -x 24 -s 65536", bytes: INPUT_BYTES },
    // Answers that hardly anyone takes, and long ones: each lists all streams, and each connection asks three times.
    Attack {
        name: "slow reads",
        path: "/admin/status.json",
        arguments: "-X -n 2 -z 32 -w 10 -y 20 -k 3",
        bytes: OUTPUT_BYTES,
    },
];

/// An attack that goes on; it ends when dropped.
pub(crate) struct Running(Child);

impl Attack {
    pub(crate) fn begin(&self, server: SocketAddr) -> Running {
        let mut command = Command::new("slowhttptest");
        command.args(self.arguments.split(' ')).args(["-c", &ATTACKERS.to_string(), "-r", "1000"]);
        command.args(["-l", SECONDS, "-v", "0", "-u", &format!("http://{server}{}", self.path)]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Running(command.spawn().unwrap())
    }
}

impl Running {
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
