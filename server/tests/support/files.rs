//! How many files this process may open; what it starts may open as many.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Lets this process have `files` descriptors.
pub(crate) fn allow_files(files: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.current.map(|current| current.max(files));
    setrlimit(Resource::Nofile, limit).expect("the hard limit on file descriptors (ulimit -Hn) allows the crowd");
}
