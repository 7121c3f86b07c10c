//! The stage that publishers and readers share: which server is there now, and when it is over.

use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use sse_server::{Event, EventId, ServerHandle};

use crate::PATIENCE;
use crate::events::{IN_TURN, Issue, NAMESPACES, Press};
use crate::life::{Entry, Life};
use crate::tally::Tally;

/// Bytes between two times that those who wait for a volume are told.
const TOLD_BYTES: u64 = 64 << 10;

pub(crate) struct World {
    pub(crate) press: Press,
    pub(crate) tally: Tally,
    stage: Mutex<Stage>,
    changed: Condvar,
    /// Shared by all who publish. Who holds it alone knows that nobody does.
    publishing: RwLock<()>,
}

struct Stage {
    life: Arc<Life>,
    phase: Phase,
    /// Bytes published in all lives.
    volume: u64,
    failure: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Publishers publish, readers come and go.
    Open,
    /// Publishers end.
    Closing,
    /// All is published: readers end as soon as they have it.
    Finale,
    /// Something was wrong.
    Failed,
}

impl World {
    pub(crate) fn new(seed: u64, life: Life) -> World {
        let stage = Stage { life: Arc::new(life), phase: Phase::Open, volume: 0, failure: None };
        World {
            press: Press::new(seed),
            tally: Tally::default(),
            stage: Mutex::new(stage),
            changed: Condvar::new(),
            publishing: RwLock::new(()),
        }
    }

    pub(crate) fn life(&self) -> Arc<Life> {
        Arc::clone(&self.stage().life)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.stage().phase
    }

    /// Notes what is wrong; the first counts, and everyone ends.
    pub(crate) fn fail(&self, what: String) {
        let mut stage = self.stage();
        stage.failure.get_or_insert(what);
        stage.phase = Phase::Failed;
        self.changed.notify_all();
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.stage().failure.clone()
    }

    pub(crate) fn advance_to(&self, phase: Phase) {
        let mut stage = self.stage();
        stage.phase = stage.phase.max(phase);
        self.changed.notify_all();
    }

    /// Lets everyone do as they like for some time, or until something is wrong.
    pub(crate) fn let_run(&self, time: Duration) {
        let wait = self.changed.wait_timeout_while(self.stage(), time, |stage| stage.phase == Phase::Open);
        drop(wait.expect("no one panics with it"));
    }

    /// Waits until another server is there than `old`.
    pub(crate) fn await_next(&self, old: &Arc<Life>) -> Result<(), String> {
        let same = |stage: &mut Stage| Arc::ptr_eq(&stage.life, old) && stage.phase != Phase::Failed;
        let waited = self.changed.wait_timeout_while(self.stage(), PATIENCE, same).expect("no one panics with it");
        match waited.1.timed_out() {
            true => Err("the server accepts no connection, and no other came".to_owned()),
            false => Ok(()),
        }
    }

    /// Waits until so many more bytes are published, or another server is there, or nothing more will come.
    pub(crate) fn await_volume(&self, more: u64) {
        let stage = self.stage();
        let (life, enough) = (Arc::clone(&stage.life), stage.volume + more);
        let goes_on =
            |stage: &mut Stage| stage.volume < enough && Arc::ptr_eq(&stage.life, &life) && stage.phase == Phase::Open;
        drop(self.changed.wait_while(stage, goes_on).expect("no one panics with it"));
    }

    /// Publishes with `publish`, which others do too at the same time, and enters what it gives.
    pub(crate) fn publish(
        &self,
        publisher: u16,
        number: u32,
        publish: impl FnOnce(&Life, &Issue) -> Result<EventId, String>,
    ) -> Result<(), String> {
        let _together = self.publishing.read().expect("no one panics with it");
        let (life, issue) = (self.life(), self.press.issue(publisher, number));
        let id = publish(&life, &issue)?;
        self.enter(&life, id, publisher, number, &issue)
    }

    /// The same for a batch, of which only the last id is told: so nobody else publishes meanwhile.
    pub(crate) fn publish_batch(
        &self,
        publisher: u16,
        numbers: Range<u32>,
        publish: impl FnOnce(&Life, &[Issue]) -> Result<EventId, String>,
    ) -> Result<(), String> {
        let _alone = self.publishing.write().expect("no one panics with it");
        let life = self.life();
        let issues: Vec<_> = numbers.clone().map(|number| self.press.issue(publisher, number)).collect();
        let last = publish(&life, &issues)?;
        for (before, (number, issue)) in numbers.zip(&issues).rev().enumerate() {
            let sequence = last.sequence.saturating_sub(before as u64);
            self.enter(&life, EventId { sequence, ..last }, publisher, number, issue)?;
        }
        Ok(())
    }

    fn enter(&self, life: &Life, id: EventId, publisher: u16, number: u32, issue: &Issue) -> Result<(), String> {
        let size = issue.data.len() as u32;
        life.enter(id, Entry { namespace: issue.namespace, publisher, number, size })?;
        self.tally.published.add(1);
        let mut stage = self.stage();
        let told = stage.volume / TOLD_BYTES;
        stage.volume += u64::from(size);
        if stage.volume / TOLD_BYTES > told {
            self.changed.notify_all();
        }
        Ok(())
    }

    /// Ends the server, and starts another. Nobody publishes meanwhile, so that it is known what was published.
    pub(crate) fn restart(&self, old: ServerHandle, nth: u64, random: &mut Rng) -> ServerHandle {
        let _alone = self.publishing.write().expect("no one panics with it");
        self.end(old, random.bool().then(|| Duration::from_millis(random.u64(..200))));
        let (life, handle) = Life::begin(nth, random);
        self.stage().life = Arc::new(life);
        self.changed.notify_all();
        self.tally.restarts.add(1);
        handle
    }

    /// Ends the server, at once or gently.
    pub(crate) fn end(&self, server: ServerHandle, drain: Option<Duration>) {
        let life = self.life();
        life.end();
        match drain {
            Some(over) => server.drain(over),
            None => server.shutdown(),
        }
        let (ended, end) = mpsc::channel();
        thread::spawn(move || ended.send(server.join()));
        let ended = end.recv_timeout(PATIENCE).expect("a server that is told to end does so");
        ended.expect("event loops end well");
        if life.complete() != life.publisher.published() {
            let (known, counted) = (life.complete(), life.publisher.published());
            self.fail(format!("ids were given through {known}, and {counted} events were published"));
        }
    }

    /// Publishes one last event in each namespace.
    pub(crate) fn publish_last(&self) -> Result<(), String> {
        for number in 0..NAMESPACES.len() as u32 {
            self.publish(IN_TURN, number, |life, issue| {
                let data = issue.manuscript();
                let event = Event::new(issue.path(), &data).named(issue.name);
                life.publisher.publish(event).map_err(|error| error.to_string())
            })?;
        }
        Ok(())
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        // Who panics leaves it whole.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fails the world if its thread panics, so that nobody goes on for hours.
pub(crate) struct Sentry<'w>(pub(crate) &'w World);

impl Drop for Sentry<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail("a thread panicked".to_owned());
        }
    }
}

/// How long something has not happened that should.
pub(crate) struct Patience(Instant);

impl Patience {
    pub(crate) fn new() -> Patience {
        Patience(Instant::now())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.elapsed() > PATIENCE
    }
}
