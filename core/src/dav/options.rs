//! `OPTIONS` (RFC 9110 §9.3.7, RFC 4918 §10.1): what can be done here.
//!
//! Answered without credentials too (clients.md §20); with them, `Allow` fits the resource.

use http::StatusCode;

use super::place::Place;
use super::{Dav, DavError};
use crate::store;
use crate::tree::find;
use crate::wire::{Reply, Request};

/// Methods on existing files and folders.
pub(super) const ALLOW_FILES: &str = "OPTIONS, GET, HEAD, DELETE, PROPFIND, PUT, PROPPATCH, COPY, \
     MOVE, REPORT, SEARCH, LOCK, UNLOCK, PATCH";
/// Methods where nothing is.
const ALLOW_NOTHING: &str = "OPTIONS, GET, HEAD, DELETE, PROPFIND, PUT, PROPPATCH, COPY, MOVE, \
     REPORT, SEARCH, LOCK, UNLOCK, MKCOL";
/// Methods on the collections above the files. COMPAT(android): it searches only if it reads
/// `SEARCH` in the `Allow` of `/remote.php/dav`.
pub(super) const ALLOW_VIRTUAL: &str = "OPTIONS, GET, HEAD, PROPFIND, REPORT, SEARCH";
/// Compliance classes and extensions that are really there.
const CLASSES: &str = "1, 2, 3, extended-mkcol, nextcloud-checksum-update, sabredav-partialupdate";

pub(super) async fn options(dav: &Dav, request: &Request) -> Result<Reply, DavError> {
    // Bad credentials are not worth a refusal: nothing is told that is secret.
    let principal = dav.auth.authenticate(request).await.ok().flatten();
    let allow = match principal {
        None => ALLOW_FILES,
        Some(principal) => match Place::parse(request.uri.path(), &principal.uid)? {
            Place::Files { path, .. } => {
                let uid = principal.uid.clone();
                let found: Result<_, crate::tree::TreeError> =
                    store::read(dav.tree.store(), move |tx| find(tx, &uid, &path)).await;
                if found.is_ok() { ALLOW_FILES } else { ALLOW_NOTHING }
            }
            Place::Uploads { .. } => super::uploads::ALLOW,
            Place::Virtual(_) | Place::Unknown => ALLOW_VIRTUAL,
        },
    };
    let allow = if is_dav_root(request.uri.path()) { ALLOW_VIRTUAL } else { allow };
    Ok(Reply::empty(StatusCode::OK)
        .header("allow", allow)
        .header("dav", CLASSES)
        .header("ms-author-via", "DAV")
        .header("accept-ranges", "bytes"))
}

fn is_dav_root(path: &str) -> bool {
    path.trim_end_matches('/') == "/remote.php/dav"
}
