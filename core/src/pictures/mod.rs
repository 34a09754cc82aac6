//! Previews by URL (clients.md §25).
//!
//! | Path, most below `/index.php`                         | Whose | Box |
//! |-------------------------------------------------------|-------|-----|
//! | `/core/preview?fileId=&x=&y=&a=&mode=`                | all apps | `a=0` cut to the box, `a=1` all of it: `mode=cover` covering the box, else inside it |
//! | `/core/preview.png?file=…`                            | links that the server makes | the same |
//! | `/apps/files/api/v1/thumbnail/<x>/<y>/<path>`         | android, full screen | cut to the box |
//!
//! | Situation                                        | Answer | Source |
//! |--------------------------------------------------|--------|--------|
//! | a picture                                        | 200, `ETag`, `Cache-Control: private, max-age=86400` | clients.md §25 |
//! | the client has it                                | 304    | RFC 9110 §13.1.2 |
//! | no such file, another's, a folder                | 404    | `threats` §3 |
//! | nobody makes previews of it, or it is broken     | 404, harmless to all apps | clients.md §25 |
//! | parameters that cannot be read                   | 404; never 400, on which Android forgets its certificate | clients.md §25 |
//! | too many at once, or whoever makes them cannot   | 503    | `threats` §0 |
//! | no login, wrong login                            | 401    | |
//!
//! COMPAT(all): `x` and `y` may be missing, and are then 32, as in the reference server; `forceIcon` and
//! `mimeFallback` ask for an icon instead of a 404, and the apps have icons of their own.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::{Method, StatusCode};
use moonsail_sdk::BoxFuture;
use moonsail_sdk::preview::Mode;
use moonsail_sdk::stream::{ByteStream, StreamError};
use tokio::sync::mpsc;

use crate::auth::{Auth, AuthError, Principal};
use crate::content::{Content, ContentError, OpenFile, stream};
use crate::ids::NodeId;
use crate::path::DavPath;
use crate::previews::{NoPreview, Previews, Size};
use crate::proto::conditions::EtagCondition;
use crate::proto::form::Fields;
use crate::store::nodes::{Node, locate};
use crate::tree::{Tree, TreeError, find};
use crate::wire::{Reply, Request, StreamBroken, USER_FIELD};

/// The room.
pub struct Pictures {
    auth: Arc<Auth>,
    tree: Tree,
    content: Content,
    previews: Previews,
}

/// Of which file, and how large.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wish {
    file: Which,
    size: Size,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    Id(NodeId),
    Path(DavPath),
}

/// Why there is no picture.
enum Refusal {
    Method,
    NotLoggedIn,
    Auth(AuthError),
    Missing,
    Busy,
}

impl Pictures {
    /// A room over its services.
    pub fn new(auth: Arc<Auth>, tree: Tree, content: Content, previews: Previews) -> Self {
        Self { auth, tree, content, previews }
    }

    /// Whether a path is one of this room's.
    pub fn owns(path: &str) -> bool {
        let path = path.strip_prefix("/index.php").unwrap_or(path);
        matches!(path, "/core/preview" | "/core/preview.png") || path.starts_with(THUMBNAIL)
    }

    /// Answers a request.
    pub async fn handle(&self, request: Request) -> Reply {
        let mut user = None;
        let reply = self.answer(&request, &mut user).await;
        let reply = reply.unwrap_or_else(|refusal| refusal.reply(&request.id));
        match user {
            Some(Principal { uid, .. }) => reply.header(USER_FIELD, uid.as_str()),
            None => reply,
        }
    }

    async fn answer(
        &self,
        request: &Request,
        user: &mut Option<Principal>,
    ) -> Result<Reply, Refusal> {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return Err(Refusal::Method);
        }
        let principal = self.auth.authenticate(request).await.map_err(Refusal::Auth)?;
        let principal = user.insert(principal.ok_or(Refusal::NotLoggedIn)?);
        let wish = Wish::parse(request).ok_or(Refusal::Missing)?;
        let size = self.previews.bounded(wish.size);
        let (node, disk_path) = self.find(principal, wish.file).await?;
        if node.is_folder() || !self.previews.has(&node.name, node.size) {
            return Err(Refusal::Missing);
        }
        let OpenFile { node, file } = self.content.open(node, disk_path).await.map_err(lost)?;
        let etag = tag(&node, size);
        let held = request.header("if-none-match").and_then(|it| EtagCondition::parse(it).ok());
        if held.is_some_and(|held| held.matches_weak(Some(&etag))) {
            return Ok(described(Reply::empty(StatusCode::NOT_MODIFIED), &etag));
        }
        let open = || -> Box<dyn ByteStream> {
            Box::new(Bytes(stream(Arc::clone(&file), 0..file.size())))
        };
        let named = (node.name.as_str(), file.size());
        let picture = self.previews.render(named, size, &open).await.map_err(|why| match why {
            NoPreview::Nobody | NoPreview::Broken => Refusal::Missing,
            NoPreview::Busy | NoPreview::Unavailable => Refusal::Busy,
        })?;
        let mut reply = Reply::empty(StatusCode::OK).header("content-type", &picture.media_type);
        reply.body = crate::wire::ReplyBody::Full(picture.bytes);
        Ok(described(reply, &etag))
    }

    /// The file, if it is the user's and the login is not for another folder.
    async fn find(&self, principal: &Principal, file: Which) -> Result<(Node, String), Refusal> {
        let (uid, access) = (principal.uid.clone(), principal.access.clone());
        let found = self.tree.store_read(move |tx| match file {
            Which::Path(path) => {
                let seen = access.covers(&path).then(|| find(tx, &uid, &path));
                seen.transpose().or_else(|error| match error {
                    TreeError::NotFound(_) => Ok(None),
                    error => Err(error),
                })
            }
            Which::Id(id) => Ok(locate(tx, id)?
                .filter(|it| it.home.owner == uid && access.covers(&it.path))
                .map(|it| (it.node, it.home.disk_path(&it.path)))),
        });
        match found.await {
            Ok(found) => found.ok_or(Refusal::Missing),
            Err(error) => {
                tracing::error!(%error, "a preview's file cannot be looked up");
                Err(Refusal::Busy)
            }
        }
    }
}

