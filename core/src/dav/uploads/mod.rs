//! Chunked uploads: `/remote.php/dav/uploads/<user>/<transfer>/<chunk>` (clients.md §13, §42).
//!
//! | Request                                   | Answer | Source                                |
//! |-------------------------------------------|--------|---------------------------------------|
//! | `MKCOL` transfer                          | 201; 405 if it exists | clients.md §13         |
//! | `PUT` chunk                               | 201 new, 204 replaced | clients.md §13         |
//! | `PUT` into a missing transfer             | 404    | recorded server                       |
//! | chunk's offset overlaps, lies             | 400    | design §4                             |
//! | over the quota, disk full                 | 507    | threats §1                            |
//! | too many transfers, too many chunks       | 507    | `[limits]`                            |
//! | `PROPFIND` transfer                       | 207 with the chunks   | all apps' resume       |
//! | `MOVE .file`                              | see [`close`]         |                        |
//! | `DELETE` transfer or chunk                | 204, 404              | desktop, rclone        |

mod chunk;
mod close;
mod list;

use http::{Method, StatusCode};

use super::asked::Announced;
use super::context::Context;
use super::methods::ALLOW_UPLOADS;
use super::put::Described;
use super::visit::{Spot, Visit};
use super::{Dav, DavError};
use crate::auth::{Access, Principal};
use crate::content::Content;
use crate::hooks::EventId;
use crate::path::{DavPath, encode_href};
use crate::wire::{Reply, Request};

/// Name of the file that a transfer becomes.
const ASSEMBLED: &str = ".file";

/// A request on a transfer.
struct Upload<'a> {
    dav: &'a Dav,
    principal: &'a Principal,
    visit: &'a Visit<'a>,
    /// Encoded href of the user's uploads, without trailing slash.
    base: &'a str,
    transfer: &'a str,
    /// What the transfer is called in the index.
    key: String,
}

/// What a transfer is called in the index. Those of an app password for one folder are its own, under
/// its id: it neither sees nor ends another device's, and the other way round. No name that a client
/// can choose has a slash.
fn key(principal: &Principal, transfer: &str) -> String {
    match &principal.access {
        Access::Token { id, folder: Some(_), .. } => format!("{id}/{transfer}"),
        _ => transfer.to_owned(),
    }
}

