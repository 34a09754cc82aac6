//! `moonsail.http/1`: answering requests under a path of one's own.
//!
//! The core mounts the routes of an instance under `/apps/<instance>/` (and
//! `/index.php/apps/<instance>/`) and `/ocs/v1.php/apps/<instance>/` and
//! `/ocs/v2.php/apps/<instance>/`; nothing else can be answered, so no route hides one of the core's.
//! Before a route is asked, the core has checked who it is, that a browser's request is no forgery,
//! and how large the body says it is.

use std::net::IpAddr;

use bytes::Bytes;

use crate::BoxFuture;
use crate::stream::{ByteStream, Whole};

/// Who may ask a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Anybody, also without a login. Who is logged in is told all the same only where the request
    /// carries credentials and they are right.
    None,
    /// Whoever is logged in; others are answered 401.
    User,
    /// Administrators; other users are answered 403.
    Admin,
}

/// A method and a pattern of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `GET`, `POST` and so on. A route for `GET` also answers `HEAD`, without the body.
    pub method: String,
    /// `/apps/<name>/…` or `/ocs/v2.php/apps/<name>/…` with the instance's name. A segment in braces
    /// (`{id}`) stands for any one segment and names it; one at the end with a star (`{rest*}`)
    /// for all that is left, which may be nothing. Routes are tried in their order. An OCS route
    /// answers under `v1.php`, too.
    pub pattern: String,
    /// Who may ask.
    pub access: Access,
    /// The largest request body in bytes; what is longer is answered 413. 0 takes none.
    pub max_body: u64,
}

impl Route {
    /// A route that takes no body.
    pub fn new(method: &str, pattern: impl Into<String>, access: Access) -> Self {
        Self { method: method.to_owned(), pattern: pattern.into(), access, max_body: 0 }
    }

    /// The same with another limit for the request body.
    #[must_use]
    pub fn with_body(mut self, max_body: u64) -> Self {
        self.max_body = max_body;
        self
    }
}

/// Who asks, and how it reached the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// The request id, as in the access log.
    pub request_id: String,
    /// The address of the client, if known.
    pub remote_ip: Option<IpAddr>,
    /// Id of the user who asks.
    pub user: Option<String>,
    /// The user's name as people see it; empty without a user.
    pub display_name: String,
    /// Whether the user is an administrator.
    pub admin: bool,
    /// Base of absolute URLs without a slash at the end: `https://cloud.example.org`.
    pub base_url: String,
    /// Milliseconds until the core gives the request up.
    pub time_left_millis: u64,
}

/// The head of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Which of [`HttpApp::routes`] was found, counted from 0.
    pub route: u32,
    /// The method; `HEAD` where that is what was asked.
    pub method: String,
    /// The path as the pattern was compared with it, decoded: it begins with `/apps/` or
    /// `/ocs/v2.php/apps/`, whichever way it was asked.
    pub path: String,
    /// What is behind the question mark, as it came; empty if nothing.
    pub query: String,
    /// The segments that the pattern names, decoded, in its order.
    pub params: Vec<(String, String)>,
    /// Fields in order, names in lower case. `Authorization`, `Cookie` and what belongs to the
    /// connection are left out.
    pub fields: Vec<(String, Vec<u8>)>,
}

impl Head {
    /// What a segment named in the pattern was.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(param, _)| param == name).map(|(_, value)| value.as_str())
    }

    /// The first field of a name, in lower case, if it is text.
    pub fn field(&self, name: &str) -> Option<&str> {
        let (_, value) = self.fields.iter().find(|(field, _)| field == name)?;
        std::str::from_utf8(value).ok()
    }
}

/// An answer.
pub struct Answer {
    /// 200 to 599, and 204 and 304 only without a body.
    pub status: u16,
    /// Fields, by name. The core adds `Content-Security-Policy` and `X-Content-Type-Options` where
    /// they are missing, and leaves out what is its own business: `Set-Cookie`, `Content-Length`,
    /// and all that belongs to the connection.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Length of the body if known. A body that ends before it breaks the connection.
    pub length: Option<u64>,
    /// The body.
    pub body: Box<dyn ByteStream>,
}

impl Answer {
    /// An answer that is there as a whole.
    pub fn full(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let fields = match content_type {
            "" => Vec::new(),
            given => vec![("content-type".to_owned(), given.as_bytes().to_vec())],
        };
        Self { status, fields, length: Some(body.len() as u64), body: Whole::boxed(body) }
    }

    /// An answer that is made while it is sent.
    pub fn streamed(status: u16, content_type: &str, body: Box<dyn ByteStream>) -> Self {
        Self { length: None, body, ..Self::full(status, content_type, Bytes::new()) }
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }
}

/// Why there is no answer. The text is for the log, never for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Something it needs cannot be reached now: 503 with `Retry-After`.
    #[error("not available: {0}")]
    Unavailable(String),
    /// The request body could not be read: 400, or 413 if it was too large.
    #[error(transparent)]
    Body(#[from] crate::stream::StreamError),
    /// Anything else: 500.
    #[error("failed: {0}")]
    Failed(String),
}

/// Answers requests.
pub trait HttpApp: Send + Sync + 'static {
    /// The routes. Asked once, when the app is taken into service; one that lies outside the
    /// instance's own paths is a refusal of the whole plugin.
    fn routes(&self) -> Vec<Route>;

    /// Answers a request of one of the routes. The body may be read while the answer is sent, and
    /// need not be read at all. Dropping the future means that the client has gone or the time is
    /// over.
    ///
    /// # Errors
    /// [`HttpError`].
    fn handle(
        &self,
        call: Call,
        head: Head,
        body: Box<dyn ByteStream>,
    ) -> BoxFuture<'_, Result<Answer, HttpError>>;
}
