//! What the parts cost, one by one: `cargo bench -p sse-benches`, or `… -- publish` for one group.
//!
//! With `-- --test` everything runs once and nothing is measured; the crowds are small then.

mod async_readers;
mod crowd;
mod cursor;
mod encode;
mod head;
mod publish;
mod replay;
mod subscribe;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    encode::bench(&mut criterion);
    publish::bench(&mut criterion);
    subscribe::bench(&mut criterion);
    cursor::bench(&mut criterion);
    replay::bench(&mut criterion);
    head::bench(&mut criterion);
    async_readers::bench(&mut criterion);
    criterion.final_summary();
}
