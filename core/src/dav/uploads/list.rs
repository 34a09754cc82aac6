//! `PROPFIND` in the uploads: what a resuming client needs to know.

use super::{ASSEMBLED, Upload, key};
use crate::auth::Principal;
use crate::dav::propfind::{multistatus, wants_minimal};
use crate::dav::{Dav, DavError};
use crate::path::encode_href;
use crate::proto::dates::{clamp_seconds, write_http_date};
use crate::proto::dav::names::{DAV, OC};
use crate::proto::dav::{Multistatus, PropName, Propfind, Tag};
use crate::proto::depth::Depth;
use crate::wire::{Body, Reply, ReplyBody, Request};

/// A transfer or a chunk.
struct Entry {
    href: String,
    name: String,
    /// `None` for a folder.
    size: Option<u64>,
    mtime: i64,
}

pub(super) async fn transfers(
    dav: &Dav,
    principal: &Principal,
    base: &str,
    request: &mut Request,
) -> Result<Reply, DavError> {
    let depth = depth(request)?;
    let mut entries = vec![Entry {
        href: format!("{base}/"),
        name: principal.uid.as_str().to_owned(),
        size: None,
        mtime: dav.clock.seconds(),
    }];
    if depth == Depth::One {
        let prefix = key(principal, "");
        for transfer in dav.content.transfers(&principal.uid).await? {
            let name = transfer.name.strip_prefix(&prefix).filter(|name| !name.contains('/'));
            let Some(name) = name else { continue };
            entries.push(Entry {
                href: format!("{base}/{}/", encode_href(name)),
                name: name.to_owned(),
                size: None,
                mtime: transfer.touched,
            });
        }
    }
    answer(dav, &entries, request).await
}

pub(super) async fn chunks(
    upload: &Upload<'_>,
    only: Option<&str>,
    request: &mut Request,
) -> Result<Reply, DavError> {
    let depth = depth(request)?;
    let content = &upload.dav.content;
    let transfer = content.transfer(&upload.principal.uid, &upload.key).await?;
    let folder = format!("{}/{}", upload.base, encode_href(upload.transfer));
    let size = transfer.size();
    let mut entries = Vec::new();
    if only.is_none() {
        entries.push(Entry {
            href: format!("{folder}/"),
            name: upload.transfer.to_owned(),
            size: None,
            mtime: transfer.upload.touched,
        });
    }
    let mut members: Vec<Entry> = transfer
        .chunks
        .into_iter()
        .map(|chunk| Entry {
            href: format!("{folder}/{}", encode_href(&chunk.name)),
            name: chunk.name,
            size: Some(chunk.size),
            mtime: chunk.mtime,
        })
        .collect();
    members.push(Entry {
        href: format!("{folder}/{ASSEMBLED}"),
        name: ASSEMBLED.to_owned(),
        size: Some(size),
        mtime: transfer.upload.touched,
    });
    match only {
        None if depth == Depth::One => entries.extend(members),
        None => {}
        Some(name) => entries.extend(members.into_iter().filter(|member| member.name == name)),
    }
    if entries.is_empty() {
        return Err(DavError::NoSuchPlace);
    }
    answer(upload.dav, &entries, request).await
}

fn depth(request: &Request) -> Result<Depth, DavError> {
    match Depth::parse(request.header("depth"))? {
        Some(Depth::Infinity) => Err(DavError::InfiniteDepth),
        depth => Ok(depth.unwrap_or(Depth::One)),
    }
}

async fn answer(dav: &Dav, entries: &[Entry], request: &mut Request) -> Result<Reply, DavError> {
    let body = std::mem::replace(&mut request.body, Body::from_bytes(""));
    let body = body.collect(dav.settings.xml.bytes).await?;
    let wanted = match Propfind::parse(&body, &dav.settings.xml)? {
        Propfind::Prop(names) => names,
        Propfind::AllProp { .. } | Propfind::PropNames => {
            ["getlastmodified", "getcontentlength", "resourcetype"]
                .map(|local| PropName::new(DAV, local))
                .into()
        }
    };
    let minimal = wants_minimal(request);
    let mut out = Multistatus::begin();
    for entry in entries {
        write(&mut out, entry, &wanted, minimal);
    }
    Ok(multistatus(ReplyBody::Full(out.finish())))
}

fn write(out: &mut Multistatus, entry: &Entry, wanted: &[PropName], minimal: bool) {
    let mut response = out.response(&entry.href);
    for name in wanted {
        let tag = Tag::from(name);
        let size = entry.size.map(|size| i64::try_from(size).unwrap_or(i64::MAX));
        if name.is(DAV, "resourcetype") {
            response.raw(&tag, if size.is_none() { "<d:collection/>" } else { "" });
        } else if name.is(DAV, "getlastmodified") {
            response.text(&tag, &write_http_date(clamp_seconds(entry.mtime)));
        } else if name.is(DAV, "displayname") {
            response.text(&tag, &entry.name);
        } else if let (true, Some(size)) =
            (name.is(DAV, "getcontentlength") || name.is(OC, "size"), size)
        {
            response.number(&tag, size);
        } else if name.is(DAV, "getcontenttype") && size.is_some() {
            response.text(&tag, "application/octet-stream");
        } else if !minimal {
            response.missing(&tag);
        }
    }
}
