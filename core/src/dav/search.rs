//! `SEARCH` (RFC 5323) with the bodies of the apps (clients.md §24), answered from the index.
//!
//! | Situation                              | Answer | Source                              |
//! |----------------------------------------|--------|-------------------------------------|
//! | found                                  | 207, hrefs as in a listing, no entry for the scope | clients.md §24 |
//! | scope is not the user's                | 409 with `d:search-scope-valid`     | RFC 5323 §2.2  |
//! | a property that cannot be searched by  | 207; the condition holds for nothing | clients.md: never 400 to unknown names |
//! | a literal that cannot be read          | 400    | RFC 5323 §5.6                       |
//! | longer than `search_timeout_secs`, or than 64 MiB | 503 | threats §6                   |

use std::cmp::Ordering;
use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;

use super::DavError;
use super::context::Context;
use super::place::Place;
use super::propfind::multistatus;
use super::props::{Live, PropSet, Viewer, Within, live};
use crate::path::DavPath;
use crate::proto::dates::parse_search_date;
use crate::proto::dav::{Direction, Multistatus, Op, SearchDepth, SearchRequest, Where};
use crate::store::nodes::Node;
use crate::store::search::{Filter, Order, Question, SortKey};
use crate::store::{self, ReadTx, StoreError};
use crate::tree::{Mount, Mounts, TreeError, Viewer as TreeViewer, listed_at};
use crate::wire::{Reply, ReplyBody, Request};

/// Longest answer, in bytes: it is made in memory. 5,000 results with all that clients ask for are a
/// tenth of it; with large properties of clients' own they could be gigabytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

pub(super) async fn search(
    context: &Context<'_>,
    request: &mut Request,
) -> Result<Reply, DavError> {
    let body = context.read_xml(request).await?;
    let wanted = SearchRequest::parse(&body, &context.dav.settings.xml)?;
    let base = context.home_base.clone();
    let scope = scope(context, &wanted.scope.href)?;
    // From here on it is a request on what is searched in.
    let context = &Context::beside(&context.visit, base, scope, request)?;
    context.require_there().await?;
    let set = PropSet::exactly(wanted.select);
    let viewer = context.viewer(request).await?;
    let (node, _) = match context.find().await {
        Err(error) if error.status() == StatusCode::NOT_FOUND => return Err(DavError::SearchScope),
        found => found?,
    };
    if wanted.scope.depth == SearchDepth::Zero {
        return Ok(multistatus(ReplyBody::Full(Multistatus::begin().finish())));
    }
    let question = Question {
        below: node.id,
        user: context.principal.uid.clone(),
        filter: wanted.filter.as_ref().map_or(Ok(Filter::And(Vec::new())), filter)?,
        sort: wanted
            .order
            .iter()
            .filter_map(|key| {
                sort_key(live(&key.prop)?).map(|by| (by, key.direction == Direction::Descending))
            })
            .collect(),
        offset: wanted.offset.map_or(0, |offset| offset as usize),
        limit: limit(context, wanted.limit),
        time: context.dav.settings.search_timeout,
        members_only: wanted.scope.depth == SearchDepth::One,
    };
    let found = run(context, question, set, viewer).await?;
    Ok(multistatus(ReplyBody::Full(found)))
}

/// `/files/<user>/…` without the prefix, or a whole href.
fn scope(context: &Context<'_>, href: &str) -> Result<DavPath, DavError> {
    let full = match href.find("/remote.php/") {
        Some(start) => href[start..].to_owned(),
        None => format!("/remote.php/dav/{}", href.trim_start_matches('/')),
    };
    match Place::parse(&full, &context.principal.uid)? {
        Place::Files { path, .. } if context.principal.access.covers(&path) => Ok(path),
        _ => Err(DavError::SearchScope),
    }
}

/// At most what the client wants and the server gives.
pub(super) fn limit(context: &Context<'_>, wanted: Option<u32>) -> usize {
    let most = context.dav.settings.search_results;
    wanted.map_or(most, |wanted| (wanted as usize).min(most))
}

