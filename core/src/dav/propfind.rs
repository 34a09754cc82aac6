//! `PROPFIND` (RFC 4918 §9.1): properties of a resource and its members, streamed.
//!
//! | Situation                | Answer | Source                                         |
//! |--------------------------|--------|------------------------------------------------|
//! | found                    | 207    | §9.1                                           |
//! | `Depth` absent           | as 1   | recorded server; §9.1 says infinity            |
//! | `Depth: infinity`        | 403 with `d:propfind-finite-depth` | §9.1, threats §6   |
//! | nothing there            | 404    | RFC 9110                                       |
//! | body is not good XML     | 400    | RFC 4918 §8.2                                  |
//!
//! Rows come from one snapshot page by page. What a slow client does not take yet waits as rows, so
//! that the snapshot ends soon, and memory holds one folder at the most, but for large properties: of
//! those it holds 32 MiB, and a client that is too slow for them gets a broken answer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::DavError;
use super::context::Context;
use super::error::XML;
use super::props::{PropSet, Viewer};
use crate::path::DavPath;
use crate::proto::dav::{Multistatus, Propfind};
use crate::proto::depth::Depth;
use crate::store::{Store, StoreError};
use crate::tree::{Listed, Listing, TreeError, Viewer as TreeViewer};
use crate::wire::{Reply, ReplyBody, Request, StreamBroken};

/// Rows read at once.
const PAGE: usize = 1000;
/// How much may hang on rows that wait for a slow client. Rows alone are small, and wait as they are.
const BACKLOG_BYTES: usize = 32 * 1024 * 1024;
/// How long a thread waits for a client when more does.
const PATIENCE: Duration = Duration::from_secs(10);
/// Threads that wait for slow clients of heavy listings, in the whole server; the next is cut.
static WAITING: Semaphore = Semaphore::const_new(16);
/// Bytes of XML handed over at once.
const PIECE: usize = 64 * 1024;

pub(super) async fn propfind(
    context: &Context<'_>,
    request: &mut Request,
) -> Result<Reply, DavError> {
    let depth = match Depth::parse(request.header("depth"))? {
        Some(Depth::Infinity) => return Err(DavError::InfiniteDepth),
        Some(depth) => depth,
        None => Depth::One,
    };
    let body = context.read_xml(request).await?;
    let set =
        PropSet::of(Propfind::parse(&body, &context.dav.settings.xml)?, wants_minimal(request));
    let viewer = context.viewer(request).await?;
    if depth == Depth::One {
        context.content.freshen(&context.owner, &context.path).await;
    }
    let (pieces, found) = list(context, depth, set, viewer);
    // Nothing is answered before the resource was found; after it, errors break the stream.
    match found.await {
        Ok(Ok(Some(whole))) => Ok(multistatus(ReplyBody::Full(whole))),
        Ok(Ok(None)) => Ok(multistatus(ReplyBody::Stream { pieces, length: None })),
        Ok(Err(error)) => Err(context.refused(error)),
        Err(_) => Err(DavError::ListingLost),
    }
}

/// 207 with a body.
pub(super) fn multistatus(body: ReplyBody) -> Reply {
    let mut reply = Reply::with_body(StatusCode::MULTI_STATUS, XML, "");
    reply.body = body;
    reply.header("vary", "Brief,Prefer")
}

/// `Prefer: return=minimal` (RFC 8144) or `Brief: t`: missing properties are not told.
pub(super) fn wants_minimal(request: &Request) -> bool {
    request.header("prefer").is_some_and(|value| value.contains("return=minimal"))
        || request.header("brief") == Some("t")
}

type Pieces = mpsc::Receiver<Result<Bytes, StreamBroken>>;
/// The whole answer if one page was enough; nothing if it is streamed.
type First = Result<Option<Bytes>, TreeError>;

fn list(
    context: &Context<'_>,
    depth: Depth,
    set: PropSet,
    viewer: Viewer,
) -> (Pieces, oneshot::Receiver<First>) {
    let (sender, pieces) = mpsc::channel(4);
    let (found, was_found) = oneshot::channel();
    let store = Arc::clone(context.dav.tree.store());
    let (who, path) = (context.tree_viewer(), context.path.clone());
    tokio::task::spawn_blocking(move || {
        let mut writer = Writer { out: Multistatus::begin(), sender, set, viewer };
        match writer.read(&*store, (who, &path), depth, found) {
            // At the client's pace, which no thread of the pool waits for.
            Ok(Some(backlog)) => drop(tokio::spawn(writer.finish(backlog))),
            Ok(None) => {} // answered as a whole
            Err(error) => {
                // Told when the client takes what is before it; no thread waits for that.
                let Writer { sender, .. } = writer;
                drop(tokio::spawn(async move {
                    let _gone = sender.send(Err(StreamBroken(error.to_string()))).await;
                }));
            }
        }
    });
    (pieces, was_found)
}

