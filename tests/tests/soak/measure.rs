//! Memory and open files of a process, from `/proc`, and how they go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// One look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Since the first one.
    pub(crate) at: Duration,
    /// Resident memory in KiB.
    pub(crate) rss: u64,
    /// Open files.
    pub(crate) files: usize,
}

/// Resident memory of a process in KiB.
pub(crate) fn rss(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()).context("VmRSS")?;
    Ok(number.parse()?)
}

fn look(pid: u32, begun: Instant) -> Result<Sample> {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    Ok(Sample { at: begun.elapsed(), rss: rss(pid)?, files })
}

/// Looks again and again until `work` is done; gives what it gave, and the looks.
pub(crate) fn during<T>(
    pid: u32,
    every: Duration,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, Vec<Sample>)> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| -> Result<Vec<Sample>> {
            let begun = Instant::now();
            let mut samples = vec![look(pid, begun)?];
            while !over.load(Ordering::SeqCst) {
                std::thread::sleep(every);
                samples.push(look(pid, begun)?);
            }
            Ok(samples)
        });
        let done = work();
        over.store(true, Ordering::SeqCst);
        let samples = looking.join().map_err(|_| anyhow::anyhow!("looking panicked"))?;
        Ok((done?, samples?))
    })
}

/// Greatest memory in KiB.
pub(crate) fn peak(samples: &[Sample]) -> u64 {
    samples.iter().map(|sample| sample.rss).max().unwrap_or(0)
}

/// Growth in KiB an hour of the line that fits best.
pub(crate) fn slope(samples: &[Sample]) -> f64 {
    let points: Vec<(f64, f64)> =
        samples.iter().map(|one| (one.at.as_secs_f64() / 3600.0, one.rss as f64)).collect();
    let count = points.len() as f64;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(&|point| point.0), mean(&|point| point.1));
    let above: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let below: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    if below == 0.0 { 0.0 } else { above / below }
}

/// The middle one of the numbers.
pub(crate) fn median(mut numbers: Vec<u64>) -> u64 {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or(0)
}
