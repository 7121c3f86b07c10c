//! Many connections at once: everyone's bytes are right, and idle ones cost little and leave nothing behind.

mod exact;
#[cfg(target_os = "linux")]
mod idle;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Lets this process have `files` descriptors.
fn allow_files(files: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.current.map(|current| current.max(files));
    setrlimit(Resource::Nofile, limit).expect("the hard limit on file descriptors (ulimit -Hn) allows the crowd");
}
