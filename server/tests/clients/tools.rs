//! What the machine has, and what is installed for the tests.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether `probe`, a command that succeeds where `tool` is usable, does. In CI it must.
pub(crate) fn present(tool: &str, probe: &mut Command) -> bool {
    let status = probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if status.is_ok_and(|status| status.success()) {
        return true;
    }
    let missing = format!("{tool} is not on this machine");
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{missing}: in CI every client runs");
    // Not `eprintln!`, which only a failing test shows.
    let _ = writeln!(io::stderr(), "{missing}: its clients are left out");
    false
}

/// The workspace's target directory.
pub(crate) fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is named after the target directory's tmp/")
}
