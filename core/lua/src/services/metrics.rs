//! Figures of scripts among the server's.

/// What a figure does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleKind {
    /// It is added to what is there.
    Counter,
    /// It replaces what is there.
    Gauge,
    /// It is one observation of many.
    Histogram,
}

/// A figure.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// The script's name.
    pub script: &'a str,
    /// The figure's: `[a-z_][a-z0-9_]*`, at most 64 characters.
    pub name: &'a str,
    /// What it does.
    pub kind: SampleKind,
    /// How much; finite.
    pub value: f64,
    /// Labels, by name; at most four.
    pub labels: &'a [(String, String)],
}

/// Takes figures.
pub trait Metrics: Send + Sync {
    /// Takes one.
    ///
    /// # Errors
    /// In a sentence, if it cannot be kept: there are too many of them, or one of this name is of another
    /// kind.
    fn record(&self, sample: &Sample<'_>) -> Result<(), String>;
}
