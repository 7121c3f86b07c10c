//! SIGTERM and SIGINT: the first asks for a gentle end, the second for an end.

use std::io;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use sse_server::Control;

/// Drains the server over this time at the first signal, and ends it at the second.
pub(crate) fn drain_on_signal(control: Control, drain: Duration) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let wait = move || {
        let mut signals = signals.forever();
        if signals.next().is_some() {
            tracing::info!(
                connections = control.connections(),
                over_secs = drain.as_secs_f64(),
                "draining; a second signal ends at once"
            );
            control.drain(drain);
        }
        if signals.next().is_some() {
            tracing::info!("ending at once");
            control.shutdown();
        }
    };
    // Not joined: it waits for signals as long as the process lives.
    thread::Builder::new().name("signals".to_owned()).spawn(wait)?;
    Ok(())
}