struct Writer {
    out: Multistatus,
    sender: mpsc::Sender<Result<Bytes, StreamBroken>>,
    set: PropSet,
    viewer: Viewer,
}

impl Writer {
    /// Reads the resource and its members from one snapshot. Gives the pages that are not written
    /// yet; nothing if `first` was told the whole answer, or why there is none.
    fn read(
        &mut self,
        store: &dyn Store,
        (who, path): (TreeViewer, &DavPath),
        depth: Depth,
        first: oneshot::Sender<First>,
    ) -> Result<Option<VecDeque<Vec<Listed>>>, TreeError> {
        let mut snapshot = match store.reader() {
            Ok(snapshot) => snapshot,
            Err(error) => {
                let _gone = first.send(Err(error.into()));
                return Ok(None);
            }
        };
        let tx = &mut *snapshot;
        let opened = Listing::open(tx, who, path, self.set.wants())
            .and_then(|listing| listing.target(tx).map(|target| (listing, target)));
        let (mut listing, target) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                let _gone = first.send(Err(error));
                return Ok(None);
            }
        };
        self.write(&target);
        let mut page = match depth {
            Depth::Zero => Vec::new(),
            _ => match listing.next_page(tx, PAGE) {
                Ok(page) => page,
                Err(error) => {
                    let _gone = first.send(Err(error));
                    return Ok(None);
                }
            },
        };
        if listing.is_ended() || depth == Depth::Zero {
            drop(snapshot);
            page.iter().for_each(|listed| self.write(listed));
            let whole = std::mem::replace(&mut self.out, Multistatus::begin()).finish();
            let _gone = first.send(Ok(Some(whole)));
            return Ok(None);
        }
        let _gone = first.send(Ok(None));
        let (mut backlog, mut waiting, mut patience) = (VecDeque::new(), 0, PATIENCE);
        loop {
            if page.is_empty() {
                return Ok(Some(backlog));
            }
            waiting += page.iter().map(Listed::weight).sum::<usize>();
            backlog.push_back(page);
            waiting -= self.write_what_fits(&mut backlog);
            if waiting > BACKLOG_BYTES {
                // The rest is of another moment then. Who compares etags notices: a change in
                // between has given this folder another one.
                drop(snapshot);
                self.wait_for_client(&mut patience)?;
                waiting -= self.write_what_fits(&mut backlog);
                snapshot = store.reader()?;
            }
            page = listing.next_page(&mut *snapshot, PAGE)?;
        }
    }

    /// Writes pages while the client keeps up; gives what hung on their rows.
    fn write_what_fits(&mut self, backlog: &mut VecDeque<Vec<Listed>>) -> usize {
        let mut written = 0;
        while let Ok(permit) = self.sender.clone().try_reserve_owned() {
            let Some(page) = backlog.pop_front() else { break };
            for listed in &page {
                written += listed.weight();
                self.write(listed);
            }
            permit.send(Ok(self.out.take()));
        }
        written
    }

    /// Lets a client that is slow take something, for as long as is left of its `patience`.
    fn wait_for_client(&self, patience: &mut Duration) -> Result<(), TreeError> {
        let too_long = || TreeError::from(StoreError::TooLong);
        let _thread = WAITING.try_acquire().map_err(|_| too_long())?;
        let begun = Instant::now();
        let taken = Handle::current().block_on(timeout(*patience, self.sender.reserve()));
        *patience = patience.saturating_sub(begun.elapsed());
        match taken {
            Ok(Ok(_permit)) => Ok(()),
            // Gone, or so slow that the rest would have to wait in memory.
            Ok(Err(_)) | Err(_) => Err(too_long()),
        }
    }

    /// Writes the rest, at the client's pace.
    async fn finish(mut self, backlog: VecDeque<Vec<Listed>>) {
        for page in backlog {
            for listed in &page {
                self.write(listed);
                if self.out.len() >= PIECE {
                    let piece = self.out.take();
                    if self.sender.send(Ok(piece)).await.is_err() {
                        return;
                    }
                }
            }
        }
        let _gone = self.sender.send(Ok(self.out.finish())).await;
    }

    fn write(&mut self, listed: &Listed) {
        let slash = if listed.node.is_folder() && !listed.path.is_root() { "/" } else { "" };
        let href = [&self.viewer.base, "/", &listed.path.encode(), slash].concat();
        self.set.write(&mut self.out, &self.viewer, listed, &href);
    }
}
