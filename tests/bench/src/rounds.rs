//! Rounds: each row is measured on each contestant before the next round begins, and who is first
//! changes from round to round. What the machine does beside it then meets all of them alike.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::contestant::Contestant;

/// How often.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Rounds that count.
    pub(crate) rounds: usize,
    /// Rounds before them, that do not.
    pub(crate) warm_up: usize,
}

/// A kind of work.
pub(crate) trait Row {
    /// As the table calls it.
    fn name(&self) -> String;

    /// Bytes that one round moves.
    fn bytes(&self) -> u64;

    /// Once for each contestant, before all rounds.
    ///
    /// # Errors
    /// When the server refuses.
    fn prepare(&self, contestant: &Contestant) -> Result<()>;

    /// Does the work once. Gives how long it took, without what has to be done before and after.
    ///
    /// # Errors
    /// When the server refuses, or the work was not done whole.
    fn round(&self, contestant: &Contestant) -> Result<Duration>;
}

/// One row on one contestant in one round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// How long it took.
    pub(crate) seconds: f64,
    /// What it cost the server.
    pub(crate) processor: f64,
}

/// Samples by row, contestant and round.
pub(crate) type Measured = Vec<Vec<Vec<Sample>>>;

/// Measures every row on every contestant.
pub(crate) fn measure(
    plan: &Plan,
    contestants: &[Contestant],
    rows: &[Box<dyn Row>],
) -> Result<Measured> {
    for (row, contestant) in rows.iter().flat_map(|row| contestants.iter().map(move |c| (row, c))) {
        row.prepare(contestant).with_context(|| format!("{}, {}", row.name(), contestant.name))?;
    }
    let mut measured = vec![vec![Vec::new(); contestants.len()]; rows.len()];
    for round in 0..plan.warm_up + plan.rounds {
        let _nobody_watches = write!(std::io::stderr(), "\rround {round} ");
        for (row, samples) in rows.iter().zip(&mut measured) {
            for index in order(round, contestants.len()) {
                let sample = sample(row.as_ref(), &contestants[index]);
                let what = || format!("{}, {}", row.name(), contestants[index].name);
                let sample = sample.with_context(what)?;
                if round >= plan.warm_up {
                    samples[index].push(sample);
                }
            }
        }
    }
    let _nobody_watches = writeln!(std::io::stderr());
    Ok(measured)
}

fn sample(row: &dyn Row, contestant: &Contestant) -> Result<Sample> {
    let before = contestant.processor_seconds()?;
    let seconds = row.round(contestant)?.as_secs_f64();
    Ok(Sample { seconds, processor: contestant.processor_seconds()? - before })
}

/// Who comes when in a round: all, beginning with another each time.
fn order(round: usize, contestants: usize) -> impl Iterator<Item = usize> {
    (0..contestants).map(move |place| (round + place) % contestants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_first_as_often() {
        let rounds: Vec<Vec<usize>> = (0..4).map(|round| order(round, 3).collect()).collect();
        assert_eq!(rounds, [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]);
    }
}
