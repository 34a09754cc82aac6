//! From an answer or a refusal to the bytes of a reply.

use http::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::OcsError;
use crate::ids::Uid;
use crate::proto::conditions::EtagCondition;
use crate::proto::ocs::{OcsFormat, OcsStatus, OcsVersion, envelope};
use crate::wire::{Reply, Request, USER_FIELD};

/// Answers change with the account, and some are secrets (recorded on every OCS answer).
const CACHE_CONTROL: &str = "no-cache, no-store, must-revalidate";

/// What a resource answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// Data in an envelope.
    Data(Value),
    /// The same with an `ETag`; 304 without a body if the client has it already.
    Tagged(Value),
    /// 204: nothing to say.
    NoContent,
}

impl Answer {
    /// Success without data: `[]`.
    pub(super) fn done() -> Self {
        Self::Data(Value::Null)
    }
}

/// How a client wants to be answered.
#[derive(Debug, Clone)]
pub(super) struct Voice {
    version: OcsVersion,
    format: OcsFormat,
    if_none_match: Option<EtagCondition>,
    /// Scripts of a page ask; a browser must not open its own password dialogue.
    scripted: bool,
}

impl Voice {
    /// What of `request` matters for its reply.
    pub(super) fn new(version: OcsVersion, format: OcsFormat, request: &Request) -> Self {
        let conditional = matches!(request.method, Method::GET | Method::HEAD);
        let held = request.header("if-none-match").filter(|_| conditional);
        Self {
            version,
            format,
            // One that cannot be read is as none: the client gets the whole answer.
            if_none_match: held.and_then(|value| EtagCondition::parse(value).ok()),
            scripted: request.header("x-requested-with") == Some("XMLHttpRequest"),
        }
    }

    fn envelope(&self, status: OcsStatus, message: &str, data: &Value) -> Reply {
        let (status, content_type, body) =
            envelope(self.version, self.format, status, message, data);
        Reply::with_body(status, content_type, body)
    }

    fn bare(&self, status: StatusCode) -> Reply {
        let mut reply = Reply::empty(status);
        let content_type = HeaderValue::from_static(self.format.content_type());
        reply.headers.insert(CONTENT_TYPE, content_type);
        reply
    }
}

/// Writes the reply.
pub(super) fn write(voice: &Voice, outcome: Result<Answer, OcsError>, user: Option<&Uid>) -> Reply {
    let reply = match outcome {
        Ok(answer) => success(voice, answer),
        Err(error) => failure(voice, &error),
    };
    let reply = reply.header("cache-control", CACHE_CONTROL);
    match user {
        Some(user) => reply.header(USER_FIELD, user.as_str()),
        None => reply,
    }
}

fn success(voice: &Voice, answer: Answer) -> Reply {
    match answer {
        Answer::Data(data) => voice.envelope(OcsStatus::OK, "", &data),
        Answer::Tagged(data) => tagged(voice, &data),
        Answer::NoContent => match voice.version {
            OcsVersion::V1 => voice.envelope(OcsStatus::other(204), "", &Value::Null),
            OcsVersion::V2 => voice.bare(StatusCode::NO_CONTENT),
        },
    }
}

fn tagged(voice: &Voice, data: &Value) -> Reply {
    let (status, content_type, body) =
        envelope(voice.version, voice.format, OcsStatus::OK, "", data);
    let tag = hex::encode(&Sha256::digest(&body)[..16]);
    let held = voice.if_none_match.as_ref().is_some_and(|held| held.matches_weak(Some(&tag)));
    let reply = match held {
        true => Reply::empty(StatusCode::NOT_MODIFIED),
        false => Reply::with_body(status, content_type, body),
    };
    reply.header("etag", format!("\"{tag}\""))
}

fn failure(voice: &Voice, error: &OcsError) -> Reply {
    match error {
        OcsError::CsrfFailed => Reply::with_body(
            StatusCode::PRECONDITION_FAILED,
            OcsFormat::Json.content_type(),
            r#"{"message":"CSRF check failed"}"#,
        ),
        OcsError::WrongMethod(allowed) => {
            voice.bare(StatusCode::METHOD_NOT_ALLOWED).header("allow", allowed.join(", "))
        }
        error => {
            let mut reply = voice.envelope(error.status(), &error.message(), &Value::Null);
            if let Some(status) = error.http() {
                reply.status = status;
            }
            if error.challenges() {
                let challenge = match voice.scripted {
                    true => r#"DummyBasic realm="Authorisation Required""#,
                    false => r#"Basic realm="Authorisation Required""#,
                };
                reply.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            match error.retry_after() {
                Some(seconds) => reply.header("retry-after", seconds.to_string()),
                None => reply,
            }
        }
    }
}
