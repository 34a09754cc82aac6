//! Why a WebDAV request was refused, and how that looks on the wire.
//!
//! The exception names are sabre's and Nextcloud's: the apps tell causes apart by them
//! (clients.md §19).

use std::borrow::Cow;

use http::StatusCode;

use super::methods::{ALLOW_FILES, ALLOW_UPLOADS};
use crate::auth::AuthError;
use crate::content::{ContentError, TransferError};
use crate::hooks::Denial;
use crate::path::PathError;
use crate::proto::dav::{Condition, XmlError, error_body, exception_of};
use crate::proto::error::HeaderError;
use crate::storage::StorageError;
use crate::store::StoreError;
use crate::tree::TreeError;
use crate::wire::{BodyError, Reply, Request};

/// A refusal. Variants name the cause, not the status.
#[derive(Debug, thiserror::Error)]
pub enum DavError {
    /// No credentials.
    #[error("No public access to this resource.")]
    NotAuthenticated,
    /// Credentials that were not taken.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The URL means nothing here, or nothing that this user may see.
    #[error("File could not be located")]
    NoSuchPlace,
    /// A path that cannot be.
    #[error("{0}")]
    Path(#[from] PathError),
    /// A header field that says nothing good.
    #[error("{0}")]
    Header(#[from] HeaderError),
    /// A header field that must be there.
    #[error("{0} is missing")]
    HeaderMissing(&'static str),
    /// A request that contradicts itself or its method.
    #[error("{0}")]
    BadRequest(&'static str),
    /// A body that is not the XML it should be.
    #[error("{0}")]
    Xml(#[from] XmlError),
    /// A body of a media type that the method does not take.
    #[error("The body is of a type that this method does not take")]
    UnsupportedMediaType,
    /// A body without a length where one is needed.
    #[error("Content-Length is required")]
    LengthRequired,
    /// A body, or the file it would make, beyond a limit.
    #[error("The body is too large")]
    TooLarge,
    /// Not for this method; what is.
    #[error("The method is not allowed here")]
    MethodNotAllowed(&'static str),
    /// The app password only reads, or is for another folder; or nobody may change a mount.
    #[error("It is not allowed to change this")]
    OutOfScope,
    /// `Depth: infinity` of a PROPFIND.
    #[error("Depth: infinity is not supported")]
    InfiniteDepth,
    /// The destination is on another server.
    #[error("The destination is on another server")]
    ForeignDestination,
    /// The destination cannot be written to.
    #[error("The destination is not in your files")]
    DestinationOutside,
    /// A report that is not known.
    #[error("The report is not supported")]
    UnknownReport,
    /// A search in a scope that is not the user's.
    #[error("The scope of the search is not valid")]
    SearchScope,
    /// No byte of the range exists; the size.
    #[error("The range is not satisfiable")]
    Unsatisfiable(u64),
    /// The lock token is of another resource.
    #[error("The lock token does not match")]
    LockTokenMismatch,
    /// A listing ended before it began: its job died.
    #[error("The server could not do it; its log says why")]
    ListingLost,
    /// A hook refused; the text is for the user.
    #[error("{}", .0.message)]
    Denied(Denial),
    /// A hook could not decide.
    #[error("This cannot be decided at the moment")]
    Undecided,
    /// The tree refused. The base href makes its paths hrefs.
    #[error("{0}")]
    Tree(TreeError, String),
    /// Bytes could not be taken or given.
    #[error("{0}")]
    Content(ContentError),
    /// A chunked upload could not go on.
    #[error("{0}")]
    Transfer(TransferError),
}

impl From<TreeError> for DavError {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::Store(error) => Self::Content(error.into()),
            TreeError::Storage(error) => Self::Content(error.into()),
            error => Self::Tree(error, String::new()),
        }
    }
}

impl From<ContentError> for DavError {
    fn from(error: ContentError) -> Self {
        Self::Content(error)
    }
}

impl From<TransferError> for DavError {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Content(error) => Self::Content(error),
            error => Self::Transfer(error),
        }
    }
}

impl From<BodyError> for DavError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            error => Self::Content(error.into()),
        }
    }
}

