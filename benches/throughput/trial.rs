//! One run: a child, readers, a plan to publish, and what came of it.

use std::time::{Duration, Instant};

use sse_server::load::{Client, Observer, Reading, Target, Timing, now_ns};

use crate::Result;
use crate::child::Child;
use crate::order::{Order, Pace, Plan, Published, Role, Setup};
use crate::outcome::{Latency, Outcome};
use crate::process;
use crate::readers::{Manner, Readers};

/// Connections under way at once while they are opened.
const IN_FLIGHT: usize = 256;

/// From the order to publish until the first event is due.
const LEAD: Duration = Duration::from_millis(20);

/// The first part of a run, whose latencies don't count: sockets and logs grow to their size in it.
const WARM_UP: f64 = 0.1;

/// How long readers may go without a byte, once everything is published, before what is missing is lost; and how long
/// connections may take to be opened. Long, so that a busy machine is not taken for a loss.
const PATIENCE: Duration = Duration::from_secs(10);

/// Time between two words to the publisher about how far its readers are.
const CREDIT_PERIOD: Duration = Duration::from_millis(1);

/// The longest that a turn waits for something to read.
const TURN: Duration = Duration::from_millis(1);

/// How long the client looks for more without sleeping: woken up for each message of a pass, it would make the server
/// pay for the waking. (On a virtual machine with two cores that took a fifth of the bare saturated rate.)
const VIGIL: Duration = Duration::from_micros(200);

/// Events that the client parses a second: what it bears beside counting the bytes of all connections.
const PARSED_PER_SECOND: f64 = 500_000.0;

/// Connections parsed at least.
const MIN_PARSED: usize = 4;

/// Time between two sips of a slow reader, and what it sips.
const SIP_PERIOD: Duration = Duration::from_millis(100);
const SIP_BYTES: usize = 4 << 10;

/// A run to be made.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub(crate) role: Role,
    pub(crate) readers: Vec<Readers>,
    pub(crate) namespaces: Vec<String>,
    pub(crate) data_bytes: usize,
    pub(crate) threads: u64,
    pub(crate) pace: Pace,
    pub(crate) length: Duration,
}

impl Trial {
    pub(crate) fn run(&self, core: usize) -> Result<Outcome> {
        let child = Child::start(&Setup { core, role: self.role.clone() })?;
        self.run_with(child).map(|(outcome, _)| outcome)
    }

    /// The same with a child that serves already; gives it back.
    pub(crate) fn run_with(&self, child: Child) -> Result<(Outcome, Child)> {
        self.run_watched(child, &mut |_| Ok(()))
    }

    /// The same, calling `watch` again and again while it publishes.
    pub(crate) fn run_watched(&self, child: Child, watch: &mut Watch<'_>) -> Result<(Outcome, Child)> {
        let namespaces = &self.namespaces;
        let share = |readers: &Readers| (readers.covered(namespaces).max(1), namespaces.len() as u64);
        let shares = self.readers.iter().map(share).collect();
        let mut run =
            Run { trial: self, members: self.members(), shares, client: Client::new()?, active: Instant::now(), child };
        run.open()?;
        let outcome = run.publish(watch)?;
        Ok((outcome, run.child))
    }

    fn members(&self) -> Vec<usize> {
        let members = self.readers.iter().enumerate();
        members.flat_map(|(index, readers)| std::iter::repeat_n(index, readers.count)).collect()
    }

    fn plan(&self) -> Plan {
        Plan {
            namespaces: self.namespaces.clone(),
            data_bytes: self.data_bytes,
            threads: self.threads,
            pace: self.pace,
            start_ns: now_ns() + LEAD.as_nanos() as u64,
            length_ns: self.length.as_nanos() as u64,
        }
    }

