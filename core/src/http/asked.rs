//! What hooks have to say about every request and every answer (`docs/extend/hooks.md`).
//!
//! | Event      | Hook says       | What happens                                            |
//! |------------|-----------------|---------------------------------------------------------|
//! | `request`  | deny            | its status; the text as WebDAV, OCS or plain text has it |
//! | `request`  | respond         | its answer                                              |
//! | `request`  | replace         | another path, other fields; the head is checked again   |
//! | `request`  | cannot decide   | 503                                                     |
//! | `response` | replace         | other fields, but for those of connection and body      |

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, EXPECT, HOST,
    PROXY_AUTHORIZATION, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use serde_json::Value as Json;

use super::checks::Refusal;
use super::origin::Origin;
use crate::hooks::{Bus, Call, Denial, EventId, Fields, Response, Value, Verdict};
use crate::proto::dav::{error_body, exception_of};
use crate::proto::ocs::{OcsFormat, OcsStatus, OcsVersion, envelope};
use crate::proto::user_agent::ClientKind;
use crate::wire::{Reply, USER_FIELD};

/// Fields that no hook sees: they are secrets.
const SECRET: [HeaderName; 4] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE];
/// Fields that no hook sets: they belong to the connection or to the body.
const FRAMING: [HeaderName; 9] = [
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    EXPECT,
    HOST,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// What hooks made of a request.
pub(super) enum Asked {
    /// It goes on.
    On(Parts),
    /// This is the answer.
    Answered(Reply),
}

/// Asks about a request.
pub(super) async fn request(
    bus: &Bus,
    id: &str,
    origin: &Origin,
    mut parts: Parts,
) -> Result<Asked, Refusal> {
    if !bus.has(EventId::Request) {
        return Ok(Asked::On(parts));
    }
    let host = origin.base_url.split("://").nth(1).unwrap_or_default();
    let fields = begun(&parts.headers, None)
        .with("method", parts.method.as_str())
        .with("path", parts.uri.path())
        .with("query", parts.uri.query())
        .with("host", host)
        .with("tls", origin.secure);
    let fields = with_headers(fields, &parts.headers);
    match bus.ask(&call(id, origin), EventId::Request, fields, None).await {
        Verdict::Go(answer) => match rewrite(&mut parts, &answer) {
            Ok(()) => Ok(Asked::On(parts)),
            Err(fault) => {
                tracing::error!(id, fault, "a hook rewrote a request into what it cannot be");
                Err(Refusal::Undecided)
            }
        },
        Verdict::Denied(denial) => Ok(Asked::Answered(denied(&parts, &denial))),
        Verdict::Respond(response) => responded(response).map(Asked::Answered),
        Verdict::Failed => Err(Refusal::Undecided),
    }
}

/// What is needed to ask about the answer, when the request is gone.
pub(super) struct Later {
    call: Call,
    fields: Fields,
}

impl Later {
    /// Of a request; `None` if nobody wants to be asked.
    pub(super) fn of(bus: &Bus, id: &str, origin: &Origin, parts: &Parts) -> Option<Self> {
        bus.has(EventId::Response).then(|| Self {
            call: call(id, origin),
            fields: begun(&parts.headers, None)
                .with("method", parts.method.as_str())
                .with("path", parts.uri.path()),
        })
    }

    /// Asks about the answer.
    pub(super) async fn ask(self, bus: &Bus, mut reply: Reply) -> Result<Reply, Refusal> {
        let user = reply.headers.get(USER_FIELD).map(shown);
        let mut fields = self.fields;
        fields.set("user", user);
        fields.set("status", i64::from(reply.status.as_u16()));
        let fields = with_headers(fields, &reply.headers);
        match bus.ask(&self.call, EventId::Response, fields, None).await {
            Verdict::Go(answer) => {
                for (name, value) in headers_of(&answer) {
                    if let Err(fault) = set_header(&mut reply.headers, name, value) {
                        tracing::error!(request = self.call.request_id, fault, "a hook's field");
                    }
                }
                Ok(reply)
            }
            _ => Err(Refusal::Undecided),
        }
    }
}

fn call(id: &str, origin: &Origin) -> Call {
    Call { request_id: id.to_owned(), remote_ip: Some(origin.remote_ip) }
}

fn begun(headers: &HeaderMap, user: Option<&str>) -> Fields {
    let agent = headers.get(http::header::USER_AGENT).map(shown).unwrap_or_default();
    Fields::new().with("user", user).with("client", ClientKind::of(&agent).name())
}

fn shown(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn with_headers(mut fields: Fields, headers: &HeaderMap) -> Fields {
    for name in headers.keys() {
        if SECRET.contains(name) || name == USER_FIELD {
            continue;
        }
        let values: Vec<String> = headers.get_all(name).iter().map(shown).collect();
        fields.set(format!("header.{name}"), values.join(", "));
    }
    fields
}

fn headers_of(answer: &Fields) -> impl Iterator<Item = (&str, &Value)> {
    answer.iter().filter_map(|(name, value)| Some((name.strip_prefix("header.")?, value)))
}

fn set_header(headers: &mut HeaderMap, name: &str, value: &Value) -> Result<(), String> {
    let known = HeaderName::from_bytes(name.as_bytes());
    let known = known.map_err(|_| format!("{name:?} cannot be a field"))?;
    if SECRET.contains(&known) || FRAMING.contains(&known) || known == USER_FIELD {
        return Err(format!("{known} cannot be set"));
    }
    match value {
        Value::Text(text) => {
            let value = HeaderValue::from_str(text);
            headers.insert(known, value.map_err(|_| format!("{name}: not a field's value"))?);
        }
        _ => {
            headers.remove(known);
        }
    }
    Ok(())
}

fn rewrite(parts: &mut Parts, answer: &Fields) -> Result<(), String> {
    if let Some(path) = answer.text("path") {
        let target = match parts.uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let uri: Uri = target.parse().map_err(|_| format!("{path:?} is no path"))?;
        if !path.starts_with('/') || uri.path() != path || uri.authority().is_some() {
            return Err(format!("{path:?} is no path"));
        }
        parts.uri = uri;
    }
    for (name, value) in headers_of(answer) {
        set_header(&mut parts.headers, name, value)?;
    }
    Ok(())
}

/// A refusal, as whoever asked reads it.
fn denied(parts: &Parts, denial: &Denial) -> Reply {
    let path = parts.uri.path();
    let path = path.strip_prefix("/index.php").unwrap_or(path);
    let Denial { status, message } = denial;
    let mut reply = if path.starts_with("/remote.php") {
        let body = error_body(exception_of(*status), message, None);
        Reply::with_body(*status, "application/xml; charset=utf-8", body)
    } else if let Some(rest) = path.strip_prefix("/ocs/") {
        let version = if rest.starts_with("v1.php") { OcsVersion::V1 } else { OcsVersion::V2 };
        let mut query = parts.uri.query().unwrap_or_default().rsplit('&');
        let accept = parts.headers.get(http::header::ACCEPT).and_then(|it| it.to_str().ok());
        let format = OcsFormat::negotiate(query.find_map(|it| it.strip_prefix("format=")), accept);
        let code = OcsStatus::other(status.as_u16());
        let (_, kind, body) = envelope(version, format, code, message, &Json::Null);
        Reply::with_body(*status, kind, body)
    } else {
        Reply::with_body(*status, "text/plain; charset=utf-8", format!("{message}\n"))
    };
    if *status == StatusCode::SERVICE_UNAVAILABLE {
        reply = reply.header("retry-after", "10");
    }
    reply.header("cache-control", "no-store")
}

fn responded(response: Response) -> Result<Reply, Refusal> {
    let mut reply =
        Reply::empty(StatusCode::from_u16(response.status).map_err(|_| Refusal::Undecided)?);
    for (name, value) in response.headers {
        // Cookies are a hook's to set here: the answer is its own.
        let known = HeaderName::from_bytes(name.as_bytes());
        let (Ok(known), Ok(value)) = (known, HeaderValue::from_str(&value)) else {
            tracing::error!(name, "a hook answered with what cannot be a field");
            return Err(Refusal::Undecided);
        };
        if !FRAMING.contains(&known) {
            reply.headers.append(known, value);
        }
    }
    reply.body = crate::wire::ReplyBody::Full(response.body.into());
    Ok(reply)
}