pub(super) async fn handle(
    visit: &Visit<'_>,
    base: &str,
    rest: &DavPath,
    request: &mut Request,
) -> Result<Reply, DavError> {
    let segments: Vec<&str> = rest.segments().collect();
    let (dav, principal) = (visit.dav, visit.principal);
    let upload = |transfer| {
        let key = key(principal, transfer);
        Upload { dav, principal, visit, base, transfer, key }
    };
    if !principal.may_write() {
        return Err(DavError::OutOfScope);
    }
    let method = request.method.clone();
    match (method.as_str(), &segments[..]) {
        ("PROPFIND", []) => list::transfers(dav, principal, base, request).await,
        ("GET" | "HEAD", _) => Ok(Reply::with_body(StatusCode::OK, "text/html; charset=UTF-8", "")),
        ("MKCOL", [name]) => begin(&upload(name), request).await,
        ("PROPFIND", [name]) => list::chunks(&upload(name), None, request).await,
        ("PROPFIND", [name, chunk]) => list::chunks(&upload(name), Some(chunk), request).await,
        ("DELETE", [name]) => {
            dav.content.abort_transfer(&principal.uid, &key(principal, name)).await?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        ("DELETE", [name, chunk]) if *chunk != ASSEMBLED => {
            dav.content.remove_chunk(&principal.uid, &key(principal, name), chunk).await?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        ("PUT", [name, chunk]) if *chunk != ASSEMBLED => {
            chunk::put(&upload(name), chunk, request).await
        }
        ("MOVE", [name, ASSEMBLED]) => close::close(&upload(name), request).await,
        _ if method == Method::PUT => {
            Err(DavError::BadRequest("Chunks lie in a transfer's folder"))
        }
        _ => Err(DavError::MethodNotAllowed(ALLOW_UPLOADS)),
    }
}

async fn begin(upload: &Upload<'_>, request: &Request) -> Result<Reply, DavError> {
    let total = total_length(request)?;
    if let Some(total) = total {
        upload.foresee(request, total).await?;
    }
    upload.announce(request, total).await?;
    upload.dav.require_space(&upload.content(request)?, 0).await?;
    let uid = &upload.principal.uid;
    upload.dav.content.begin_transfer(uid, &upload.key, total).await?;
    Ok(Reply::empty(StatusCode::CREATED))
}

/// `OC-Total-Length`.
fn total_length(request: &Request) -> Result<Option<u64>, DavError> {
    number(request, "oc-total-length", "OC-Total-Length is not a number of bytes")
}

fn number(request: &Request, name: &str, problem: &'static str) -> Result<Option<u64>, DavError> {
    match request.header(name) {
        None => Ok(None),
        Some(value) => {
            let number: Option<u64> = value.trim().parse().ok();
            // Files are no longer than offsets are signed.
            let number = number.filter(|number| i64::try_from(*number).is_ok());
            number.map(Some).ok_or(DavError::BadRequest(problem))
        }
    }
}

impl<'a> Upload<'a> {
    /// The user's files, as the place where the transfer will go: [`Context::destination`] tells
    /// whether it may.
    fn files(&self, path: DavPath, request: &Request) -> Result<Context<'a>, DavError> {
        let base = format!("/remote.php/dav/files/{}", encode_href(self.principal.uid.as_str()));
        Context::beside(self.visit, base, path, request)
    }

    /// Stages where the transfer will go, as far as its client has said so; else in the home. If it
    /// goes elsewhere in the end, the closing MOVE carries it.
    fn content(&self, request: &Request) -> Result<Content, DavError> {
        let to = self.told_destination(request)?;
        Ok(self.dav.content.on(to.map_or(self.visit.home, |to| to.storage)))
    }

    /// The destination, if it is told. One that cannot be read here is refused by the MOVE, which
    /// needs it.
    fn told_destination(&self, request: &Request) -> Result<Option<Spot>, DavError> {
        match request.headers.contains_key("destination") {
            true => Ok(self.files(DavPath::root(), request)?.destination(request).ok()),
            false => Ok(None),
        }
    }

    /// Asks hooks before the first byte is sent, if the client says what the upload is for. They are
    /// asked again when it is put together.
    async fn announce(&self, request: &Request, size: Option<u64>) -> Result<(), DavError> {
        if !self.dav.bus.has(EventId::FileBeforeUpload)
            || !request.headers.contains_key("destination")
        {
            return Ok(());
        }
        let to = self.files(DavPath::root(), request)?.destination(request)?;
        let files = self.files(to.seen_at(), request)?;
        let described = Described::parse(request)?;
        let announced = Announced { path: &to.path, size, chunked: true, described: &described };
        files.before_upload(request, announced, false).await.map(|_| ())
    }

    /// Refuses a file that is too large, or for which the quota has no room as things are now.
    async fn foresee(&self, request: &Request, total: u64) -> Result<(), DavError> {
        if self.dav.settings.max_file_bytes.is_some_and(|max| total > max) {
            return Err(DavError::TooLarge);
        }
        let files = self.files(DavPath::root(), request)?;
        let to = self.told_destination(request)?;
        let replaced = replaced(&files, to.as_ref()).await;
        let to = to.unwrap_or_else(|| files.spot());
        files.foresee_quota_at(&to, total.saturating_sub(replaced)).await
    }
}

/// Bytes of the file that an upload will replace.
async fn replaced(files: &Context<'_>, to: Option<&Spot>) -> u64 {
    match to {
        Some(to) => files.find_at(to).await.map_or(0, |(node, _)| node.size),
        None => 0,
    }
}
