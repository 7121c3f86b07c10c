//! HTTP/1.1 as RFC 9110 and RFC 9112 have it, on real sockets. A row is one rule: what is sent, and what must come. The
//! tables are split by subject; what public probes of request smuggling and of malformed requests send is among them.

mod admission;
mod chunks;
mod codings;
mod connections;
mod cuts;
mod expectations;
mod fields;
mod hosts;
mod lengths;
mod limits;
mod methods;
mod request_lines;
mod row;
mod smuggling;
mod targets;
mod trailers;
mod wire;

use row::Row;

/// Every row that the plain server is held to.
fn rows() -> Vec<Row> {
    [
        request_lines::rows(),
        methods::rows(),
        targets::rows(),
        hosts::rows(),
        fields::rows(),
        lengths::rows(),
        codings::rows(),
        chunks::rows(),
        trailers::rows(),
        expectations::rows(),
        connections::rows(),
        limits::rows(),
        smuggling::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn no_row_is_there_twice() {
    let rows = rows();
    assert!(rows.len() >= 200, "{} rows", rows.len());
    let mut sent: Vec<_> = rows.iter().map(|row| row.sent.escape_ascii().to_string()).collect();
    sent.sort_unstable();
    let twice: Vec<_> = sent.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
    assert!(twice.is_empty(), "{twice:#?}");
}
