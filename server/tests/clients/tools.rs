//! What the machine has, and what is installed for the tests.

use std::path::Path;

#[path = "../support/tool.rs"]
mod tool;

pub(crate) use tool::present;

/// The workspace's target directory.
pub(crate) fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is named after the target directory's tmp/")
}
