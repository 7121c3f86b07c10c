//! System calls, counted by strace. It slows every call down many times over: only the counts mean something, and
//! rates are low, so that the server bears it.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::Result;
use crate::child::Child;
use crate::lab::Lab;
use crate::order::{Pace, Role, Settings};
use crate::report::Section;
use crate::table::{Table, count};

const CONNECTIONS: usize = 100;

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let mut table = Table::new(&["msg/s", "deliveries", "sends", "polls", "others", "calls per delivery"]);
    let title = "System calls".to_owned();
    if Command::new("strace").arg("--version").output().is_err() {
        let text = "Not measured: there is no strace here.".to_owned();
        return Ok(Section { title, text, table, plots: Vec::new() });
    }
    for rate in [10.0, 1_000.0, 20_000.0] {
        let counts = std::env::temp_dir().join(format!("throughput-calls-{}", std::process::id()));
        let file = counts.to_str().ok_or("a directory for temporary files that is no text")?;
        let strace = ["strace", "--follow-forks", "--summary-only", "--output", file];
        let child = Child::start_under(&strace, &lab.setup(Role::Server(Settings::default())))?;
        let trial = lab.clock(CONNECTIONS, Pace::Rate(rate));
        let (outcome, child) = trial.run_with(child)?;
        child.end()?;
        let summary = fs::read_to_string(&counts)?;
        let calls = parse(&summary);
        fs::remove_file(&counts)?;
        lab.report.lose(outcome.lost);
        let number = |names: &[&str]| -> u64 { names.iter().filter_map(|&name| calls.get(name)).sum() };
        // One is the head of each stream's answer.
        let sends = number(&["sendto", "write", "writev", "sendmsg"]).saturating_sub(CONNECTIONS as u64);
        let polls = number(&["epoll_wait", "epoll_pwait", "epoll_pwait2"]);
        // Publishers' naps are theirs alone.
        let naps = number(&["clock_nanosleep", "nanosleep"]);
        let others = calls.values().sum::<u64>() - sends - polls - naps;
        let each = (sends + polls) as f64 / outcome.deliveries as f64;
        let cells = [rate, outcome.deliveries as f64, sends as f64, polls as f64, others as f64, each];
        table.row(cells.map(count).to_vec());
    }
    let text = format!(
        "{CONNECTIONS} connections on one namespace, counted by strace over the server's whole life: what is in *others* \
         starts it and opens the connections. Calls per delivery are sends and polls. Only the counts mean something here."
    );
    Ok(Section { title, text, table, plots: Vec::new() })
}

/// The number of each call in a summary of strace:
///
/// ```text
/// % time     seconds  usecs/call     calls    errors syscall
/// ------ ----------- ----------- --------- --------- ------------------
///  95.31    0.012345           1     12345        67 sendto
/// ```
fn parse(summary: &str) -> BTreeMap<&str, u64> {
    let call = |line| -> Option<(&str, u64)> {
        let cells: Vec<&str> = str::split_ascii_whitespace(line).collect();
        Some((*cells.last()?, cells.get(3)?.parse().ok()?))
    };
    summary.lines().filter_map(call).filter(|(name, _)| *name != "total").collect()
}
