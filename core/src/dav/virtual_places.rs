//! The collections above a user's files, and the user's principal.
//!
//! Android probes `HEAD /remote.php/dav`, rclone and Finder climb from the top; a search is sent to
//! `/remote.php/dav` with its scope in the body. Nobody sees another user here.

use http::StatusCode;

use super::context::Context;
use super::methods::ALLOW_VIRTUAL;
use super::place::Virtual;
use super::propfind::{multistatus, wants_minimal};
use super::visit::Visit;
use super::{Dav, DavError, search};
use crate::auth::Principal;
use crate::path::{DavPath, encode_href};
use crate::proto::dav::names::{DAV, OC};
use crate::proto::dav::{Multistatus, PropName, Propfind, Tag};
use crate::proto::depth::Depth;
use crate::storage::StorageNo;
use crate::tree::Mounts;
use crate::wire::{Reply, ReplyBody, Request};

pub(super) async fn handle(
    dav: &Dav,
    principal: &Principal,
    place: &Virtual,
    request: &mut Request,
) -> Result<Reply, DavError> {
    let base = || format!("/remote.php/dav/files/{}", encode_href(principal.uid.as_str()));
    match request.method.as_str() {
        "GET" | "HEAD" => Ok(Reply::with_body(StatusCode::OK, "text/html; charset=UTF-8", "")),
        "PROPFIND" => {
            let (home, mounts) = (StorageNo::DATA, Mounts::default());
            let visit = Visit { dav, principal, home, mounts };
            let context = Context::beside(&visit, base(), DavPath::root(), request)?;
            propfind(&context, place, request).await
        }
        "SEARCH" => {
            let visit = dav.visit(principal, request).await?;
            // An app password for one folder may search in it; the scope is checked there.
            let context = Context::beside(&visit, base(), DavPath::root(), request)?;
            search::search(&context, request).await
        }
        _ => Err(DavError::MethodNotAllowed(ALLOW_VIRTUAL)),
    }
}

/// A collection that is only a name.
struct Entry {
    href: String,
    name: String,
    principal: bool,
}

async fn propfind(
    context: &Context<'_>,
    place: &Virtual,
    request: &mut Request,
) -> Result<Reply, DavError> {
    let depth = match Depth::parse(request.header("depth"))? {
        Some(Depth::Infinity) => return Err(DavError::InfiniteDepth),
        depth => depth.unwrap_or(Depth::One),
    };
    let body = context.read_xml(request).await?;
    let wanted = match Propfind::parse(&body, &context.dav.settings.xml)? {
        Propfind::Prop(names) => names,
        Propfind::AllProp { .. } | Propfind::PropNames => {
            vec![PropName::new(DAV, "resourcetype"), PropName::new(DAV, "displayname")]
        }
    };
    let minimal = wants_minimal(request);
    let uid = context.principal.uid.as_str();
    let mut entries = vec![entry(place, uid)];
    if depth == Depth::One {
        entries.extend(members(place, uid));
    }
    let mut out = Multistatus::begin();
    for entry in &entries {
        write(&mut out, context, entry, &wanted, minimal);
    }
    Ok(multistatus(ReplyBody::Full(out.finish())))
}

fn entry(place: &Virtual, uid: &str) -> Entry {
    let collection = |path: &str, name: &str| Entry {
        href: format!("/remote.php/dav/{path}"),
        name: name.to_owned(),
        principal: false,
    };
    match place {
        Virtual::Root => collection("", "dav"),
        Virtual::Above(segments) => {
            let name = segments.last().copied().unwrap_or_default();
            collection(&format!("{}/", segments.join("/")), name)
        }
        Virtual::Principal => Entry {
            href: format!("/remote.php/dav/principals/users/{}/", encode_href(uid)),
            name: uid.to_owned(),
            principal: true,
        },
    }
}

fn members(place: &Virtual, uid: &str) -> Vec<Entry> {
    let user = encode_href(uid);
    match place {
        Virtual::Root => ["files", "uploads", "principals"]
            .map(|name| entry(&Virtual::Above(vec![name]), uid))
            .into(),
        Virtual::Above(segments) if segments[..] == ["principals"] => {
            vec![entry(&Virtual::Above(vec!["principals", "users"]), uid)]
        }
        Virtual::Above(segments) if segments[..] == ["principals", "users"] => {
            vec![entry(&Virtual::Principal, uid)]
        }
        Virtual::Above(segments) => vec![Entry {
            href: format!("/remote.php/dav/{}/{user}/", segments.join("/")),
            name: uid.to_owned(),
            principal: false,
        }],
        Virtual::Principal => Vec::new(),
    }
}

fn write(
    out: &mut Multistatus,
    context: &Context<'_>,
    entry: &Entry,
    wanted: &[PropName],
    minimal: bool,
) {
    let principal = &context.principal;
    let user = encode_href(principal.uid.as_str());
    let own = format!("<d:href>/remote.php/dav/principals/users/{user}/</d:href>");
    let mut response = out.response(&entry.href);
    for name in wanted {
        let tag = Tag::from(name);
        if name.is(DAV, "resourcetype") {
            let kind =
                if entry.principal { "<d:collection/><d:principal/>" } else { "<d:collection/>" };
            response.raw(&tag, kind);
        } else if name.is(DAV, "displayname") {
            response
                .text(&tag, if entry.principal { &principal.display_name } else { &entry.name });
        } else if name.is(DAV, "current-user-principal")
            || (entry.principal && name.is(DAV, "principal-URL"))
        {
            response.raw(&tag, &own);
        } else if name.is(OC, "permissions") {
            response.text(&tag, "G");
        } else if !minimal {
            response.missing(&tag);
        }
    }
}