impl DavError {
    /// Status and exception name: one line a cause.
    fn kind(&self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::NotAuthenticated => (S::UNAUTHORIZED, exception_of(S::UNAUTHORIZED)),
            Self::Auth(AuthError::CsrfFailed) => {
                (S::PRECONDITION_FAILED, exception_of(S::UNAUTHORIZED))
            }
            Self::Auth(error) => (error.status(), exception_of(error.status())),
            Self::NoSuchPlace => (S::NOT_FOUND, NOT_FOUND),
            // COMPAT(desktop, android): they show "invalid characters" for this exception.
            Self::Path(_) => (S::BAD_REQUEST, r"OC\Connector\Sabre\Exception\InvalidPath"),
            Self::Header(_) | Self::HeaderMissing(_) | Self::BadRequest(_) => BAD_REQUEST,
            Self::Xml(_) => BAD_REQUEST,
            Self::UnsupportedMediaType => {
                (S::UNSUPPORTED_MEDIA_TYPE, r"Sabre\DAV\Exception\UnsupportedMediaType")
            }
            Self::LengthRequired => (S::LENGTH_REQUIRED, r"Sabre\DAV\Exception\LengthRequired"),
            Self::TooLarge => {
                (S::PAYLOAD_TOO_LARGE, r"OCA\DAV\Connector\Sabre\Exception\EntityTooLarge")
            }
            Self::MethodNotAllowed(_) => {
                (S::METHOD_NOT_ALLOWED, r"Sabre\DAV\Exception\MethodNotAllowed")
            }
            Self::OutOfScope | Self::InfiniteDepth | Self::DestinationOutside => FORBIDDEN,
            Self::ForeignDestination => (S::BAD_GATEWAY, r"Sabre\DAV\Exception\BadGateway"),
            Self::UnknownReport => {
                (S::UNSUPPORTED_MEDIA_TYPE, r"Sabre\DAV\Exception\ReportNotSupported")
            }
            Self::SearchScope => (S::CONFLICT, CONFLICT.1),
            Self::Unsatisfiable(_) => {
                (S::RANGE_NOT_SATISFIABLE, r"Sabre\DAV\Exception\RequestedRangeNotSatisfiable")
            }
            Self::LockTokenMismatch => {
                (S::CONFLICT, r"Sabre\DAV\Exception\LockTokenMatchesRequestUri")
            }
            Self::ListingLost => INTERNAL,
            Self::Denied(denial) => (denial.status, exception_of(denial.status)),
            Self::Undecided => UNAVAILABLE,
            Self::Tree(error, _) => tree_kind(error),
            Self::Content(error) => content_kind(error),
            Self::Transfer(error) => match error {
                TransferError::Missing => (S::NOT_FOUND, NOT_FOUND),
                TransferError::Exists => {
                    (S::METHOD_NOT_ALLOWED, r"Sabre\DAV\Exception\MethodNotAllowed")
                }
                TransferError::TooMany(_) => INSUFFICIENT,
                _ => BAD_REQUEST,
            },
        }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.kind().0
    }

    /// The element inside `d:error` that the specifications name (RFC 4918 §16 and others).
    fn condition(&self) -> Option<Condition> {
        match self {
            Self::InfiniteDepth => Some(Condition::PropfindFiniteDepth),
            Self::UnknownReport => Some(Condition::SupportedReport),
            Self::SearchScope => Some(Condition::SearchScopeValid),
            Self::LockTokenMismatch | Self::Tree(TreeError::NoSuchLock(_), _) => {
                Some(Condition::LockTokenMatchesRequestUri)
            }
            Self::Tree(TreeError::Locked { path, .. }, base) => {
                Some(Condition::LockTokenSubmitted(vec![format!("{base}/{}", path.encode())]))
            }
            Self::Tree(TreeError::OverQuota { .. }, _) | Self::Content(ContentError::OverQuota) => {
                Some(Condition::QuotaNotExceeded)
            }
            Self::Content(ContentError::Storage(StorageError::Full))
            | Self::Content(ContentError::Store(StoreError::Full)) => {
                Some(Condition::SufficientDiskSpace)
            }
            _ => None,
        }
    }

    /// What the client is told: a text that is the same for every path and name, since it may end in
    /// a screenshot or in another program's log (`threats` §0.4). The apps show it and read nothing
    /// out of it (clients.md §19); causes that only the log may see have none of their own.
    fn message(&self) -> Cow<'static, str> {
        match self {
            Self::Content(ContentError::Store(StoreError::TooLong)) => {
                "The search took too long; ask for less at once".into()
            }
            Self::Content(
                ContentError::Storage(_) | ContentError::Store(_) | ContentError::Changed,
            ) => match self.status() {
                StatusCode::INSUFFICIENT_STORAGE => "The server has no space left".into(),
                StatusCode::SERVICE_UNAVAILABLE => "Storage is temporarily not available".into(),
                _ => "The server could not do it; its log says why".into(),
            },
            Self::Tree(error, _) => tree_text(error).into(),
            Self::Transfer(TransferError::Offset(_)) => "The chunk's offset does not fit".into(),
            Self::Xml(error) => xml_text(error),
            error => error.to_string().into(),
        }
    }

    /// The whole answer.
    pub(super) fn reply(self, challenge: &'static str) -> Reply {
        let (status, exception) = self.kind();
        if status.is_server_error() {
            tracing::error!(error = ?self, "a WebDAV request failed");
        }
        let body = error_body(exception, &self.message(), self.condition());
        let mut reply = Reply::with_body(status, XML, body);
        if status == StatusCode::UNAUTHORIZED {
            reply = reply.header("www-authenticate", challenge);
        }
        match &self {
            Self::MethodNotAllowed(allow) => reply = reply.header("allow", allow),
            // RFC 9110 §15.5.6: a 405 says what is allowed.
            Self::Tree(TreeError::Exists(_), _) => {
                reply = reply.header("allow", ALLOW_FILES);
            }
            Self::Transfer(TransferError::Exists) => {
                reply = reply.header("allow", ALLOW_UPLOADS);
            }
            Self::Unsatisfiable(size) => {
                reply =
                    reply.header("content-range", crate::proto::range::unsatisfied_range(*size));
            }
            Self::Auth(error) => {
                if let Some(seconds) = error.retry_after() {
                    reply = reply.header("retry-after", seconds.to_string());
                }
            }
            _ if status == StatusCode::SERVICE_UNAVAILABLE => {
                reply = reply.header("retry-after", "10");
            }
            _ => {}
        }
        reply
    }
}

