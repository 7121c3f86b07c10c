//! Readers that don't read, among those that do.
//!
//! The publisher goes by the keen ones: it is never so far ahead of them that they could be cut off, however slow the
//! machine is. The others fill their sockets (some 4 MB) within a second, and fall behind by more than they may.

use std::time::Duration;

use crate::Result;
use crate::lab::{Lab, TIME, saturated};
use crate::order::{Role, Settings};
use crate::readers::{Manner, Readers};
use crate::report::Section;
use crate::table::Table;
use crate::trial::Trial;

const CONNECTIONS: usize = 200;

const DATA_BYTES: usize = 256;

/// The server's default for `--max-lag`.
const MAX_LAG: u64 = 1 << 20;

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let mut table = Table::of_outcomes("of 200 readers");
    let mut cut_off = 0;
    for (name, manner) in [("none slow", None), ("20 slow", Some(Manner::Slow)), ("20 stopped", Some(Manner::Stopped))]
    {
        let lazy = manner.map_or(0, |_| CONNECTIONS / 10);
        let mut readers = vec![Readers::keen(TIME, CONNECTIONS - lazy)];
        readers.extend(manner.map(|manner| Readers { manner, ..Readers::keen(TIME, lazy) }));
        let trial = Trial {
            role: Role::Server(Settings { max_lag: MAX_LAG, ..Settings::default() }),
            readers,
            data_bytes: DATA_BYTES,
            length: Duration::from_millis(lab.pick(1_500, 5_000)),
            ..lab.clock(CONNECTIONS, saturated(DATA_BYTES))
        };
        let outcome = lab.run(name, &trial)?;
        table.outcome(name, &outcome);
        cut_off += outcome.closed;
    }
    let text = format!(
        "{DATA_BYTES} bytes of data, as fast as the keen readers read. Slow ones take 40 kB/s, stopped ones nothing; `--max-lag` \
         is its default, 1 MiB. The figures are those of the keen, who must notice nothing. {cut_off} of 40 others were cut \
         off before the runs' ends."
    );
    Ok(Section { title: "Slow readers".to_owned(), text, table, plots: Vec::new() })
}
