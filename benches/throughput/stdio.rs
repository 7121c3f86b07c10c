//! A child's side of the talk with its parent.

use std::io::{self, BufRead, Write};

use crate::Result;
use crate::order::{Answer, Order};

/// Tells the parent something.
pub(crate) fn answer(answer: &Answer) -> Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    Ok(out.flush()?)
}

/// Hears the parent's orders until it has gone.
pub(crate) fn hear(mut obey: impl FnMut(Order) -> Result<()>) -> Result<()> {
    for line in io::stdin().lock().lines() {
        obey(serde_json::from_str(&line?)?)?;
    }
    Ok(())
}
