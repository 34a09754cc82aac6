//! What no room should have to see.
//!
//! | Request                              | Answer | Source                        |
//! |--------------------------------------|--------|-------------------------------|
//! | target over 16 KiB                   | 414    | RFC 9110 §15.5.15             |
//! | fields over 64 KiB, or over 100      | 431    | RFC 6585 §5                   |
//! | no, two or an impossible `Host`      | 400    | RFC 9112 §3.2                 |
//! | TRACE, CONNECT                       | 405    | RFC 9110 §15.5.6              |
//! | body with a content coding           | 415    | RFC 9110 §8.4                 |
//! | a page over plain HTTP, from afar    | 301    | `threats.md` §6               |
//! | anything else over plain HTTP, afar  | 403    | credentials would be readable |
//! | `Expect` other than `100-continue`   | 417    | RFC 9110 §10.1.1              |

use http::header::{ALLOW, CONNECTION, CONTENT_ENCODING, EXPECT, HeaderMap, LOCATION, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use super::origin::Origin;
use super::{HttpLimits, HttpOrigins};
use crate::wire::Reply;

/// Why the door answers instead of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("The request target is too long.")]
    LongTarget,
    #[error("The header fields are too large.")]
    LargeFields,
    #[error("The request does not name exactly one valid host.")]
    BadHost,
    #[error("This method is not supported.")]
    Method,
    #[error("Request bodies with a content coding are not supported.")]
    Coding,
    #[error("This expectation cannot be met.")]
    Expectation,
    #[error("Plain HTTP is not available here; use https.")]
    Plain,
    #[error("The server is busy; try again soon.")]
    Busy,
    #[error("This cannot be decided at the moment; try again soon.")]
    Undecided,
    #[error("The request body came too slowly.")]
    TooSlow,
    #[error("The server failed; the log knows more under this request id.")]
    Panic,
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::LongTarget => StatusCode::URI_TOO_LONG,
            Self::LargeFields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BadHost => StatusCode::BAD_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Coding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::Plain => StatusCode::FORBIDDEN,
            Self::Busy | Self::Undecided => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Panic => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether the client must start anew: what it sends next cannot be trusted or awaited.
    fn closes(self) -> bool {
        matches!(self, Self::LongTarget | Self::LargeFields | Self::BadHost | Self::TooSlow)
    }

    /// A short fixed text with the request id, so that the log can be asked.
    pub(super) fn reply(self, request_id: &str, http2: bool) -> Reply {
        let text = format!("{self}\nRequest id: {request_id}\n");
        let mut reply = Reply::with_body(self.status(), "text/plain; charset=utf-8", text);
        match self {
            Self::Method => {
                let allow = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PROPFIND, PROPPATCH, MKCOL, \
                             COPY, MOVE, LOCK, UNLOCK, REPORT, SEARCH";
                reply.headers.insert(ALLOW, HeaderValue::from_static(allow));
            }
            Self::Busy | Self::Undecided => {
                reply.headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        if self.closes() && !http2 {
            reply.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        reply
    }
}

/// Checks that need no origin.
pub(super) fn check_head(limits: &HttpLimits, parts: &Parts) -> Result<(), Refusal> {
    let authority = parts.uri.authority().map_or(0, |authority| authority.as_str().len());
    let path = parts.uri.path_and_query().map_or(0, |path| path.as_str().len());
    if authority + path > limits.uri_bytes {
        return Err(Refusal::LongTarget);
    }
    if parts.headers.len() > limits.header_count || size(&parts.headers) > limits.header_bytes {
        return Err(Refusal::LargeFields);
    }
    if matches!(parts.method, Method::TRACE | Method::CONNECT) {
        return Err(Refusal::Method);
    }
    let mut codings = parts.headers.get_all(CONTENT_ENCODING).iter();
    if codings.any(|value| !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::Coding);
    }
    let mut expects = parts.headers.get_all(EXPECT).iter();
    if expects.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(Refusal::Expectation);
    }
    Ok(())
}

fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// Plain HTTP is for this machine and for proxies. Others are sent on if they ask for a page:
/// an app that is redirected has already sent its password in the open, and would go on doing so.
pub(super) fn check_transport(
    settings: &HttpOrigins,
    origin: &Origin,
    parts: &Parts,
) -> Option<Result<Reply, Refusal>> {
    if origin.secure || origin.near {
        return None;
    }
    let path = parts.uri.path();
    let api = ["/remote.php", "/ocs", "/public.php"].iter().any(|prefix| path.starts_with(prefix));
    let page = matches!(parts.method, Method::GET | Method::HEAD) && !api;
    let Some(target) = https_base(settings, origin).filter(|_| page) else {
        return Some(Err(Refusal::Plain));
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut reply = Reply::empty(StatusCode::MOVED_PERMANENTLY);
    let Ok(location) = HeaderValue::try_from(format!("{target}{path}")) else {
        return Some(Err(Refusal::Plain));
    };
    reply.headers.insert(LOCATION, location);
    Some(Ok(reply))
}

fn https_base(settings: &HttpOrigins, origin: &Origin) -> Option<String> {
    if origin.base_url.starts_with("https://") {
        return Some(origin.base_url.to_string());
    }
    let port = settings.https_port?;
    let host = origin.base_url.strip_prefix("http://")?;
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    };
    Some(if port == 443 { format!("https://{name}") } else { format!("https://{name}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_and_proxies() {
        let from_afar = |url: &str| Origin {
            remote_ip: "203.0.113.5".parse().expect("an address"),
            base_url: url.into(),
            secure: false,
            near: false,
        };
        let settings = |https_port| HttpOrigins { https_port, ..HttpOrigins::default() };
        let parts = |method: &str, target: &str| {
            let request = http::Request::builder().method(method).uri(target);
            request.body(()).unwrap().into_parts().0
        };
        for (method, target, base, port, location) in [
            (
                "GET",
                "/f/12?x=1",
                "http://a.org:8080",
                Some(8443),
                Some("https://a.org:8443/f/12?x=1"),
            ),
            ("HEAD", "/", "http://a.org", Some(443), Some("https://a.org/")),
            ("GET", "//evil.org", "http://[::1]", Some(443), Some("https://[::1]//evil.org")),
            ("GET", "/", "https://public.org", None, Some("https://public.org/")),
            ("GET", "/", "http://a.org", None, None),
            ("POST", "/login", "http://a.org", Some(443), None),
            ("GET", "/remote.php/dav/", "http://a.org", Some(443), None),
            ("PROPFIND", "/remote.php/dav/", "http://a.org", Some(443), None),
            ("GET", "/ocs/v2.php/cloud/user", "http://a.org", Some(443), None),
        ] {
            let answer =
                check_transport(&settings(port), &from_afar(base), &parts(method, target)).unwrap();
            match (answer, location) {
                (Ok(reply), Some(location)) => {
                    assert_eq!(reply.status, 301);
                    assert_eq!(reply.headers[LOCATION], location);
                }
                (Err(refusal), None) => assert_eq!(refusal.status(), 403),
                (answer, _) => panic!("{method} {target}: {:?}", answer.map(|reply| reply.status)),
            }
        }
        for (secure, near) in [(true, false), (false, true)] {
            let origin = Origin { secure, near, ..from_afar("http://a.org") };
            assert!(check_transport(&settings(None), &origin, &parts("PUT", "/x")).is_none());
        }
    }
}
