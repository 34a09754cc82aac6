//! `moonsail.host.metrics/1`, and what the server counts of its plugins by itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use moonsail_sdk::abi::host::{Figure, MetricsService};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::slot::Slot;

/// Most figures of one instance.
const MOST: usize = 256;
/// Longest name.
const NAME_BYTES: usize = 64;

/// All figures of all instances. Clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures(Arc<Mutex<BTreeMap<String, Vec<One>>>>);

/// A figure of an instance.
#[derive(Debug, Clone)]
struct One {
    name: String,
    help: String,
    kind: Figure,
    value: f64,
}

impl Figures {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<One>>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of one instance, over all its generations.
    pub(super) fn of(&self, instance: &str) -> OfInstance {
        OfInstance { all: self.clone(), instance: instance.to_owned() }
    }
}

/// The figures of one instance.
pub(super) struct OfInstance {
    all: Figures,
    instance: String,
}

impl OfInstance {
    fn change(&self, handle: u64, change: impl FnOnce(&mut One)) {
        let mut all = self.all.lock();
        let index = usize::try_from(handle).ok().and_then(|handle| handle.checked_sub(1));
        let figures = all.get_mut(&self.instance);
        if let (Some(index), Some(figures)) = (index, figures)
            && let Some(figure) = figures.get_mut(index)
        {
            change(figure);
        }
    }
}

impl MetricsService for OfInstance {
    fn figure(&self, kind: Figure, name: &str, help: &str) -> u64 {
        let usual = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let is_name = !name.is_empty() && name.len() <= NAME_BYTES && name.chars().all(usual);
        if !is_name || name.starts_with(|c: char| c.is_ascii_digit()) {
            return 0;
        }
        let mut all = self.all.lock();
        let figures = all.entry(self.instance.clone()).or_default();
        let known = figures.iter().position(|one| one.name == name && one.kind == kind);
        let index = match known {
            Some(index) => index,
            None if figures.len() >= MOST || figures.iter().any(|one| one.name == name) => {
                return 0;
            }
            None => {
                let help: String = help.chars().filter(|c| !c.is_control()).take(200).collect();
                figures.push(One { name: name.to_owned(), help, kind, value: 0.0 });
                figures.len() - 1
            }
        };
        index as u64 + 1
    }

    fn add(&self, handle: u64, value: f64) {
        self.change(handle, |one| {
            let falls = one.kind == Figure::Counter && value < 0.0;
            if value.is_finite() && !falls {
                one.value += value;
            }
        });
    }

    fn set(&self, handle: u64, value: f64) {
        self.change(handle, |one| {
            if value.is_finite() && one.kind == Figure::Gauge {
                one.value = value;
            }
        });
    }
}

/// Shows them, and the calls of each plugin.
pub(super) struct Shown {
    pub(super) figures: Figures,
    pub(super) slots: Vec<Weak<Slot>>,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

impl Shown {
    pub(super) fn register(self, registry: &mut Registry) {
        registry.register_collector(Box::new(self));
    }

    fn calls(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counts: Vec<(String, u64, u64)> = self
            .slots
            .iter()
            .filter_map(Weak::upgrade)
            .map(|slot| (slot.name().to_owned(), slot.counts()))
            .map(|(name, (calls, failures))| (name, calls, failures))
            .collect();
        if counts.is_empty() {
            return Ok(());
        }
        let help = "Calls of plugins";
        let calls = ConstCounter::new(0_u64);
        let mut family =
            encoder.encode_descriptor("plugin_calls", help, None, calls.metric_type())?;
        for (name, calls, _) in &counts {
            let labels = [("plugin", name.as_str())];
            ConstCounter::new(*calls).encode(family.encode_family(&labels)?)?;
        }
        let help = "Calls that failed by a fault of the plugin";
        let mut family =
            encoder.encode_descriptor("plugin_failures", help, None, calls.metric_type())?;
        for (name, _, failures) in &counts {
            let labels = [("plugin", name.as_str())];
            ConstCounter::new(*failures).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// Help of a family, and its values by instance.
type Family = (String, Vec<(String, f64)>);

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // One family for each name and kind, with the instances as labels.
        let mut families: BTreeMap<(String, bool), Family> = BTreeMap::new();
        for (instance, figures) in self.figures.lock().iter() {
            for one in figures {
                let key = (one.name.clone(), one.kind == Figure::Counter);
                let family = families.entry(key).or_insert((one.help.clone(), Vec::new()));
                family.1.push((instance.clone(), one.value));
            }
        }
        for ((name, is_counter), (help, values)) in families {
            let name = format!("plugin_{name}");
            let kind = match is_counter {
                true => ConstCounter::new(0.0_f64).metric_type(),
                false => ConstGauge::new(0.0_f64).metric_type(),
            };
            let mut family = encoder.encode_descriptor(&name, &help, None, kind)?;
            for (instance, value) in values {
                let labels = [("plugin", instance.as_str())];
                let metric = family.encode_family(&labels)?;
                match is_counter {
                    true => ConstCounter::new(value).encode(metric)?,
                    false => ConstGauge::new(value).encode(metric)?,
                }
            }
        }
        self.calls(encoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_by_instance() {
        let figures = Figures::default();
        let (one, two) = (figures.of("one"), figures.of("two"));
        let asked = one.figure(Figure::Counter, "asked", "How often");
        assert_eq!(one.figure(Figure::Counter, "asked", "again"), asked);
        one.add(asked, 2.0);
        one.add(asked, -1.0);
        one.set(asked, 9.0);
        one.add(99, 1.0);
        two.add(two.figure(Figure::Counter, "asked", "How often"), 5.0);
        two.set(two.figure(Figure::Gauge, "open", "How many"), 1.5);
        for (kind, name) in [
            (Figure::Counter, ""),
            (Figure::Counter, "A"),
            (Figure::Counter, "a-b"),
            (Figure::Counter, "1a"),
            (Figure::Gauge, "asked"),
        ] {
            assert_eq!(one.figure(kind, name, ""), 0, "{name}");
        }
        let mut registry = Registry::with_prefix("moonsail");
        Shown { figures, slots: Vec::new() }.register(&mut registry);
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        for line in [
            "moonsail_plugin_asked_total{plugin=\"one\"} 2.0",
            "moonsail_plugin_asked_total{plugin=\"two\"} 5.0",
            "moonsail_plugin_open{plugin=\"two\"} 1.5",
        ] {
            assert!(page.contains(line), "{line} is missing in\n{page}");
        }
    }
}
