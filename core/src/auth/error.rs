//! Why somebody was not let in.

use std::time::Duration;

use http::StatusCode;

use moonsail_sdk::auth::AuthUnavailable;

use super::password::PasswordError;
use crate::hooks::Denial;
use crate::store::StoreError;

/// The longest wait that a provider can ask for: a directory that comes back earlier is found.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Why a request's credentials were not taken. Says nothing about which part of them was wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Wrong, revoked, expired, or not of a kind we know.
    #[error("the credentials are not valid")]
    BadCredentials,
    /// Right, but the account may not log in. Only told to who knows the password or a token.
    #[error("the account is disabled")]
    Disabled,
    /// Right, but it must be changed where it is kept. Only told to who knows the password.
    #[error("the password has expired")]
    Expired,
    /// A hook refuses it; the text is for the user.
    #[error("{}", .0.message)]
    Refused(Denial),
    /// Too many failures before this one.
    #[error("too many failed logins")]
    Throttled {
        /// When the next try will be looked at.
        retry_after: Duration,
    },
    /// The question cannot be answered now. Never 401: apps drop stored passwords on that.
    #[error("logins cannot be checked at the moment")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
    /// A browser's cookie without proof that its user meant the request.
    #[error("CSRF check failed")]
    CsrfFailed,
    /// Longer than any password.
    #[error("the credentials are too long")]
    TooLong,
    /// Cannot be read.
    #[error("the credentials cannot be read")]
    Malformed,
}

impl AuthError {
    /// [`AuthError::Unavailable`] for a few seconds.
    pub(crate) fn unavailable() -> Self {
        Self::Unavailable { retry_after: Duration::from_secs(5) }
    }

    /// The status of an API's answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadCredentials | Self::Disabled | Self::Expired => StatusCode::UNAUTHORIZED,
            Self::Refused(denial) => denial.status,
            Self::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::CsrfFailed => StatusCode::PRECONDITION_FAILED, // as Nextcloud's "CSRF check failed"
            Self::TooLong | Self::Malformed => StatusCode::BAD_REQUEST,
        }
    }

    /// Whole seconds for `Retry-After`, at least one.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Throttled { retry_after } | Self::Unavailable { retry_after } => {
                Some(retry_after.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX))
            }
            _ => None,
        }
    }
}

impl From<AuthUnavailable> for AuthError {
    fn from(error: AuthUnavailable) -> Self {
        let Some(retry_after) = error.retry_after else { return Self::unavailable() };
        Self::Unavailable { retry_after: retry_after.min(LONGEST_WAIT) }
    }
}

impl From<StoreError> for AuthError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "accounts cannot be read or written");
        Self::unavailable()
    }
}

impl From<PasswordError> for AuthError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::TooLong => Self::TooLong,
            PasswordError::Busy => Self::unavailable(),
            PasswordError::Failed(error) => {
                tracing::error!(error, "passwords cannot be hashed");
                Self::unavailable()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_fails_is_never_a_401() {
        for error in [StoreError::Busy, StoreError::Full, StoreError::Failed("x".to_owned())] {
            let error = AuthError::from(error);
            assert_eq!(error.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(error.retry_after(), Some(5));
        }
    }

    #[test]
    fn a_provider_says_when_to_ask_again() {
        for (wait, seconds) in [(None, 5), (Some(30), 30), (Some(1_000_000), 300)] {
            let retry_after = wait.map(Duration::from_secs);
            let error =
                AuthError::from(AuthUnavailable { retry_after, ..AuthUnavailable::new("x") });
            assert_eq!(error.retry_after(), Some(seconds), "{wait:?}");
        }
    }

    #[test]
    fn waits_are_rounded_up_to_whole_seconds() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2)] {
            let retry_after = Duration::from_millis(millis);
            assert_eq!(AuthError::Throttled { retry_after }.retry_after(), Some(seconds));
        }
    }
}
