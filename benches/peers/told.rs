//! The publisher within a server's process, which does as the harness says: lines on stdin, answers on stdout.
//!
//! ```text
//!                                 ──▶  serving ADDRESS
//!   prime                         ◀──  one message without a number: some servers send no head before the first
//!   publish COUNT INTERVAL START  ◀──  a plan
//!                                 ──▶  published COUNT
//!   end of input                  ◀──  the harness has gone
//! ```
//!
//! This file is also a part of the axum peer's program: it needs nothing but std and the plan.

use std::io::{self, Write};
use std::net::SocketAddr;

use crate::pace::{Plan, payload};

/// As long as the others, and no number.
pub(crate) const PRIME: &str = "to open a stream";

/// Says where it serves, then obeys until the harness has gone.
pub(crate) fn obey(address: SocketAddr, mut publish: impl FnMut(String)) -> io::Result<()> {
    say(&format!("serving {address}"))?;
    for line in io::stdin().lines() {
        let line = line?;
        if line == "prime" {
            publish(PRIME.to_owned());
            continue;
        }
        let plan = line.strip_prefix("publish ").and_then(|plan| plan.parse::<Plan>().ok());
        let plan = plan.ok_or_else(|| io::Error::other(format!("an order that means nothing: {line}")))?;
        let published = plan.carry_out(0, 1, |number| {
            publish(payload(number));
            true
        });
        say(&format!("published {published}"))?;
    }
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
