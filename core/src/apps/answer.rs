//! From an extension's answer to a reply: checked, and streamed on without being kept.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::StatusCode;
use http::header::{
    CONNECTION, CONTENT_LENGTH, DATE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE,
    STRICT_TRANSPORT_SECURITY, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use moonsail_sdk::http::Answer;
use moonsail_sdk::stream::{ByteStream, collect};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::refusal::Refusal;
use crate::proto::ocs::{OcsFormat, OcsStatus, OcsVersion, envelope};
use crate::wire::{Reply, ReplyBody, StreamBroken, USER_FIELD};

/// Answers up to this size are sent with their head, in one write.
const SMALL: u64 = 64 * 1024;
/// The field of an OCS route's answer that becomes the envelope's message.
const MESSAGE_FIELD: &str = "ocs-message";
/// Largest answer of an OCS route, which is put into an envelope.
const MAX_ENVELOPE: usize = 4 << 20;
/// Fields that are the server's own business.
const OURS: [HeaderName; 12] = [
    CONNECTION,
    CONTENT_LENGTH,
    DATE,
    SET_COOKIE,
    STRICT_TRANSPORT_SECURITY,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-authenticate"),
    HeaderName::from_static(USER_FIELD),
];

/// The reply of an answer. `voice` says how an OCS client wants it. The extension has `patience` for
/// each piece of it.
pub(super) async fn reply(
    answer: Answer,
    voice: Option<(OcsVersion, OcsFormat)>,
    patience: Duration,
) -> Result<Reply, Refusal> {
    let bad = Refusal::BadAnswer;
    let status = Some(answer.status).filter(|status| (200..=599).contains(status));
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.ok_or_else(|| bad(format!("its status is {}", answer.status)))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.fields {
        let name = HeaderName::try_from(name).map_err(|_| bad(format!("its field {name:?}")))?;
        let value = HeaderValue::try_from(value.as_slice());
        let value = value.map_err(|_| bad(format!("the value of its field {name}")))?;
        if !OURS.contains(&name) {
            headers.append(name, value);
        }
    }
    let Answer { length, mut body, .. } = answer;
    if let Some((version, format)) = voice {
        let data = whole(&mut *body, MAX_ENVELOPE, patience).await?;
        return wrap(status, headers, &data, version, format);
    }
    let mut reply = Reply::empty(status);
    reply.headers = headers;
    reply.body = match length {
        Some(length @ 0..=SMALL) => {
            let limit = usize::try_from(length).unwrap_or(usize::MAX);
            let bytes = whole(&mut *body, limit, patience).await?;
            if bytes.len() != limit {
                return Err(bad(format!("{} bytes came of {length}", bytes.len())));
            }
            ReplyBody::Full(bytes)
        }
        length => ReplyBody::Stream { pieces: pump(body, length, patience), length },
    };
    Ok(reply)
}

async fn whole(
    body: &mut dyn ByteStream,
    limit: usize,
    patience: Duration,
) -> Result<Bytes, Refusal> {
    match timeout(patience, AssertUnwindSafe(collect(body, limit)).catch_unwind()).await {
        Ok(Ok(Ok(bytes))) => Ok(bytes),
        Ok(Ok(Err(error))) => Err(Refusal::BadAnswer(error.to_string())),
        Ok(Err(_)) => Err(Refusal::Failed("it panicked".to_owned())),
        Err(_) => Err(Refusal::TooLate),
    }
}

/// What is JSON becomes the data of an envelope, in the format that the client wants.
fn wrap(
    status: StatusCode,
    headers: HeaderMap,
    data: &[u8],
    version: OcsVersion,
    format: OcsFormat,
) -> Result<Reply, Refusal> {
    let data = match data {
        [] => Value::Null,
        data => serde_json::from_slice(data)
            .map_err(|error| Refusal::BadAnswer(format!("its data is no JSON: {error}")))?,
    };
    let mut headers = headers;
    let message = headers.remove(MESSAGE_FIELD);
    let message = message.as_ref().map_or(&[][..], HeaderValue::as_bytes);
    let (status, kind, body) = envelope(
        version,
        format,
        OcsStatus::other(status.as_u16()),
        &String::from_utf8_lossy(message),
        &data,
    );
    let mut reply = Reply::with_body(status, kind, body);
    let kind = reply.headers.remove(http::header::CONTENT_TYPE);
    reply.headers = headers;
    reply.headers.extend(kind.map(|kind| (http::header::CONTENT_TYPE, kind)));
    let private = HeaderValue::from_static("no-cache, no-store, must-revalidate");
    reply.headers.entry(http::header::CACHE_CONTROL).or_insert(private);
    Ok(reply)
}

/// Takes pieces as the client takes them: one waits, the next is being made.
fn pump(
    mut body: Box<dyn ByteStream>,
    length: Option<u64>,
    patience: Duration,
) -> mpsc::Receiver<Result<Bytes, StreamBroken>> {
    let (sender, pieces) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut left = length;
        loop {
            let Ok(place) = sender.reserve().await else { return };
            let next =
                timeout(patience, AssertUnwindSafe(async { body.next().await }).catch_unwind());
            let piece = tokio::select! {
                piece = next => piece,
                () = sender.closed() => return,
            };
            let broken = |why: &str| Err(StreamBroken(why.to_owned()));
            let piece = match piece {
                Ok(Ok(Ok(None))) => return,
                Ok(Ok(Ok(Some(piece)))) => match left.as_mut() {
                    Some(left) if *left < piece.len() as u64 => broken("more came than announced"),
                    Some(left) => {
                        *left -= piece.len() as u64;
                        Ok(piece)
                    }
                    None => Ok(piece),
                },
                Ok(Ok(Err(error))) => Err(StreamBroken(error.to_string())),
                Ok(Err(_)) => broken("an extension panicked"),
                Err(_) => broken("an extension took too long"),
            };
            let ends = piece.is_err();
            place.send(piece);
            if ends {
                return;
            }
        }
    });
    pieces
}
