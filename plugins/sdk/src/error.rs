//! Why an extension could not answer. Every trait but the older ones uses it.

use std::time::Duration;

/// What kind of failure it was. A closed list: what a newer plugin says beyond it counts as
/// [`Code::Internal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// What was asked about is not there.
    NotFound,
    /// The question makes no sense to the extension.
    Invalid,
    /// The extension does not do this.
    Unsupported,
    /// Too much to do at the moment.
    Busy,
    /// It took too long.
    Timeout,
    /// The host no longer wants the answer.
    Cancelled,
    /// Something that the extension needs cannot be reached.
    Unavailable,
    /// A fault of the extension itself.
    Internal,
}

/// An extension could not answer. Never a decision: who wants to refuse says so in the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What kind of failure.
    pub code: Code,
    /// For the log; not shown to clients.
    pub message: String,
    /// When it is worth to ask again, if the extension knows.
    pub retry_after: Option<Duration>,
}

impl Error {
    /// An error with a text for the log.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    /// [`Code::Internal`]: a fault of the extension itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// [`Code::Unavailable`]: something that the extension needs cannot be reached.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, message)
    }
}
