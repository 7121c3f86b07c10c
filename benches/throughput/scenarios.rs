//! What is measured: one scenario a file.

mod accept;
mod baselines;
mod bounded;
mod calls;
mod chunks;
mod connections;
mod engine;
mod fairness;
mod flush;
mod hierarchy;
mod history;
mod http;
mod memory;
mod mixed;
mod namespaces;
mod publishers;
mod rates;
mod sizes;
mod slow;
mod storm;

use std::fmt::Write as _;

use crate::Result;
use crate::lab::Lab;
use crate::report::Section;

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&mut Lab) -> Result<Section>,
}

pub(crate) const ALL: &[Scenario] = &[
    scenario("baselines", "the server beside bare loops, at 100 msg/s and saturated", baselines::run),
    scenario("chunks", "what the framing of chunks costs, beside a bare loop", chunks::run),
    scenario("rates", "1,000 connections, from 100 msg/s to saturation", rates::run),
    scenario("connections", "1 to 15,000 connections at 100 msg/s", connections::run),
    scenario("sizes", "messages of 16 B to 64 KiB, saturated", sizes::run),
    scenario("namespaces", "1,000 namespaces with one reader each", namespaces::run),
    scenario("hierarchy", "readers on each of 5 levels", hierarchy::run),
    scenario("slow", "one reader in ten slow or stopped", slow::run),
    scenario("fairness", "quiet readers beside 5,000 peers that pipeline", fairness::run),
    scenario("publishers", "1 and 4 publisher threads", publishers::run),
    scenario("http", "publishing over HTTP, singly and in batches", http::run),
    scenario("history", "ids and journal on, beside the same run without", history::run),
    scenario("mixed", "10,000 readers of a namespace of their own and one that all share", mixed::run),
    scenario("storm", "10,000 clients that return at once, each owed 1,000 events", storm::run),
    scenario("bounded", "memory over an hour's traffic, while readers stand still", bounded::run),
    scenario("accept", "streams opened as fast as can be", accept::run),
    scenario("memory", "idle connections", memory::run),
    scenario("flush", "latency against processor time by --flush-interval", flush::run),
    scenario("engine", "the engine alone: publish, match, subscribe", engine::run),
    scenario("calls", "system calls per delivery, counted by strace", calls::run),
];

const fn scenario(name: &'static str, about: &'static str, run: fn(&mut Lab) -> Result<Section>) -> Scenario {
    Scenario { name, about, run }
}

/// The scenarios' names and what they are about.
pub(crate) fn list() -> String {
    let mut list = String::new();
    for Scenario { name, about, .. } in ALL {
        let _ = writeln!(list, "  {name:<12} {about}");
    }
    list
}
