//! Why a request was not answered by its extension.

use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;

use crate::auth::AuthError;
use crate::proto::ocs::{OcsFormat, OcsStatus, OcsVersion, envelope};
use crate::wire::Reply;

/// Why there is no answer. Texts in it are for the log.
#[derive(Debug)]
pub(super) enum Refusal {
    Missing,
    /// The methods that the route has.
    WrongMethod(String),
    NotMeant,
    NotLoggedIn,
    /// Where a browser logs in.
    LogInFirst(String),
    Auth(AuthError),
    NotAdmin,
    OneFolder,
    ReadOnly,
    TooLarge,
    Cut,
    TooLate,
    Unavailable(String),
    Failed(String),
    BadAnswer(String),
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Missing => StatusCode::NOT_FOUND,
            Self::WrongMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotMeant => StatusCode::PRECONDITION_FAILED,
            Self::NotLoggedIn => StatusCode::UNAUTHORIZED,
            Self::LogInFirst(_) => StatusCode::SEE_OTHER,
            Self::Auth(error) => error.status(),
            Self::NotAdmin | Self::OneFolder | Self::ReadOnly => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Cut => StatusCode::BAD_REQUEST,
            Self::TooLate => StatusCode::GATEWAY_TIMEOUT,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::BadAnswer(_) => StatusCode::BAD_GATEWAY,
        }
    }

    fn text(&self) -> &'static str {
        match self {
            Self::Missing => "Not found",
            Self::WrongMethod(_) => "This method is not known here",
            Self::NotMeant | Self::Auth(AuthError::CsrfFailed) => "CSRF check failed",
            Self::NotLoggedIn => "Current user is not logged in",
            Self::LogInFirst(_) => "Log in first",
            Self::Auth(_) => "The login was not taken",
            Self::NotAdmin => "Only for administrators",
            Self::OneFolder => "This app password is for one folder only",
            Self::ReadOnly => "This app password may only read",
            Self::TooLarge => "The body is too large",
            Self::Cut => "The body ended early",
            Self::TooLate => "There was no answer in time",
            Self::Unavailable(_) => "Not available at the moment",
            Self::Failed(_) => "Internal server error",
            Self::BadAnswer(_) => "The answer cannot be sent",
        }
    }

    /// The reply: a line with the request id, or an envelope of OCS.
    pub(super) fn reply(&self, id: &Arc<str>, voice: Option<(OcsVersion, OcsFormat)>) -> Reply {
        let status = self.status();
        let mut reply = match voice {
            None => {
                let text = format!("{}.\nRequest id: {id}\n", self.text());
                Reply::with_body(status, "text/plain; charset=utf-8", text)
            }
            Some((version, format)) => {
                let code = match status {
                    StatusCode::UNAUTHORIZED => OcsStatus::UNAUTHORISED,
                    StatusCode::NOT_FOUND => OcsStatus::UNKNOWN_ROUTE,
                    StatusCode::INTERNAL_SERVER_ERROR => OcsStatus::SERVER_ERROR,
                    status => OcsStatus::other(status.as_u16()),
                };
                let (http, kind, body) = envelope(version, format, code, self.text(), &Value::Null);
                // v1 would hide behind 200 what must stop a client or make it wait.
                let hides = matches!(self, Self::Missing | Self::NotAdmin);
                Reply::with_body(if hides { http } else { status }, kind, body)
            }
        };
        reply = reply.header("cache-control", "no-store");
        match self {
            Self::WrongMethod(allowed) => reply.header("allow", allowed),
            Self::LogInFirst(target) => reply.header("location", target),
            Self::Unavailable(_) => reply.header("retry-after", "30"),
            Self::NotLoggedIn | Self::Auth(AuthError::BadCredentials) => {
                reply.header("www-authenticate", r#"Basic realm="Authorisation Required""#)
            }
            Self::Auth(error) => match error.retry_after() {
                Some(seconds) => reply.header("retry-after", seconds.to_string()),
                None => reply,
            },
            _ => reply,
        }
    }
}
