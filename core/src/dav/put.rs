//! `PUT`: new bytes (RFC 9110 §9.3.4, RFC 4918 §9.7).
//!
//! | Situation                                  | Answer | Source                               |
//! |--------------------------------------------|--------|--------------------------------------|
//! | new                                        | 201    | RFC 9110 §9.3.4                      |
//! | replaced                                   | 204    | RFC 9110 §9.3.4                      |
//! | parent missing, or a file                  | 409    | RFC 4918 §9.7.1                      |
//! | URL of a folder                            | 409    | RFC 4918 §9.7.2, recorded server     |
//! | `Content-Range`                            | 400    | RFC 9110 §14.5                       |
//! | `X-OC-MTime` out of range, not a number    | 400    | threats §1                           |
//! | checksum or length differs, body cut       | 400    | threats §1; nothing changed          |
//! | a condition does not hold                  | 412    | RFC 9110 §13, RFC 4918 §10.4         |
//! | locked                                     | 423    | RFC 4918 §7                          |
//! | a hook refuses                             | 403 or its own | docs/extend/hooks.md         |
//! | over the quota, disk full                  | 507    | RFC 4918 §11.5; before the body if told |

use http::StatusCode;

use super::DavError;
use super::asked::Announced;
use super::context::Context;
use super::gate::Gate;
use crate::content::{ContentError, Expected};
use crate::path::DavPath;
use crate::proto::checksum::Checksum;
use crate::proto::mtime::parse_mtime;
use crate::storage::StorageError;
use crate::store::nodes::Node;
use crate::tree::{Put, PutDone, TreeError};
use crate::wire::{Reply, Request};

/// Header fields that describe new content.
pub(super) struct Described {
    pub(super) mtime: Option<i64>,
    pub(super) created: Option<i64>,
    pub(super) checksum: Option<Checksum>,
    pub(super) total: Option<u64>,
}

impl Described {
    pub(super) fn parse(request: &Request) -> Result<Self, DavError> {
        let time = |name: &'static str, field: &'static str| match request.headers.get(name) {
            None => Ok(None),
            Some(value) => parse_mtime(field, value.to_str().unwrap_or("?")).map(Some),
        };
        let checksum = match request.header("oc-checksum") {
            None => None,
            Some(value) => Checksum::parse(value)?,
        };
        let total = match request.header("oc-total-length") {
            None => None,
            Some(value) => {
                let total: Option<u64> = value.trim().parse().ok();
                let total = total.filter(|total| i64::try_from(*total).is_ok());
                let bad = DavError::BadRequest("OC-Total-Length is not a number of bytes");
                Some(total.ok_or(bad)?)
            }
        };
        Ok(Self {
            mtime: time("x-oc-mtime", "X-OC-MTime")?,
            created: time("x-oc-ctime", "X-OC-CTime")?,
            checksum,
            total,
        })
    }

    /// Adds what the client wants to hear of the times it sent.
    pub(super) fn accepted(&self, mut reply: Reply) -> Reply {
        if self.mtime.is_some() {
            reply = reply.header("x-oc-mtime", "accepted");
        }
        if self.created.is_some() {
            reply = reply.header("x-oc-ctime", "accepted");
        }
        reply
    }
}

pub(super) async fn put(context: &Context<'_>, request: &mut Request) -> Result<Reply, DavError> {
    context.require_new(&context.spot())?;
    if request.headers.contains_key("content-range") {
        return Err(DavError::BadRequest("Content-Range on PUT requests are forbidden."));
    }
    let described = Described::parse(request)?;
    let announced = request.content_length().or(described.total);
    if let (Some(max), Some(length)) = (context.dav.settings.max_file_bytes, announced)
        && length > max
    {
        return Err(DavError::TooLarge);
    }
    if described.total.is_some_and(|total| announced != Some(total)) {
        return Err(DavError::BadRequest("OC-Total-Length is not the length of the body"));
    }
    let auto_mkcol = request.header("x-nc-webdav-auto-mkcol") == Some("1");
    let announcing =
        Announced { path: &context.path, size: announced, chunked: false, described: &described };
    let path = context.before_upload(request, announcing, auto_mkcol).await?;
    let room = Room {
        quota: foresee(context, &path, announced, auto_mkcol).await?,
        file: context.dav.settings.max_file_bytes,
        // Bytes that are announced are set aside already.
        disk: context.require_space(announced.unwrap_or(0)).await?.filter(|_| announced.is_none()),
    };
    let expected = Expected {
        length: announced,
        checksum: described.checksum.clone(),
        mtime: described.mtime,
        room: room.least(),
    };
    let received = context.content.receive(&mut request.body, &expected).await;
    let received = received.map_err(|error| match error {
        ContentError::OverQuota => room.ended(),
        error => error.into(),
    })?;
    let gate = Gate::of(context, request, &path, false, described.mtime).await;
    let received = Gate::pass(gate, received).await?;
    let put = Put {
        path,
        staged: received.staged,
        checksums: received.checksums,
        mtime: received.mtime,
        created: described.created,
        conditions: context.conditions.clone(),
        upload: None,
    };
    let done = context.committer().put(put, auto_mkcol).await;
    let done = done.map_err(|error| context.refused(error))?;
    Ok(described.accepted(written(context, &done)))
}

/// Checks what can be checked before the body is read; gives the room that the quota leaves.
async fn foresee(
    context: &Context<'_>,
    path: &DavPath,
    length: Option<u64>,
    auto_mkcol: bool,
) -> Result<Option<u64>, DavError> {
    let path = path.clone();
    let conditions = context.conditions.clone();
    let foreseen =
        context.dav.tree.foresee_put(context.actor(), &context.owner, path, length, conditions);
    match foreseen.await {
        Ok(foreseen) => Ok(foreseen.room),
        Err(TreeError::ParentMissing(_)) if auto_mkcol => {
            context.foresee_quota(length.unwrap_or(0)).await?;
            context.room().await
        }
        Err(error) => Err(context.refused(error)),
    }
}

/// 201 or 204 with the ids and etags that the apps need (clients.md trap 14).
pub(super) fn written(context: &Context<'_>, done: &PutDone) -> Reply {
    let status = if done.created { StatusCode::CREATED } else { StatusCode::NO_CONTENT };
    identified(context, Reply::empty(status), &done.node)
}

/// Adds `OC-FileId`, `ETag` and `OC-ETag`.
pub(super) fn identified(context: &Context<'_>, reply: Reply, node: &Node) -> Reply {
    let etag = node.etag().quoted();
    reply
        .header("oc-fileid", context.dav.installation.instance.file_id(node.id))
        .header("etag", &etag)
        .header("oc-etag", &etag)
}

/// Most bytes that a body may have, and why; `None` for any.
struct Room {
    /// What the quota leaves.
    quota: Option<u64>,
    /// The greatest file.
    file: Option<u64>,
    /// What the disk leaves to a body of unknown length.
    disk: Option<u64>,
}

impl Room {
    fn least(&self) -> Option<u64> {
        [self.quota, self.file, self.disk].into_iter().flatten().min()
    }

    /// Why a body was cut that came to the end of the room.
    fn ended(&self) -> DavError {
        match self.least() {
            least if least == self.quota => ContentError::OverQuota.into(),
            least if least == self.file => DavError::TooLarge,
            _ => ContentError::Storage(StorageError::Full).into(),
        }
    }
}
