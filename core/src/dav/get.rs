//! `GET` and `HEAD` (RFC 9110 §9.3.1): a file's bytes, whole or in ranges.
//!
//! | Situation                                 | Answer | Source              |
//! |-------------------------------------------|--------|---------------------|
//! | a file                                    | 200    | RFC 9110            |
//! | a folder                                  | 200, no body | recorded server; Android's HEAD needs it |
//! | one range                                 | 206    | RFC 9110 §14        |
//! | several ranges                            | 206, `multipart/byteranges` | §14.6 |
//! | no byte of the range exists               | 416    | §15.5.17            |
//! | unchanged (`If-None-Match`, `If-Modified-Since`) | 304 | §13            |
//! | `If-Match`, `If-Unmodified-Since` fail    | 412    | §13                 |

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use tokio::sync::mpsc;

use super::DavError;
use super::context::Context;
use crate::content::{OpenFile, stream};
use crate::ids::random_token;
use crate::proto::dates::{clamp_seconds, parse_http_date, write_http_date};
use crate::proto::disposition::Disposition;
use crate::proto::media_type::media_type_of;
use crate::proto::range::{RangeSet, content_range, if_range_holds, parse_range};
use crate::store::nodes::Node;
use crate::tree::TreeError;
use crate::wire::{Reply, ReplyBody, Request, StreamBroken};

/// Files up to this size are answered from memory, in one write with the head.
const SMALL: u64 = 256 * 1024;

pub(super) async fn get(context: &Context<'_>, request: &mut Request) -> Result<Reply, DavError> {
    let (node, disk_path) = context.find().await?;
    if node.is_folder() {
        return Ok(Reply::with_body(StatusCode::OK, "text/html; charset=UTF-8", ""));
    }
    let open = context.content.open(node, disk_path).await?;
    if let Some(reply) = conditional(context, request, &open.node)? {
        return Ok(reply);
    }
    if request.method == Method::GET {
        context.before_download(request, &open.node).await?;
    }
    let size = open.file.size();
    let ranges = match request.header("range") {
        // RFC 9110 §14.2: only GET has ranges.
        Some(value) if request.method == Method::GET && range_counts(request, &open.node) => {
            parse_range(value, size, context.dav.settings.ranges)
        }
        _ => RangeSet::Whole,
    };
    let reply = describe(context, &open.node);
    match ranges {
        RangeSet::Whole if request.method == Method::HEAD => {
            let mut reply = reply;
            let (_, pieces) = mpsc::channel(1);
            reply.body = ReplyBody::Stream { pieces, length: Some(size) };
            Ok(reply)
        }
        RangeSet::Whole => send(reply, open, 0..size).await,
        RangeSet::Satisfiable(ranges) => match <[Range<u64>; 1]>::try_from(ranges) {
            Ok([range]) => {
                let mut reply = reply.header("content-range", content_range(&range, size));
                reply.status = StatusCode::PARTIAL_CONTENT;
                send(reply, open, range).await
            }
            Err(ranges) => Ok(multipart(reply, &open, ranges)),
        },
        RangeSet::Unsatisfiable => Err(DavError::Unsatisfiable(size)),
    }
}

/// RFC 9110 §13.2.2: the conditions, in their order of precedence.
fn conditional(
    context: &Context<'_>,
    request: &Request,
    node: &Node,
) -> Result<Option<Reply>, DavError> {
    let etag = node.etag().0;
    let conditions = &context.conditions;
    let failed = |name| Err(context.refused(TreeError::PreconditionFailed(name)));
    if conditions.if_match.as_ref().is_some_and(|wanted| !wanted.matches_strong(Some(&etag))) {
        return failed("If-Match");
    }
    let since = conditions.if_unmodified_since.filter(|_| conditions.if_match.is_none());
    if since.is_some_and(|since| node.mtime > since) {
        return failed("If-Unmodified-Since");
    }
    let unchanged = match &conditions.if_none_match {
        Some(known) => known.matches_weak(Some(&etag)),
        None => request
            .header("if-modified-since")
            .and_then(parse_http_date)
            .is_some_and(|since| node.mtime <= since),
    };
    Ok(unchanged.then(|| {
        let etag = node.etag().quoted();
        Reply::empty(StatusCode::NOT_MODIFIED).header("etag", &etag).header("oc-etag", &etag)
    }))
}

fn range_counts(request: &Request, node: &Node) -> bool {
    let etag = node.etag().0;
    request.header("if-range").is_none_or(|value| if_range_holds(value, Some(&etag)))
}

/// 200 with all fields of the representation.
fn describe(context: &Context<'_>, node: &Node) -> Reply {
    let reply = Reply::with_body(StatusCode::OK, media_type_of(&node.name), "");
    let mut reply = super::put::identified(context, reply, node)
        .header("last-modified", write_http_date(clamp_seconds(node.mtime)))
        .header("content-disposition", Disposition::Attachment.write(&node.name))
        .header("accept-ranges", "bytes")
        .header("content-security-policy", "default-src 'none'; sandbox");
    if let Some(checksum) = node.checksums.split(' ').next().filter(|text| !text.is_empty()) {
        reply = reply.header("oc-checksum", checksum);
    }
    reply
}

async fn send(mut reply: Reply, open: OpenFile, range: Range<u64>) -> Result<Reply, DavError> {
    let length = range.end - range.start;
    reply.body = if length <= SMALL {
        let bytes = read_small(&open, &range).await?;
        ReplyBody::Full(bytes)
    } else {
        ReplyBody::Stream { pieces: stream(open.file, range), length: Some(length) }
    };
    Ok(reply)
}

async fn read_small(open: &OpenFile, range: &Range<u64>) -> Result<Bytes, DavError> {
    let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    if length == 0 {
        return Ok(Bytes::new());
    }
    let bytes = open.file.read_at(range.start, length).await.map_err(TreeError::from)?;
    match bytes.len() == length {
        true => Ok(bytes),
        false => Err(crate::content::ContentError::Changed.into()),
    }
}

/// `multipart/byteranges` (RFC 9110 §14.6).
fn multipart(mut reply: Reply, open: &OpenFile, ranges: Vec<Range<u64>>) -> Reply {
    let size = open.file.size();
    let boundary = random_token(24);
    let part = media_type_of(&open.node.name);
    let heads: Vec<Bytes> = ranges
        .iter()
        .map(|range| {
            let range = content_range(range, size);
            let head = format!(
                "\r\n--{boundary}\r\nContent-Type: {part}\r\nContent-Range: {range}\r\n\r\n"
            );
            head.into()
        })
        .collect();
    let tail = Bytes::from(format!("\r\n--{boundary}--\r\n"));
    let heads_length: usize = heads.iter().map(Bytes::len).sum();
    let bodies_length: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    let length = (heads_length + tail.len()) as u64 + bodies_length;
    let (sender, pieces) = mpsc::channel::<Result<Bytes, StreamBroken>>(1);
    let file = Arc::clone(&open.file);
    tokio::spawn(async move {
        for (head, range) in heads.into_iter().zip(ranges) {
            if sender.send(Ok(head)).await.is_err() {
                return;
            }
            let mut parts = stream(Arc::clone(&file), range);
            while let Some(piece) = parts.recv().await {
                if sender.send(piece).await.is_err() {
                    return;
                }
            }
        }
        let _gone = sender.send(Ok(tail)).await;
    });
    reply.status = StatusCode::PARTIAL_CONTENT;
    reply = reply.header("content-type", format!("multipart/byteranges; boundary={boundary}"));
    reply.body = ReplyBody::Stream { pieces, length: Some(length) };
    reply
}
