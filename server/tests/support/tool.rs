//! What the machine has.

use std::io::{self, Write};
use std::process::{Command, Stdio};

/// Whether `probe`, a command that succeeds where `tool` is usable, does. In CI it must.
pub(crate) fn present(tool: &str, probe: &mut Command) -> bool {
    let status = probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if status.is_ok_and(|status| status.success()) {
        return true;
    }
    let missing = format!("{tool} is not on this machine");
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{missing}: in CI nothing is left out");
    // Not `eprintln!`, which only a failing test shows.
    let _ = writeln!(io::stderr(), "{missing}: what needs it is left out");
    false
}
