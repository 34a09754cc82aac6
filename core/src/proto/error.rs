//! Why a header field or a small body was refused.

/// A field that does not say what its specification lets it say: always a 400.
///
/// The text is fixed (`threats` §0.4): it names the field and the rule, never the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct HeaderError {
    /// Name of the field as its specification writes it.
    pub field: &'static str,
    /// The rule that was broken.
    pub problem: &'static str,
}

impl HeaderError {
    /// `problem` in `field`.
    pub const fn new(field: &'static str, problem: &'static str) -> Self {
        Self { field, problem }
    }
}