    /// Every how manyth connection is parsed.
    fn parse_every(&self, connections: usize) -> usize {
        let rate = match self.pace {
            Pace::Rate(rate) => rate,
            Pace::Ahead(_) => f64::INFINITY,
        };
        // If readers differ, the one who gets most counts.
        let most = self.readers.iter().map(|readers| readers.covered(&self.namespaces)).max().unwrap_or(1).max(1);
        let each = rate * most as f64 / self.namespaces.len() as f64;
        let parsed = ((PARSED_PER_SECOND / each) as usize).clamp(MIN_PARSED, connections.max(MIN_PARSED));
        (connections / parsed).max(1)
    }
}

/// What else is to be done while a trial publishes.
pub(crate) type Watch<'a> = dyn FnMut(&Child) -> Result<()> + 'a;

/// A trial under way.
struct Run<'a> {
    trial: &'a Trial,
    /// For each connection, the index of its readers.
    members: Vec<usize>,
    /// For each readers, how many of the namespaces they cover, and of how many.
    shares: Vec<(u64, u64)>,
    client: Client,
    /// When bytes came last.
    active: Instant,
    child: Child,
}

impl Run<'_> {
    fn open(&mut self) -> Result<()> {
        let address = self.child.address;
        let targets: Vec<Target> = self.trial.readers.iter().map(|readers| readers.target(address)).collect();
        let every = self.trial.parse_every(self.members.len());
        for index in 0..self.members.len() {
            let member = self.members[index];
            let reading = match self.trial.readers[member].manner {
                // The middle of each stretch, so that neither end of a pass is favoured.
                Manner::Keen if index % every == every / 2 => Reading::Events,
                Manner::Keen => Reading::Bytes,
                Manner::Slow | Manner::Stopped => Reading::Nothing,
            };
            self.client.connect(&targets[member], reading);
            self.client.await_opening(IN_FLIGHT, PATIENCE)?;
        }
        let opened = self.client.await_opening(0, PATIENCE)?;
        match self.client.first_failure() {
            Some(failure) => Err(format!("a connection failed: {failure}").into()),
            None if !opened => Err("connections were not answered".into()),
            None => Ok(()),
        }
    }

    fn publish(&mut self, watch: &mut Watch<'_>) -> Result<Outcome> {
        let (cpu_before, our_cpu_before) = (self.child.cpu()?, process::cpu(std::process::id())?);
        let plan = self.trial.plan();
        self.client.observe(self.observer(&plan));
        self.child.order(&Order::Publish(plan.clone()))?;
        let published = self.read_while_publishing(watch)?;
        let end_ns = self.read_the_rest(&published)?;
        let cpu = self.child.cpu()? - cpu_before;
        let our_cpu = process::cpu(std::process::id())? - our_cpu_before;
        let expected = self.expected(&published);
        let missing: u64 = self.keen().map(|index| expected[index].abs_diff(self.received(index))).sum();
        let observer = self.client.observer();
        let bytes: u64 = self.keen().map(|index| self.received(index)).sum();
        Ok(Outcome {
            connections: self.members.len(),
            offered: match plan.pace {
                Pace::Rate(rate) => Some(rate),
                Pace::Ahead(_) => None,
            },
            events: published.events,
            deliveries: self.deliveries(&published, bytes),
            seconds: end_ns.saturating_sub(plan.start_ns) as f64 / 1e9,
            bytes,
            lost: missing.div_ceil(plan.frame_bytes()).max(observer.missed()) + observer.disordered(),
            latency: Latency::of(observer.latency()),
            cpu_seconds: cpu.as_secs_f64(),
            client_cpu_seconds: our_cpu.as_secs_f64(),
            resident_bytes: self.child.resident_bytes()?,
            closed: published.streams.map_or(0, |open| self.members.len().saturating_sub(open)),
            pass_ns: published.pass_ns,
        })
    }

    fn observer(&self, plan: &Plan) -> Observer {
        let timing = match plan.pace {
            Pace::Rate(rate) => Timing::Scheduled { start: plan.start_ns, interval: 1e9 / rate },
            Pace::Ahead(_) => Timing::Stamped,
        };
        let warm_up = (plan.length_ns as f64 * WARM_UP) as u64;
        Observer::new(timing).since(plan.start_ns + warm_up).stride(plan.threads * plan.namespaces.len() as u64)
    }

    fn read_while_publishing(&mut self, watch: &mut Watch<'_>) -> Result<Published> {
        let (mut told, mut sipped) = (Instant::now(), Instant::now());
        loop {
            self.turn()?;
            if matches!(self.trial.pace, Pace::Ahead(_)) && told.elapsed() >= CREDIT_PERIOD {
                told = Instant::now();
                let seen = self.seen();
                self.child.order(&Order::Seen(seen))?;
            }
            if sipped.elapsed() >= SIP_PERIOD {
                sipped = Instant::now();
                self.sip();
            }
            watch(&self.child)?;
            if let Some(published) = self.child.published()? {
                return Ok(published);
            }
        }
    }

    fn turn(&mut self) -> Result<()> {
        let before = self.client.counts().bytes;
        self.client.turn(if self.active.elapsed() < VIGIL { Duration::ZERO } else { TURN })?;
        if self.client.counts().bytes > before {
            self.active = Instant::now();
        }
        Ok(())
    }

    /// Reads until everything has come, or nothing comes any more. Gives the time of the last byte.
    fn read_the_rest(&mut self, published: &Published) -> Result<u64> {
        let expected = self.expected(published);
        let total: u64 = self.keen().map(|index| expected[index]).sum();
        let received = |run: &Self| -> u64 { run.keen().map(|index| run.received(index)).sum() };
        let (mut have, mut last, mut last_ns) = (received(self), Instant::now(), now_ns());
        while have < total && last.elapsed() < PATIENCE {
            self.turn()?;
            let now_have = received(self);
            if now_have > have {
                (have, last, last_ns) = (now_have, Instant::now(), now_ns());
            }
        }
        // Bytes too many would come now.
        self.turn()?;
        Ok(last_ns)
    }

    /// Connections that are expected to get everything.
    fn keen(&self) -> impl Iterator<Item = usize> {
        let keen = |&index: &usize| self.trial.readers[self.members[index]].manner == Manner::Keen;
        (0..self.members.len()).filter(keen)
    }

    /// Bytes that a connection has got of what was published since it was opened.
    fn received(&self, index: usize) -> u64 {
        self.client.received()[index].saturating_sub(self.child.opening_bytes)
    }

    /// Bytes that each connection is to get.
    fn expected(&self, published: &Published) -> Vec<u64> {
        let of_readers = |readers: &Readers| -> u64 {
            let namespaces = self.trial.namespaces.iter().zip(&published.bytes);
            namespaces.filter(|(namespace, _)| readers.cover(namespace)).map(|(_, bytes)| bytes).sum()
        };
        let expected: Vec<u64> = self.trial.readers.iter().map(of_readers).collect();
        self.members.iter().map(|&member| expected[member]).collect()
    }

    /// Events delivered: those published, to whom they concern, by the share of their bytes that came.
    fn deliveries(&self, published: &Published, bytes: u64) -> u64 {
        let expected = self.expected(published);
        let total: u64 = self.keen().map(|index| expected[index]).sum();
        let all: u64 = published.bytes.iter().sum();
        let events = published.events as f64 * total as f64 / all.max(1) as f64;
        (events * bytes as f64 / total.max(1) as f64).round() as u64
    }

    /// How far the slowest of the keen readers is, as bytes of all that is published.
    fn seen(&self) -> u64 {
        let progress = |index: usize| {
            let (part, whole) = self.shares[self.members[index]];
            self.received(index) * whole / part
        };
        self.keen().map(progress).min().unwrap_or(0)
    }

    fn sip(&mut self) {
        for index in 0..self.members.len() {
            if self.trial.readers[self.members[index]].manner == Manner::Slow {
                self.client.sip(index, SIP_BYTES);
            }
        }
    }
}