fn lost(error: ContentError) -> Refusal {
    match error {
        ContentError::Gone => Refusal::Missing,
        error => {
            tracing::warn!(%error, "a preview's file cannot be read");
            Refusal::Busy
        }
    }
}

/// Another for each state of the file and each box.
fn tag(node: &Node, size: Size) -> String {
    let mode = match size.mode {
        Mode::Fit => 'f',
        Mode::Cover => 'c',
        Mode::Crop => 'x',
    };
    format!("{}-{}{mode}{}", node.etag().0, size.width, size.height)
}

fn described(reply: Reply, etag: &str) -> Reply {
    reply
        .header("etag", format!("\"{etag}\""))
        .header("cache-control", "private, max-age=86400")
        .header("content-disposition", "inline")
        .header("content-security-policy", "default-src 'none'; sandbox")
}

const THUMBNAIL: &str = "/apps/files/api/v1/thumbnail/";

impl Wish {
    fn parse(request: &Request) -> Option<Self> {
        let path = request.uri.path();
        let path = path.strip_prefix("/index.php").unwrap_or(path);
        if let Some(rest) = path.strip_prefix(THUMBNAIL) {
            let mut parts = rest.splitn(3, '/');
            let (width, height) = (side(parts.next())?, side(parts.next())?);
            let file = Which::Path(DavPath::parse(parts.next()?).ok()?);
            return Some(Self { file, size: Size { width, height, mode: Mode::Crop } });
        }
        let fields = Fields::parse_form(request.uri.query().unwrap_or_default().as_bytes()).ok()?;
        let keeps = matches!(fields.get("a"), Some("1" | "true"));
        let mode = match (keeps, fields.get("mode")) {
            (false, _) => Mode::Crop,
            (true, Some("cover")) => Mode::Cover,
            (true, _) => Mode::Fit,
        };
        let file = match (fields.get("fileId"), fields.get("file")) {
            (Some(id), _) => Which::Id(NodeId(id.parse().ok().filter(|id| *id > 0)?)),
            (None, path) => Which::Path(DavPath::from_decoded(path?).ok()?),
        };
        let side = |name| side(Some(fields.get(name).unwrap_or("32")));
        Some(Self { file, size: Size { width: side("x")?, height: side("y")?, mode } })
    }
}

/// A side of a box; one that is longer than any picture counts as the longest.
fn side(text: Option<&str>) -> Option<u32> {
    let side: u64 = text?.parse().ok()?;
    (side > 0).then(|| u32::try_from(side).unwrap_or(u32::MAX))
}

impl Refusal {
    fn reply(&self, id: &str) -> Reply {
        let (status, text) = match self {
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD"),
            Self::NotLoggedIn => (StatusCode::UNAUTHORIZED, "Current user is not logged in"),
            // What cannot be read is no login.
            Self::Auth(error) if error.status() == StatusCode::BAD_REQUEST => {
                (StatusCode::UNAUTHORIZED, "The login was not taken")
            }
            Self::Auth(error) => (error.status(), "The login was not taken"),
            Self::Missing => (StatusCode::NOT_FOUND, "No preview"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "Not available at the moment"),
        };
        let body = format!("{text}.\nRequest id: {id}\n");
        let reply = Reply::with_body(status, "text/plain; charset=utf-8", body)
            .header("cache-control", "no-store");
        match self {
            Self::Method => reply.header("allow", "GET, HEAD"),
            Self::Busy => reply.header("retry-after", "5"),
            Self::Auth(error) if error.retry_after().is_some() => {
                reply.header("retry-after", error.retry_after().unwrap_or(1).to_string())
            }
            _ if status == StatusCode::UNAUTHORIZED => {
                reply.header("www-authenticate", r#"Basic realm="Authorisation Required""#)
            }
            _ => reply,
        }
    }
}

/// The bytes of a file as previewers read them.
struct Bytes(mpsc::Receiver<Result<bytes::Bytes, StreamBroken>>);

impl ByteStream for Bytes {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<bytes::Bytes>, StreamError>> {
        Box::pin(async {
            match self.0.recv().await {
                None => Ok(None),
                Some(Ok(piece)) => Ok(Some(piece)),
                Some(Err(StreamBroken(why))) => Err(StreamError::Failed(why)),
            }
        })
    }
}