/// Media type of every XML answer, in just this spelling (clients.md trap 10).
pub(super) const XML: &str = "application/xml; charset=utf-8";

const NOT_FOUND: &str = r"Sabre\DAV\Exception\NotFound";
const BAD_REQUEST: (StatusCode, &str) =
    (StatusCode::BAD_REQUEST, r"Sabre\DAV\Exception\BadRequest");
const FORBIDDEN: (StatusCode, &str) = (StatusCode::FORBIDDEN, r"Sabre\DAV\Exception\Forbidden");
const CONFLICT: (StatusCode, &str) = (StatusCode::CONFLICT, r"Sabre\DAV\Exception\Conflict");
const INSUFFICIENT: (StatusCode, &str) =
    (StatusCode::INSUFFICIENT_STORAGE, r"Sabre\DAV\Exception\InsufficientStorage");
const UNAVAILABLE: (StatusCode, &str) =
    (StatusCode::SERVICE_UNAVAILABLE, r"OCP\Files\StorageNotAvailableException");
const INTERNAL: (StatusCode, &str) = (StatusCode::INTERNAL_SERVER_ERROR, r"Sabre\DAV\Exception");

fn tree_kind(error: &TreeError) -> (StatusCode, &'static str) {
    match error {
        TreeError::NotFound(_) => (StatusCode::NOT_FOUND, NOT_FOUND),
        // RFC 4918 §9.3.1, §9.7.1, §9.8.5: a missing parent is a conflict.
        TreeError::ParentMissing(_) | TreeError::NotAFolder(_) | TreeError::IsAFolder(_) => {
            CONFLICT
        }
        TreeError::Exists(_) => {
            (StatusCode::METHOD_NOT_ALLOWED, r"Sabre\DAV\Exception\MethodNotAllowed")
        }
        TreeError::WouldOverwrite(_) | TreeError::PreconditionFailed(_) => {
            (StatusCode::PRECONDITION_FAILED, r"Sabre\DAV\Exception\PreconditionFailed")
        }
        TreeError::Locked { .. } => (StatusCode::LOCKED, r"Sabre\DAV\Exception\Locked"),
        TreeError::NoSuchLock(_) => {
            (StatusCode::CONFLICT, r"Sabre\DAV\Exception\LockTokenMatchesRequestUri")
        }
        TreeError::OverQuota { .. } | TreeError::TooManyProperties | TreeError::TooManyLocks => {
            INSUFFICIENT
        }
        TreeError::IntoItself(_) | TreeError::Changed(_) => CONFLICT,
        TreeError::SameTarget | TreeError::Root => FORBIDDEN,
        TreeError::Store(error) => store_kind(error),
        TreeError::Storage(error) => storage_kind(error),
    }
}

