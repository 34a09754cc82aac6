//! What a refused request of this room is answered: a page for people, bare bytes for apps.

use http::StatusCode;

use crate::auth::{AuthError, FlowError};
use crate::wire::Reply;

/// Why a request was refused, as it is told.
#[derive(Debug)]
pub(super) enum Refusal {
    /// To a person.
    Page {
        status: StatusCode,
        heading: &'static str,
        text: String,
        hint: Option<&'static str>,
        /// Seconds.
        retry_after: Option<u64>,
    },
    /// To an app: status, seconds for `Retry-After`.
    Bare(StatusCode, Option<u64>),
}

const START_AGAIN: &str = "Go back to the app and start logging in again.";

impl Refusal {
    fn page(status: StatusCode, heading: &'static str, text: &str, hint: &'static str) -> Self {
        let hint = Some(hint).filter(|hint| !hint.is_empty());
        Self::Page { status, heading, text: text.to_owned(), hint, retry_after: None }
    }

    /// No such page.
    pub(super) fn missing() -> Self {
        Self::page(StatusCode::NOT_FOUND, "Nothing here", "There is no page at this address.", "")
    }

    /// A form whose token is not this browser's, or is of an ended session.
    pub(super) fn stale_form() -> Self {
        let text = "This page was open for too long, or cookies are blocked.";
        let hint = "Go back, reload the page and try again.";
        Self::page(StatusCode::FORBIDDEN, "Please try again", text, hint)
    }

    /// The browser has no open flow.
    pub(super) fn no_flow() -> Self {
        let text = "No app is waiting to be connected in this browser.";
        Self::page(StatusCode::FORBIDDEN, "Nothing to connect", text, START_AGAIN)
    }

    /// Flow v1 without the header that only an app can send.
    pub(super) fn not_from_app() -> Self {
        let text = "This page can only be opened by an app.";
        Self::page(StatusCode::FORBIDDEN, "Open it from the app", text, START_AGAIN)
    }

    /// The same refusal for an app.
    pub(super) fn into_bare(self) -> Self {
        match self {
            Self::Page { status, retry_after, .. } => Self::Bare(status, retry_after),
            bare @ Self::Bare(..) => bare,
        }
    }

    /// The answer to an app: no body (an empty one keeps Android polling, clients.md trap 19).
    pub(super) fn bare(self) -> Reply {
        let (Self::Bare(status, retry_after) | Self::Page { status, retry_after, .. }) = self;
        with_retry_after(Reply::empty(status).header("cache-control", "no-store"), retry_after)
    }
}

/// Adds `Retry-After`.
pub(super) fn with_retry_after(reply: Reply, seconds: Option<u64>) -> Reply {
    match seconds {
        Some(seconds) => reply.header("retry-after", seconds.to_string()),
        None => reply,
    }
}

/// A wait in words.
pub(super) fn in_words(seconds: u64) -> String {
    match (seconds.div_ceil(60), seconds) {
        (_, 1) => "1 second".to_owned(),
        (0 | 1, seconds) => format!("{seconds} seconds"),
        (minutes, _) => format!("{minutes} minutes"),
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        let retry_after = error.retry_after();
        let wait = in_words(retry_after.unwrap_or(1));
        let (heading, text) = match &error {
            AuthError::Throttled { .. } => (
                "Please wait",
                format!("There were too many tries that failed. Please try again in {wait}."),
            ),
            AuthError::Unavailable { .. } => (
                "Please try again soon",
                format!("Logins cannot be checked at the moment. Please try again in {wait}."),
            ),
            AuthError::Refused(denial) => ("Not allowed", denial.message.clone()),
            AuthError::Disabled => {
                ("Account disabled", "This account cannot be used at the moment.".to_owned())
            }
            AuthError::Expired => {
                ("Password expired", "The password has expired and must be changed.".to_owned())
            }
            AuthError::BadCredentials
            | AuthError::CsrfFailed
            | AuthError::TooLong
            | AuthError::Malformed => return Self::stale_form(),
        };
        let status = match error {
            AuthError::Disabled | AuthError::Expired => StatusCode::FORBIDDEN,
            _ => error.status(),
        };
        Self::Page { status, heading, text, hint: None, retry_after }
    }
}

impl From<FlowError> for Refusal {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Unknown => Self::page(
                StatusCode::NOT_FOUND,
                "This link is over",
                "Links to connect an app work for 20 minutes and once only.",
                START_AGAIN,
            ),
            FlowError::AlreadyOpened => Self::page(
                StatusCode::FORBIDDEN,
                "This link was opened before",
                "For your safety, a link to connect an app opens in one browser only.",
                START_AGAIN,
            ),
            FlowError::AlreadyGranted => Self::page(
                StatusCode::FORBIDDEN,
                "Access was allowed before",
                "This app was already allowed access with this link.",
                "You can close this page.",
            ),
            FlowError::Auth(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_told_in_words() {
        for (seconds, words) in [
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "60 seconds"),
            (61, "2 minutes"),
            (1800, "30 minutes"),
        ] {
            assert_eq!(in_words(seconds), words);
        }
    }
}
