//! A request as the resources see it: addressed, meant, its parameters read.

use http::Method;
use http::header::CONTENT_TYPE;

use super::error::OcsError;
use crate::auth::{By, Principal};
use crate::proto::form::{Fields, FormError};
use crate::proto::media_type::parse_essence;
use crate::proto::ocs::{OcsFormat, OcsVersion};
use crate::wire::{Body, Request};

/// Where a request goes and how it wants its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) version: OcsVersion,
    pub(super) format: OcsFormat,
    /// Below `/ocs/v2.php/`, still percent-encoded.
    pub(super) path: String,
}

impl Target {
    /// Reads the target of a request. A path outside the API becomes one that no route has.
    pub(super) fn parse(request: &Request) -> Self {
        let path = request.uri.path();
        let path = path.strip_prefix("/index.php").unwrap_or(path);
        let (version, path) = match (path.strip_prefix("/ocs/v1.php/"), path) {
            (Some(rest), _) => (OcsVersion::V1, rest),
            (None, path) => (OcsVersion::V2, path.strip_prefix("/ocs/v2.php/").unwrap_or("")),
        };
        // Not through `Fields`: the refusal of a query that cannot be read needs a format too.
        let mut query = request.uri.query().unwrap_or_default().rsplit('&');
        let format = query.find_map(|pair| pair.strip_prefix("format="));
        let format = OcsFormat::negotiate(format, request.header("accept"));
        Self { version, format, path: path.to_owned() }
    }
}

/// A request that may be acted on.
pub(super) struct Call {
    /// The request; its body is read.
    pub(super) request: Request,
    /// Query and body together; the body wins.
    pub(super) fields: Fields,
    /// What the path names (user, group); empty if it names nothing.
    pub(super) subject: String,
    /// Who asks; `None` only where the route lets everybody in.
    pub(super) principal: Option<Principal>,
}

impl Call {
    /// Who asks.
    ///
    /// # Errors
    /// [`OcsError::NotLoggedIn`].
    pub(super) fn principal(&self) -> Result<&Principal, OcsError> {
        self.principal.as_ref().ok_or(OcsError::NotLoggedIn)
    }

    /// Who asks, for a change.
    ///
    /// # Errors
    /// [`OcsError::NotLoggedIn`].
    pub(super) fn by(&self) -> Result<By, OcsError> {
        Ok(By::of(&self.request, self.principal()?))
    }

    /// A parameter; empty if it is missing.
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).unwrap_or_default().trim()
    }

    /// The parameters `limit` and `offset`. None, or a limit below zero, means all.
    ///
    /// # Errors
    /// [`OcsError::BadRequest`] if one is not a number.
    pub(super) fn page(&self) -> Result<(usize, usize), OcsError> {
        let number = |name: &'static str| match self.field(name) {
            "" => Ok(None),
            text => text
                .parse::<i64>()
                .map(|number| usize::try_from(number).ok())
                .map_err(|_| OcsError::BadRequest(format!("{name} is not a number"))),
        };
        let limit = number("limit")?.unwrap_or(ALL).min(ALL);
        Ok((limit, number("offset")?.unwrap_or(0).min(ALL)))
    }
}

/// More rows than there are, yet a number that every index takes.
pub(super) const ALL: usize = i32::MAX as usize;

/// Reads the parameters of a request: its query, and its body as a form or a JSON object.
///
/// # Errors
/// [`OcsError::TooLarge`], [`OcsError::BadRequest`].
pub(super) async fn fields_of(
    mut request: Request,
    limit: usize,
) -> Result<(Request, Fields), OcsError> {
    let query = Fields::parse_form(request.uri.query().unwrap_or_default().as_bytes())?;
    if matches!(request.method, Method::GET | Method::HEAD) {
        return Ok((request, query));
    }
    let body = std::mem::replace(&mut request.body, Body::from_bytes(""));
    let body = body.collect(limit).await?;
    let media_type = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let fields = match media_type.and_then(parse_essence).as_deref() {
        _ if body.is_empty() => Fields::default(),
        Some("application/json") => Fields::parse_json(&body)?,
        // Without a type, and with `text/plain`, clients mean a form.
        _ => Fields::parse_form(&body)?,
    };
    Ok((request, query.merge(fields)?))
}

impl From<FormError> for OcsError {
    fn from(error: FormError) -> Self {
        Self::BadRequest(error.to_string())
    }
}