/// Asks the index and writes the multistatus, off the event loop.
pub(super) async fn run(
    context: &Context<'_>,
    question: Question,
    set: PropSet,
    viewer: Viewer,
) -> Result<Bytes, DavError> {
    let wants = set.wants();
    let trees = trees(context, viewer);
    let found = store::read(context.dav.tree.store(), move |tx| {
        let began = Instant::now();
        let mut out = Multistatus::begin();
        for (tree, node, path) in matches(tx, &trees, question.clone())? {
            if began.elapsed() >= question.time {
                return Err(StoreError::TooLong.into());
            }
            let listed = listed_at(tx, &tree.who, node, path, wants)?;
            let slash = if listed.node.is_folder() && !listed.path.is_root() { "/" } else { "" };
            let href = [&tree.viewer.base, "/", &listed.path.encode(), slash].concat();
            set.write(&mut out, &tree.viewer, &listed, &href);
            if out.len() > MAX_ANSWER_BYTES {
                return Err(StoreError::TooLong.into());
            }
        }
        Ok::<_, TreeError>(out.finish())
    });
    found.await.map_err(|error| context.refused(error))
}

/// A tree that is searched: that of the scope, and those of mounts below it.
struct Tree {
    who: TreeViewer,
    viewer: Viewer,
    /// Where in it.
    scope: DavPath,
    /// Of a mount, its root is not known yet.
    mount: Option<Mount>,
}

fn trees(context: &Context<'_>, viewer: Viewer) -> Vec<Tree> {
    let who = context.tree_viewer();
    let mut trees = Vec::new();
    for mount in who.mounts.below(&context.path) {
        let base = format!("{}/{}", context.base, mount.point.encode());
        let owner = mount.tree.clone();
        trees.push(Tree {
            who: TreeViewer { owner, mounts: Mounts::default(), ..who.clone() },
            viewer: Viewer { base, mount: Some(Within::of(mount)), ..viewer.clone() },
            scope: DavPath::root(),
            mount: Some(mount.clone()),
        });
    }
    trees.insert(0, Tree { who, viewer, scope: context.path.clone(), mount: None });
    trees
}

/// What answers the question in all trees, in its order, within its limits.
fn matches<'t>(
    tx: &mut dyn ReadTx,
    trees: &'t [Tree],
    question: Question,
) -> Result<Vec<(&'t Tree, Node, DavPath)>, TreeError> {
    let (offset, limit) = (question.offset, question.limit);
    let many = trees.len() > 1;
    let mut found = Vec::new();
    for tree in trees {
        let mut asked = question.clone();
        if many {
            (asked.offset, asked.limit) = (0, offset.saturating_add(limit));
        }
        if let Some(mount) = &tree.mount {
            let Some(home) = tx.home(&mount.tree)? else { continue };
            asked.below = home.root;
            if marks_only(&asked.filter) && tx.is_favorite(home.root, &asked.user)? {
                // The root is not below itself, and yet a folder that can be marked.
                let root = tx.node(home.root)?;
                found.extend(root.map(|root| (tree, root, DavPath::root())));
            }
            if asked.members_only {
                continue;
            }
        }
        for (node, below) in tx.search(&asked)? {
            let Ok(below) = DavPath::from_decoded(&below) else { continue };
            let path = tree.scope.over(&below);
            // What a mount hides is not seen.
            if tree.who.mounts.find(&path).is_none() {
                found.push((tree, node, path));
            }
        }
    }
    if many {
        found.sort_by(|a, b| compare_nodes(&question.sort, &a.1, &b.1));
        found = found.into_iter().skip(offset).take(limit).collect();
    }
    Ok(found)
}

/// Whether it asks for favourites and nothing else.
fn marks_only(filter: &Filter) -> bool {
    match filter {
        Filter::Favorite(on) => *on,
        Filter::And(parts) => !parts.is_empty() && parts.iter().all(marks_only),
        _ => false,
    }
}

