//! What a trial has shown.

use hdrhistogram::Histogram;
use serde::Serialize;

/// One run's figures.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Outcome {
    pub(crate) connections: usize,
    /// Events a second that were to be published; none when as many as readers read.
    pub(crate) offered: Option<f64>,
    /// Events published.
    pub(crate) events: u64,
    /// Events received, over all connections (but slow ones).
    pub(crate) deliveries: u64,
    /// From the first event's time to the last byte's.
    pub(crate) seconds: f64,
    pub(crate) bytes: u64,
    /// Deliveries that never came, by byte counts of each connection, or events out of place in those parsed.
    pub(crate) lost: u64,
    pub(crate) latency: Option<Latency>,
    /// Processor time of the child, publishers included.
    pub(crate) cpu_seconds: f64,
    /// Processor time of the client: if it was busy throughout, it was the client that was measured.
    pub(crate) client_cpu_seconds: f64,
    /// Memory of the child at the end.
    pub(crate) resident_bytes: u64,
    /// Connections that the server had closed when everything was published.
    pub(crate) closed: usize,
    /// Of bare loops that send each message: the median time of a pass over all sockets.
    pub(crate) pass_ns: Option<u64>,
}

/// Nanoseconds from an event's time to its reading, over the connections that are parsed.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Option<Latency> {
        (!histogram.is_empty()).then(|| Latency {
            p50: histogram.value_at_quantile(0.5),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
        })
    }
}

impl Outcome {
    pub(crate) fn deliveries_per_second(&self) -> f64 {
        self.deliveries as f64 / self.seconds
    }

    /// The one with the median of deliveries a second. There is at least one.
    pub(crate) fn middle(outcomes: &mut [Outcome]) -> &Outcome {
        outcomes.sort_by(|a, b| a.deliveries_per_second().total_cmp(&b.deliveries_per_second()));
        &outcomes[outcomes.len() / 2]
    }

    pub(crate) fn cpu_ns_per_delivery(&self) -> f64 {
        self.cpu_seconds * 1e9 / self.deliveries as f64
    }

    /// Share of its core that the child was busy.
    pub(crate) fn cpu_share(&self) -> f64 {
        self.cpu_seconds / self.seconds
    }

    /// The same of the client and its core.
    pub(crate) fn client_cpu_share(&self) -> f64 {
        self.client_cpu_seconds / self.seconds
    }

    /// A latency in microseconds; not a number if none was seen.
    pub(crate) fn micros(&self, quantile: impl Fn(&Latency) -> u64) -> f64 {
        self.latency.as_ref().map_or(f64::NAN, |latency| quantile(latency) as f64 / 1e3)
    }
}
