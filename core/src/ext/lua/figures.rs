//! What is counted of scripts, and what they count themselves (`moon.metrics`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use moonsail_lua::services::{Metrics, Sample, SampleKind};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::slot::Slot;

/// Most figures of one script, each with its labels counted.
const MOST: usize = 256;

/// The labels of a figure, the script among them.
type Labels = Vec<(String, String)>;

#[derive(Debug)]
struct One {
    kind: SampleKind,
    /// The value; of a histogram the sum of what was observed.
    value: f64,
    /// How many were observed.
    count: u64,
}

/// All figures of all scripts, by name and labels. Clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures(Arc<Mutex<BTreeMap<(String, Labels), One>>>);

impl Metrics for Figures {
    fn record(&self, sample: &Sample<'_>) -> Result<(), String> {
        let mut labels = vec![("script".to_owned(), sample.script.to_owned())];
        labels.extend_from_slice(sample.labels);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = |(_, labels): &(String, Labels)| labels[0].1 == sample.script;
        let kind_of = all
            .iter()
            .find(|((name, labels), _)| name == sample.name && labels[0].1 == sample.script);
        if kind_of.is_some_and(|(_, one)| one.kind != sample.kind) {
            return Err(format!("{} is of another kind already", sample.name));
        }
        let key = (sample.name.to_owned(), labels);
        if !all.contains_key(&key) && all.keys().filter(|key| own(key)).count() >= MOST {
            return Err(format!(
                "a script has at most {MOST} figures, each label's values counted"
            ));
        }
        let one = all.entry(key).or_insert(One { kind: sample.kind, value: 0.0, count: 0 });
        one.count += 1;
        one.value = match sample.kind {
            SampleKind::Gauge => sample.value,
            SampleKind::Counter | SampleKind::Histogram => one.value + sample.value,
        };
        Ok(())
    }
}

/// What `/metrics` shows of scripts.
pub(super) struct Shown {
    pub(super) figures: Figures,
    pub(super) slots: Vec<Weak<Slot>>,
}

impl Shown {
    pub(super) fn register(self, registry: &mut Registry) {
        registry.register_collector(Box::new(self));
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for slot in self.slots.iter().filter_map(Weak::upgrade) {
            let labels = [("script", slot.name().to_owned())];
            let (calls, failures, micros) = slot.counts();
            #[expect(clippy::cast_precision_loss, reason = "a figure")]
            let seconds = micros as f64 / 1e6;
            for (name, help, value) in [
                ("moonsail_script_calls", "Calls of a script", calls),
                ("moonsail_script_failures", "Calls of a script that failed", failures),
            ] {
                let counter = ConstCounter::new(value);
                let mut encoder =
                    encoder.encode_descriptor(name, help, None, counter.metric_type())?;
                counter.encode(encoder.encode_family(&labels)?)?;
            }
            let counter = ConstCounter::new(seconds);
            let mut encoder = encoder.encode_descriptor(
                "moonsail_script_seconds",
                "Time in calls of a script, waiting included",
                None,
                counter.metric_type(),
            )?;
            counter.encode(encoder.encode_family(&labels)?)?;
        }
        for ((name, labels), one) in
            self.figures.0.lock().unwrap_or_else(PoisonError::into_inner).iter()
        {
            let name = format!("moonsail_lua_{name}");
            let help = "Counted by a script";
            match one.kind {
                SampleKind::Gauge => {
                    let gauge = ConstGauge::new(one.value);
                    let mut encoder =
                        encoder.encode_descriptor(&name, help, None, gauge.metric_type())?;
                    gauge.encode(encoder.encode_family(labels)?)?;
                }
                SampleKind::Counter => {
                    let counter = ConstCounter::new(one.value);
                    let mut encoder =
                        encoder.encode_descriptor(&name, help, None, counter.metric_type())?;
                    counter.encode(encoder.encode_family(labels)?)?;
                }
                SampleKind::Histogram => {
                    for (name, value) in [
                        (format!("{name}_sum"), one.value),
                        (format!("{name}_count"), as_f64(one.count)),
                    ] {
                        let counter = ConstCounter::new(value);
                        let mut encoder =
                            encoder.encode_descriptor(&name, help, None, counter.metric_type())?;
                        counter.encode(encoder.encode_family(labels)?)?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
