//! Why a call was refused, and with which codes.

use std::borrow::Cow;

use http::StatusCode;

use crate::auth::{AccountError, AppPasswordError, AuthError};
use crate::proto::ocs::OcsStatus;
use crate::store::StoreError;
use crate::wire::BodyError;

/// Seconds until a client may ask again when the index was busy.
const RETRY_SECS: u64 = 5;

/// What a session has to do first whose login was long ago, in the reference server's words.
pub(super) const CONFIRM: &str = "Password confirmation is required";

/// Why a call was refused. Variants name the cause.
#[derive(Debug)]
pub(super) enum OcsError {
    /// There is no such route.
    UnknownRoute,
    /// The route has only these methods.
    WrongMethod(Vec<&'static str>),
    /// Neither marked as an API call nor with a Bearer token.
    CsrfFailed,
    /// The route needs a login, and there was none.
    NotLoggedIn,
    /// The login was not taken.
    Auth(AuthError),
    /// Only administrators.
    NotAdmin,
    /// Allowed to others, or in another way.
    Forbidden(&'static str),
    /// A record that is not there, or not this caller's to see: the two answer alike.
    NoSuchRecord,
    /// An administrator asked for a user that is not there.
    UserMissing,
    /// An administrator asked for a group that is not there.
    GroupMissing,
    /// The parameters cannot be read.
    BadRequest(String),
    /// The body is larger than the limit.
    TooLarge,
    /// One of the numbered causes of the provisioning API. The table at the head of each resource's
    /// file says which.
    Refused(u16, String),
    /// The index is busy.
    Busy,
    /// The index has no space left.
    Full,
    /// The index failed; the log says how.
    Failed,
}

impl OcsError {
    /// A numbered cause.
    pub(super) fn refused(code: u16, why: impl Into<String>) -> Self {
        Self::Refused(code, why.into())
    }

    /// The code of OCS.
    pub(super) fn status(&self) -> OcsStatus {
        match self {
            Self::UnknownRoute | Self::NoSuchRecord => OcsStatus::UNKNOWN_ROUTE,
            Self::WrongMethod(_) => OcsStatus::other(405),
            Self::CsrfFailed => OcsStatus::other(412),
            Self::NotLoggedIn => OcsStatus::UNAUTHORISED,
            Self::Auth(error) => match error.status() {
                StatusCode::UNAUTHORIZED => OcsStatus::UNAUTHORISED,
                status => OcsStatus::other(status.as_u16()),
            },
            Self::NotAdmin | Self::Forbidden(_) => OcsStatus::FORBIDDEN,
            Self::UserMissing | Self::GroupMissing => OcsStatus::NOT_FOUND,
            Self::BadRequest(_) => OcsStatus::BAD_REQUEST,
            Self::TooLarge => OcsStatus::other(413),
            Self::Refused(code, _) => OcsStatus::other(*code),
            Self::Busy => OcsStatus::other(503),
            Self::Full => OcsStatus::other(507),
            Self::Failed => OcsStatus::SERVER_ERROR,
        }
    }

    /// The status of HTTP where it is not that of the envelope's version. v1 would hide behind 200
    /// what must stop a client or make it wait.
    pub(super) fn http(&self) -> Option<StatusCode> {
        match self {
            Self::Auth(error) => Some(error.status()),
            Self::BadRequest(_) => Some(StatusCode::BAD_REQUEST),
            Self::TooLarge => Some(StatusCode::PAYLOAD_TOO_LARGE),
            Self::Busy => Some(StatusCode::SERVICE_UNAVAILABLE),
            Self::Full => Some(StatusCode::INSUFFICIENT_STORAGE),
            Self::Failed => Some(StatusCode::INTERNAL_SERVER_ERROR),
            _ => None,
        }
    }

    /// What the user may read.
    pub(super) fn message(&self) -> Cow<'_, str> {
        match self {
            Self::UnknownRoute => Cow::Borrowed(
                "Invalid query, please check the syntax. API specifications are here: \
                 http://www.freedesktop.org/wiki/Specifications/open-collaboration-services.\n",
            ),
            Self::WrongMethod(_) | Self::NoSuchRecord => Cow::Borrowed(""),
            Self::CsrfFailed => Cow::Borrowed("CSRF check failed"),
            Self::NotLoggedIn => Cow::Borrowed("Current user is not logged in"),
            Self::Auth(error) => match error.status() {
                StatusCode::UNAUTHORIZED => Cow::Borrowed("Unauthorised"),
                _ => Cow::Owned(error.to_string()),
            },
            Self::NotAdmin => Cow::Borrowed("Logged in account must be at least a sub admin"),
            Self::Forbidden(why) => Cow::Borrowed(why),
            Self::UserMissing => Cow::Borrowed("User does not exist"),
            Self::GroupMissing => Cow::Borrowed("The requested group could not be found"),
            Self::BadRequest(why) | Self::Refused(_, why) => Cow::Borrowed(why),
            Self::TooLarge => Cow::Borrowed("The body is too large"),
            Self::Busy => Cow::Borrowed("The server is busy"),
            Self::Full => Cow::Borrowed("The server has no space left"),
            Self::Failed => Cow::Borrowed("Internal server error"),
        }
    }

    /// Whether the answer carries `WWW-Authenticate`: only after a login that was wrong, as recorded
    /// (auth-401-answers [9], [10]).
    pub(super) fn challenges(&self) -> bool {
        matches!(self, Self::Auth(error) if error.status() == StatusCode::UNAUTHORIZED)
    }

    /// Whole seconds for `Retry-After`.
    pub(super) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Auth(error) => error.retry_after(),
            Self::Busy => Some(RETRY_SECS),
            _ => None,
        }
    }
}

