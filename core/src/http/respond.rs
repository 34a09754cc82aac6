//! The only place that finishes replies: fields that every answer carries, and none that it must not.
//!
//! | Field                     | Value, unless the room set one             | Why                |
//! |---------------------------|--------------------------------------------|--------------------|
//! | `X-Request-Id`            | the request's                              | support            |
//! | `X-Content-Type-Options`  | `nosniff` (always)                         | `threats.md` §5    |
//! | `Referrer-Policy`         | `no-referrer`                              | §5                 |
//! | `Content-Security-Policy` | `default-src 'none'; frame-ancestors 'none'` | §5               |
//! | `X-Frame-Options`         | `DENY`                                     | older browsers     |
//! | `X-Robots-Tag`            | `noindex, nofollow`                        | private files      |
//! | `Strict-Transport-Security` | one year, over TLS                       | §5                 |
//! | `Content-Length`          | if it is known                             | RFC 9110 §8.6      |
//!
//! `Date` comes from hyper, which formats it once a second.

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body::Body as _;

use super::access::{Log, ResponseBody};
use super::gzip::compress;
use crate::wire::{Reply, ReplyBody, USER_FIELD};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// What a finished reply depends on.
pub(super) struct Context<'a> {
    pub(super) method: &'a Method,
    pub(super) request_id: &'a str,
    pub(super) secure: bool,
    /// Whether the connection cannot take another request; only HTTP/1.1 ever says so.
    pub(super) closes: bool,
    /// Whether the answer may be compressed.
    pub(super) gzip: bool,
}

/// Turns a room's reply into what goes over the wire.
pub(super) fn finish(mut reply: Reply, context: &Context<'_>, log: Log) -> Response<ResponseBody> {
    let mut gzip = compress(&mut reply, context.gzip);
    let Reply { status, mut headers, mut body } = reply;
    let user = headers.remove(USER_FIELD);
    let user = user.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());

    let bodiless = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if bodiless {
        // RFC 9110 §8.6: never with 1xx and 204; with 304 it would be that of the representation.
        headers.remove(CONTENT_LENGTH);
        body = ReplyBody::Full(Bytes::new());
    } else if !headers.contains_key(CONTENT_LENGTH)
        && let Some(length) = body.size_hint().exact()
    {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if context.method == Method::HEAD {
        body = ReplyBody::Full(Bytes::new());
        gzip = None;
    }

    if let Ok(id) = HeaderValue::from_str(context.request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if context.secure {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(year);
    }
    if context.closes {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    for (name, value) in [
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (X_FRAME_OPTIONS, "DENY"),
        (X_ROBOTS_TAG, "noindex, nofollow"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }

    let mut response = Response::new(log.answered(status, user, body, gzip));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
