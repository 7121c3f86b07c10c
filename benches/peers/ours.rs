//! Our own server, as the others are run: one worker, a publisher in its process.
//!
//! It has its defaults, but for three things: no keepalive comments and no `retry:`, which would count as bytes too many;
//! no history, since the others send no ids and keep nothing either; and a reader may fall behind as far as a trial is
//! long, since a search for the limit passes it.

use sse_server::{Config, Event, Server};

use crate::Result;
use crate::program::NAMESPACE;
use crate::told;

/// More than anyone falls behind in a trial.
const LOSSLESS_LAG: u64 = 4 << 30;

/// Serves until the harness has gone.
pub(crate) fn run() -> Result<()> {
    let server = Server::bind(Config {
        listen: vec![([127, 0, 0, 1], 0).into()],
        workers: 1,
        keepalive: None,
        retry: None,
        history_bytes: 0,
        max_lag: LOSSLESS_LAG,
        ..Config::default()
    })?;
    let address = server.local_addrs()[0];
    let publisher = server.publisher();
    // Kept, since the server ends with its handle.
    let _handle = server.spawn()?;
    told::obey(address, |data| {
        publisher.publish(Event::new(NAMESPACE, &data)).expect("the harness's events are valid");
    })?;
    Ok(())
}
