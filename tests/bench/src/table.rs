//! What was measured, as a table: medians, and ratios to the first contestant within each round.

use std::fmt;

use crate::contestant::Contestant;
use crate::rounds::{Measured, Row, Sample};

/// Prints itself in Markdown.
pub(crate) struct Table<'a> {
    /// The first is what the others are compared with.
    pub(crate) contestants: &'a [Contestant],
    /// The kinds of work.
    pub(crate) rows: &'a [Box<dyn Row>],
    /// Every sample.
    pub(crate) measured: &'a Measured,
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.contestants.first().map_or("", |contestant| contestant.name);
        writeln!(f, "| work | server | MiB/s | processor, s | ratio to {first} | least | most |")?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        for (row, samples) in self.rows.iter().zip(self.measured) {
            for (contestant, own) in self.contestants.iter().zip(samples) {
                let mib = row.bytes() as f64 / f64::from(1 << 20);
                let rate = median(own.iter().map(|sample| mib / sample.seconds));
                let cost = median(own.iter().map(|sample| sample.processor));
                let ratios = || ratios(&samples[0], own);
                let least = ratios().fold(f64::INFINITY, f64::min);
                let most = ratios().fold(0.0, f64::max);
                let (name, server, ratio) = (row.name(), contestant.name, median(ratios()));
                write!(f, "| {name} | {server} | {rate:.0} | {cost:.2} ")?;
                writeln!(f, "| {ratio:.2} | {least:.2} | {most:.2} |")?;
            }
        }
        Ok(())
    }
}

/// How many times as fast as `first` in each round.
fn ratios<'a>(first: &'a [Sample], own: &'a [Sample]) -> impl Iterator<Item = f64> {
    first.iter().zip(own).map(|(first, own)| first.seconds / own.seconds)
}

/// The one in the middle; of two, their mean. NaN of none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match (values.len(), values.len() / 2) {
        (0, _) => f64::NAN,
        (len, half) if len % 2 == 0 => f64::midpoint(values[half - 1], values[half]),
        (_, half) => values[half],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_any_number() {
        for (values, expected) in [
            (&[3.0][..], 3.0),
            (&[5.0, 1.0], 3.0),
            (&[9.0, 1.0, 2.0], 2.0),
            (&[4.0, 1.0, 2.0, 9.0], 3.0),
        ] {
            assert_eq!(median(values.iter().copied()), expected, "{values:?}");
        }
        assert!(median([].into_iter()).is_nan());
    }

    #[test]
    fn half_the_time_is_twice_as_fast() {
        let sample = |seconds| Sample { seconds, processor: 0.0 };
        let (first, own) = ([sample(1.0), sample(2.0)], [sample(0.5), sample(4.0)]);
        assert_eq!(ratios(&first, &own).collect::<Vec<_>>(), [2.0, 0.5]);
    }
}
