//! How many connections the system's limit on file descriptors allows.

use std::iter;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sse_net::EXCESS_CONNECTIONS;

/// Descriptors left for everything that is no connection: standard streams, logs, and what an embedder has open.
const RESERVE: u64 = 128;

/// Descriptors of each worker's own: its poll, its waker and its listeners, of which there are a few, and the connections
/// beyond the limit while they are told so.
const RESERVE_PER_WORKER: u64 = 16 + EXCESS_CONNECTIONS as u64;

/// As many connections as descriptors allow beside so many workers, after raising the soft limit to the hard one.
pub(crate) fn connections_allowed(workers: usize) -> usize {
    less_a_reserve(raise_descriptor_limit(), workers as u64)
}

fn less_a_reserve(limit: u64, workers: u64) -> usize {
    // A limit too small for the reserve is shared out instead, three parts to connections.
    let reserve = (RESERVE + RESERVE_PER_WORKER.saturating_mul(workers)).min(limit / 4);
    usize::try_from(limit - reserve).unwrap_or(usize::MAX).max(1)
}

/// Some systems name a hard limit (often none) that they then don't grant: these are tried next, before the soft limit
/// is left as it is.
const FALLBACKS: [u64; 3] = [1 << 20, 1 << 16, 10_240];

fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let above = |&number: &u64| limit.current.is_some_and(|current| current < number);
    let fallbacks = FALLBACKS.into_iter().filter(above).map(Some);
    let raised = iter::once(limit.maximum)
        .chain(fallbacks)
        .find(|&current| setrlimit(Resource::Nofile, Rlimit { current, maximum: limit.maximum }).is_ok());
    raised.unwrap_or(limit.current).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_worker_has_descriptors_of_its_own() {
        for (limit, workers, connections) in
            [(1024, 1, 816), (1024, 2, 768), (20_000, 40, 16_672), (100, 64, 75), (1, 1, 1)]
        {
            assert_eq!(less_a_reserve(limit, workers), connections, "{limit} descriptors, {workers} workers");
        }
    }
}
