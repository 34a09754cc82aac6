//! `OPTIONS` (RFC 9110 §9.3.7, RFC 4918 §10.1): what can be done here.
//!
//! Answered without credentials too (clients.md §20); with them, `Allow` fits the resource.

use http::StatusCode;

use super::methods::{ALLOW_FILES, ALLOW_NOTHING, ALLOW_UPLOADS, ALLOW_VIRTUAL};
use super::place::Place;
use super::{Dav, DavError};
use crate::store;
use crate::tree::find;
use crate::wire::{Reply, Request};

/// Compliance classes and extensions that are really there.
const CLASSES: &str = "1, 2, 3, extended-mkcol, nextcloud-checksum-update, sabredav-partialupdate";

pub(super) async fn options(dav: &Dav, request: &Request) -> Result<Reply, DavError> {
    // Bad credentials are not worth a refusal: nothing is told that is secret.
    let principal = dav.auth.authenticate(request).await.ok().flatten();
    let allow = match principal {
        None => ALLOW_FILES,
        Some(principal) => match Place::parse(request.uri.path(), &principal.uid)? {
            Place::Files { path, .. } => {
                let (mut owner, mut path) = (principal.uid.clone(), path);
                let mounts = dav.mounts.of(&dav.auth, &principal).await?;
                if let Some((mount, below)) = mounts.find(&path) {
                    (owner, path) = (mount.tree.clone(), below);
                }
                let found: Result<_, crate::tree::TreeError> =
                    store::read(dav.tree.store(), move |tx| find(tx, &owner, &path)).await;
                if found.is_ok() { ALLOW_FILES } else { ALLOW_NOTHING }
            }
            Place::Uploads { .. } => ALLOW_UPLOADS,
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