/// The text of a cause in the tree, without the path.
fn tree_text(error: &TreeError) -> &'static str {
    match error {
        TreeError::NotFound(_) => "File could not be located",
        TreeError::ParentMissing(_) => "Parent node does not exist",
        TreeError::NotAFolder(_) => "Parent node is not a collection",
        TreeError::IsAFolder(_) => "PUT is not allowed on non-files.",
        TreeError::Exists(_) => "The resource you tried to create already exists",
        TreeError::WouldOverwrite(_) => {
            "The destination node already exists, and the overwrite header is set to false"
        }
        TreeError::PreconditionFailed(_) => "A condition of the request does not hold",
        TreeError::Locked { .. } => "The resource is locked",
        TreeError::NoSuchLock(_) => "There is no such lock here",
        TreeError::OverQuota { .. } => "The quota does not allow it",
        TreeError::IntoItself(_) => "A collection cannot be moved or copied into itself",
        TreeError::SameTarget => "Source and destination uri are identical.",
        TreeError::Root => "The root cannot be changed this way",
        TreeError::Changed(_) => "It changed meanwhile",
        TreeError::TooManyProperties => "There are too many properties",
        TreeError::TooManyLocks => "You hold too many locks",
        TreeError::Store(_) | TreeError::Storage(_) => {
            "The server could not do it; its log says why"
        }
    }
}

/// The text of a cause in a body, without what the body says.
fn xml_text(error: &XmlError) -> Cow<'static, str> {
    match error {
        XmlError::UnknownEntity(_) => "The body has an unknown entity".into(),
        XmlError::UndeclaredPrefix(_) => "A namespace prefix is not declared".into(),
        XmlError::Malformed(_) => "The document is not well-formed".into(),
        XmlError::UnexpectedRoot { expected, .. } => {
            format!("Expected {{DAV:}}{expected} as the root element").into()
        }
        XmlError::UnknownReport(_) => "The report is not supported".into(),
        error => error.to_string().into(),
    }
}

fn content_kind(error: &ContentError) -> (StatusCode, &'static str) {
    match error {
        ContentError::Body(BodyError::TooSlow) => (StatusCode::REQUEST_TIMEOUT, BAD_REQUEST.1),
        ContentError::Body(BodyError::TooLarge) => DavError::TooLarge.kind(),
        ContentError::Body(BodyError::Cut)
        | ContentError::Length { .. }
        | ContentError::Checksum { .. } => BAD_REQUEST,
        ContentError::OverQuota => INSUFFICIENT,
        ContentError::Gone => (StatusCode::NOT_FOUND, NOT_FOUND),
        ContentError::Changed => UNAVAILABLE,
        ContentError::Storage(error) => storage_kind(error),
        ContentError::Store(error) => store_kind(error),
    }
}

fn storage_kind(error: &StorageError) -> (StatusCode, &'static str) {
    match error {
        StorageError::Full => INSUFFICIENT,
        StorageError::Unavailable(_) => UNAVAILABLE,
        _ => INTERNAL,
    }
}

fn store_kind(error: &StoreError) -> (StatusCode, &'static str) {
    match error {
        StoreError::Busy | StoreError::TooLong => UNAVAILABLE,
        StoreError::Full => INSUFFICIENT,
        StoreError::Failed(_) => INTERNAL,
    }
}

/// `WWW-Authenticate` of a 401. Scripts in a browser get a scheme that it does not know, so that it
/// does not ask its user (Nextcloud `apps/dav/lib/Connector/Sabre/Auth.php`).
pub(super) fn challenge(request: &Request) -> &'static str {
    match request.header("x-requested-with") {
        Some("XMLHttpRequest") => r#"DummyBasic realm="Moonsail""#,
        _ => r#"Basic realm="Moonsail", charset="UTF-8""#,
    }
}
