//! Many connections at once: everyone's bytes are right, and idle ones cost little and leave nothing behind.

#[cfg(target_os = "linux")]
#[path = "../support/child.rs"]
mod child;
mod exact;
#[path = "../support/files.rs"]
mod files;
#[cfg(target_os = "linux")]
mod idle;

use files::allow_files;
