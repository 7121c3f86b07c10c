//! When connections are taken up.

use super::*;
use crate::config::EXCESS_CONNECTIONS;

/// The worker's pause after a failure to accept, which ends with a tick.
fn backoff(tries: u32) -> Duration {
    ticks(tries * Duration::from_millis(100).as_nanos().div_ceil(TICK.as_nanos()) as u32)
}

/// Each client that comes is an edge. None of them is a reason to try again before the pause is over.
#[test]
fn a_lack_of_descriptors_is_waited_out() {
    let mut stage = Stage::new(Config::default());
    stage.world.borrow_mut().without_descriptors = usize::MAX;
    for tries in 1..10 {
        for _ in 0..3 {
            stage.connect("");
        }
        assert_eq!(stage.handle.counters().accept_errors, u64::from(tries));
        stage.run_through(backoff(tries), |stage| stage.handle.counters().accept_errors == u64::from(tries));
    }
    stage.world.borrow_mut().without_descriptors = 0;
    stage.run_through(backoff(10), |stage| stage.handle.counters().accepted == 0);
    assert_eq!((stage.handle.counters().accepted, stage.handle.counters().accept_errors), (27, 10));
    // Nor is an edge passed over once all is well.
    stage.connect("");
    assert_eq!(stage.handle.connections(), 28);
}

#[test]
fn a_connection_in_excess_has_less_time() {
    let mut stage = Stage::new(Config { max_connections: 1, ..Config::default() });
    let first = stage.connect("");
    let excess = stage.connect("");
    stage.run_through(Duration::from_secs(2), |stage| !stage.is_over(excess));
    assert!(stage.is_over(excess) && !stage.is_over(first));
    stage.run_through(Duration::from_secs(10), |stage| !stage.is_over(first));
    assert!(stage.is_over(first));
}

#[test]
fn far_too_many_connections_are_dropped() {
    let mut stage = Stage::new(Config { max_connections: 0, ..Config::default() });
    let excess: Vec<_> = (0..EXCESS_CONNECTIONS).map(|_| stage.connect("")).collect();
    let dropped = stage.connect("");
    assert!(stage.is_over(dropped) && excess.iter().all(|&wire| !stage.is_over(wire)));
    assert_eq!(stage.handle.connections(), EXCESS_CONNECTIONS);
    assert_eq!(stage.handle.counters().accepted, EXCESS_CONNECTIONS as u64 + 1);
}
