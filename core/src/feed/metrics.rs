//! How far behind each sink is, and how it fares.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

/// What all sinks have reached, seen when somebody asks: the lag of a sink that stands still grows
/// all the same.
#[derive(Debug, Clone, Default)]
pub struct FeedMetrics(Arc<Mutex<Vec<Sink>>>);

#[derive(Debug)]
struct Sink {
    name: String,
    committed: watch::Receiver<u64>,
    standing: Standing,
}

/// What one sink has reached; its consumer writes it.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    cursor: Arc<AtomicU64>,
    delivered: Counter,
    failures: Counter,
}

impl Standing {
    pub(super) fn reached(&self, seq: u64) {
        self.cursor.store(seq, Ordering::Relaxed);
    }

    pub(super) fn delivered(&self, events: u64) {
        self.delivered.inc_by(events);
    }

    pub(super) fn failed(&self) {
        self.failures.inc();
    }
}

impl FeedMetrics {
    /// Makes them visible.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
    }

    /// Adds a sink that stands at `cursor`.
    pub(super) fn add(&self, name: &str, cursor: u64, committed: watch::Receiver<u64>) -> Standing {
        let standing = Standing::default();
        standing.reached(cursor);
        let sink = Sink { name: name.to_owned(), committed, standing: standing.clone() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sink);
        standing
    }
}

impl Collector for FeedMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let sinks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sinks.is_empty() {
            return Ok(());
        }
        let help = "Changes that are committed and not acknowledged by the sink";
        let mut lags = encoder.encode_descriptor("events_lag", help, None, MetricType::Gauge)?;
        for sink in sinks.iter() {
            let cursor = sink.standing.cursor.load(Ordering::Relaxed);
            let lag = sink.committed.borrow().saturating_sub(cursor);
            ConstGauge::new(lag).encode(lags.encode_family(&[("sink", sink.name.as_str())])?)?;
        }
        type Count = fn(&Standing) -> u64;
        let counters: [(&str, &str, Count); 2] = [
            ("events_delivered", "Events that the sink has acknowledged", |it| it.delivered.get()),
            ("events_failures", "Batches that the sink has not acknowledged", |it| {
                it.failures.get()
            }),
        ];
        for (name, help, count) in counters {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for sink in sinks.iter() {
                let label = [("sink", sink.name.as_str())];
                let line = family.encode_family(&label)?;
                ConstCounter::new(count(&sink.standing)).encode(line)?;
            }
        }
        Ok(())
    }
}
