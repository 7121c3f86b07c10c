//! What an idle connection takes.

use std::thread;
use std::time::Duration;

use crate::Result;
use crate::program::Program;
use crate::reader::{Manner, Reader};
use crate::server::{Cores, Server};

/// Servers give back what they no longer need after a while.
const SETTLING: Duration = Duration::from_millis(1_000);

/// The first connections, which make the server fetch what it then has.
const FIRST: usize = 100;

/// Resident bytes of the server for each idle connection: the slope between a few connections and so many.
pub(crate) fn bytes_each(program: &Program, cores: Cores, connections: usize) -> Result<f64> {
    let mut server = Server::start(program, cores)?;
    let manner = Manner { counting: program.counting, sample_every: usize::MAX, publishers: server.publishers() };
    let mut reader = Reader::new()?;
    let site = (server.address, program.stream);
    reader.open(FIRST, site, &manner, || server.prime())?;
    thread::sleep(SETTLING);
    let before = server.resident_bytes()?;
    reader.open(connections - FIRST, site, &manner, || server.prime())?;
    thread::sleep(SETTLING);
    Ok((server.resident_bytes()? as f64 - before as f64) / (connections - FIRST) as f64)
}