/// The order that the index gives to the results of one tree.
fn compare_nodes(sort: &[(SortKey, bool)], a: &Node, b: &Node) -> Ordering {
    for (key, descending) in sort {
        let order = match key {
            SortKey::Name => a.name.cmp(&b.name),
            SortKey::Mtime => a.mtime.cmp(&b.mtime),
            SortKey::Uploaded => a.uploaded.cmp(&b.uploaded),
            SortKey::Size => a.size.cmp(&b.size),
            SortKey::FileId => a.id.cmp(&b.id),
        };
        let order = if *descending { order.reverse() } else { order };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.id.cmp(&b.id)
}

fn filter(condition: &Where) -> Result<Filter, DavError> {
    let all = |parts: &[Where]| parts.iter().map(filter).collect::<Result<Vec<_>, _>>();
    Ok(match condition {
        Where::And(parts) => Filter::And(all(parts)?),
        Where::Or(parts) => Filter::Or(all(parts)?),
        Where::Not(part) => Filter::Not(Box::new(filter(part)?)),
        Where::IsCollection => Filter::IsCollection,
        // Every node has every live property that can be searched by; dead ones cannot.
        Where::IsDefined(prop) => match live(prop) {
            Some(_) => Filter::And(Vec::new()),
            None => Filter::Or(Vec::new()),
        },
        Where::Compare { op, prop, literal } => match live(prop) {
            Some(known) => compare(*op, known, literal)?,
            None => Filter::Or(Vec::new()),
        },
    })
}

fn compare(op: Op, by: Live, literal: &str) -> Result<Filter, DavError> {
    let order = match op {
        Op::Eq => Order::Equal,
        Op::Lt => Order::Less,
        Op::Lte => Order::LessOrEqual,
        Op::Gt => Order::Greater,
        Op::Gte => Order::GreaterOrEqual,
        Op::Like => {
            return Ok(match by {
                Live::DisplayName => Filter::NameLike(literal.to_owned()),
                Live::ContentType => Filter::MediaTypeLike(literal.to_owned()),
                _ => Filter::Or(Vec::new()),
            });
        }
    };
    let number = || {
        let bad = DavError::BadRequest("A literal of the search is not a number");
        literal.trim().parse::<i64>().map_err(|_| bad)
    };
    let date = || {
        let bad = DavError::BadRequest("A literal of the search is not a date");
        parse_search_date(literal).ok_or(bad)
    };
    Ok(match (by, op) {
        (Live::LastModified, _) => Filter::Mtime(order, date()?),
        (Live::UploadTime | Live::CreationDate, _) => Filter::Uploaded(order, date()?),
        (Live::Size | Live::ContentLength, _) => Filter::Size(order, number()?),
        (Live::FileId, _) => Filter::FileId(order, number()?),
        // COMPAT(android): `yes`.
        (Live::Favorite, Op::Eq) => Filter::Favorite(matches!(literal, "yes" | "1" | "true")),
        (Live::DisplayName, Op::Eq) => Filter::NameLike(escape(literal)),
        (Live::ContentType, Op::Eq) => Filter::MediaTypeLike(escape(literal)),
        _ => Filter::Or(Vec::new()),
    })
}

/// A literal as a pattern that means just itself.
fn escape(literal: &str) -> String {
    let mut pattern = String::with_capacity(literal.len());
    for c in literal.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

fn sort_key(by: Live) -> Option<SortKey> {
    match by {
        Live::DisplayName => Some(SortKey::Name),
        Live::LastModified => Some(SortKey::Mtime),
        Live::UploadTime | Live::CreationDate | Live::CreationTime => Some(SortKey::Uploaded),
        Live::Size | Live::ContentLength => Some(SortKey::Size),
        Live::FileId => Some(SortKey::FileId),
        _ => None,
    }
}
