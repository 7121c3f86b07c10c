//! Which process runs on which core.

#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Result;

/// The cores for the server and for its clients: the first two that we may use. With only one they share it, and
/// the figures say little.
#[cfg(target_os = "linux")]
pub(crate) fn pair() -> Result<(usize, usize)> {
    let allowed = sched_getaffinity(None)?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
    let server = cores.next().ok_or("no core to run on")?;
    Ok((server, cores.next().unwrap_or(server)))
}

/// Keeps this thread, and those it will start, on one core.
#[cfg(target_os = "linux")]
pub(crate) fn pin(core: usize) -> Result<()> {
    let mut only = CpuSet::new();
    only.set(core);
    Ok(sched_setaffinity(None, &only)?)
}

/// Elsewhere the system decides.
#[cfg(not(target_os = "linux"))]
pub(crate) fn pair() -> Result<(usize, usize)> {
    Ok((0, 1))
}

/// Elsewhere the system decides.
#[cfg(not(target_os = "linux"))]
pub(crate) fn pin(_core: usize) -> Result<()> {
    Ok(())
}