impl From<AuthError> for OcsError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::CsrfFailed => Self::CsrfFailed,
            error => Self::Auth(error),
        }
    }
}

impl From<AppPasswordError> for OcsError {
    fn from(error: AppPasswordError) -> Self {
        match error {
            AppPasswordError::HasToken => {
                Self::Forbidden("You cannot request an new apppassword with an apppassword")
            }
            AppPasswordError::LoginTooOld => Self::Forbidden(CONFIRM),
            AppPasswordError::NoToken => Self::Forbidden("no app password in use"),
            AppPasswordError::Auth(error) => error.into(),
        }
    }
}

impl From<StoreError> for OcsError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy | StoreError::TooLong => Self::Busy,
            StoreError::Full => Self::Full,
            StoreError::Failed(why) => {
                tracing::error!(why, "the index failed");
                Self::Failed
            }
        }
    }
}

impl From<BodyError> for OcsError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::Cut | BodyError::TooSlow => Self::BadRequest(error.to_string()),
        }
    }
}

/// The codes of the reference server's provisioning API, where one cause has the same code on all
/// routes; where it has not, the resource looks first.
impl From<AccountError> for OcsError {
    fn from(error: AccountError) -> Self {
        let code = match error {
            AccountError::Store(error) => return error.into(),
            AccountError::Busy => return Self::Busy,
            AccountError::Throttled { retry_after } => {
                return Self::Auth(AuthError::Throttled { retry_after });
            }
            AccountError::LoginOver => return Self::Auth(AuthError::BadCredentials),
            AccountError::NoSuchUser => return Self::NoSuchRecord,
            AccountError::NoSuchGroup => return Self::GroupMissing,
            AccountError::UidTaken | AccountError::UidIsEmail => {
                return Self::refused(102, "User already exists");
            }
            AccountError::GroupTaken => return Self::refused(102, "group exists"),
            AccountError::WeakPassword { .. } => 107,
            AccountError::PasswordElsewhere(_) => 112,
            AccountError::BadUid
            | AccountError::EmailTaken
            | AccountError::LongPassword
            | AccountError::BadValue(_)
            | AccountError::LastAdmin => 101,
        };
        Self::refused(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::proto::ocs::OcsVersion::{V1, V2};

    #[test]
    fn causes_have_their_codes() {
        let wait = Duration::from_millis(1500);
        for (error, code, http1, http2, retry) in [
            (OcsError::UnknownRoute, 998, 200, 404, None),
            (OcsError::NotLoggedIn, 997, 401, 401, None),
            (AuthError::BadCredentials.into(), 997, 401, 401, None),
            (AuthError::Disabled.into(), 997, 401, 401, None),
            (AuthError::Expired.into(), 997, 401, 401, None),
            (AuthError::Throttled { retry_after: wait }.into(), 429, 429, 429, Some(2)),
            (AuthError::Unavailable { retry_after: wait }.into(), 503, 503, 503, Some(2)),
            (AuthError::TooLong.into(), 400, 400, 400, None),
            (OcsError::NotAdmin, 403, 200, 403, None),
            (OcsError::NoSuchRecord, 998, 200, 404, None),
            (OcsError::UserMissing, 404, 200, 404, None),
            (OcsError::TooLarge, 413, 413, 413, None),
            (AccountError::UidTaken.into(), 102, 200, 400, None),
            (AccountError::WeakPassword { min: 8 }.into(), 107, 200, 400, None),
            (StoreError::Busy.into(), 503, 503, 503, Some(5)),
            (StoreError::Full.into(), 507, 507, 507, None),
            (StoreError::Failed("x".to_owned()).into(), 996, 500, 500, None),
        ] {
            let http = |version| error.http().unwrap_or(error.status().http(version)).as_u16();
            assert_eq!(error.status().code(), code, "{error:?}");
            assert_eq!((http(V1), http(V2)), (http1, http2), "{error:?}");
            assert_eq!(error.retry_after(), retry, "{error:?}");
        }
    }
}
