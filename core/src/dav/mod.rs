//! WebDAV (RFC 4918) as the apps speak it: one file a method.
//!
//! [`Dav::handle`] finds out who asks and which place is meant ([`place`]), and hands over to the
//! method's file. Places below `/remote.php/`: `dav/files/<user>/…` and its old name `webdav/…`,
//! `dav/uploads/<user>/…` ([`uploads`]), `dav/principals/…`, and the collections above them.
//! What another user owns looks like what does not exist.

mod asked;
mod commit;
mod context;
mod copy;
mod delete;
mod error;
mod gate;
mod get;
mod lock;
mod lock_view;
mod methods;
mod mkcol;
mod mounts;
mod options;
mod patch;
mod place;
mod propfind;
mod proppatch;
mod props;
mod put;
mod relocate;
mod report;
mod search;
mod space;
mod uploads;
mod virtual_places;
mod visit;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::Method;

use crate::auth::{Auth, Principal};
use crate::clock::Clock;
use crate::content::{Content, TransferLimits, to_the_end};
use crate::hooks::Bus;
use crate::ids::Uid;
use crate::previews::Previews;
use crate::proto::dav::XmlLimits;
use crate::storage::StorageNo;
use crate::store::Installation;
use crate::store::StoreError;
use crate::tree::{Tree, TreeError};
use crate::wire::{Reply, Request, USER_FIELD};
use context::Context;
pub use error::DavError;
pub use mounts::MountRule;
use mounts::MountTable;
use place::Place;
use visit::Visit;

/// Limits of the room, from `[limits]` and `[storage]`.
#[derive(Debug, Clone)]
pub struct DavSettings {
    /// What an XML body may ask for.
    pub xml: XmlLimits,
    /// Most ranges in one download.
    pub ranges: usize,
    /// Greatest value of a dead property in bytes.
    pub dead_property_bytes: usize,
    /// Most dead properties of a resource.
    pub dead_properties: usize,
    /// Most locks that a user holds.
    pub locks: usize,
    /// Most chunked uploads of a user, and chunks of one.
    pub transfers: TransferLimits,
    /// Most results of a search or report in one answer.
    pub search_results: usize,
    /// How long a search or report may look.
    pub search_timeout: Duration,
    /// Free space in bytes that nothing new may take.
    pub min_free_bytes: u64,
    /// Greatest file in bytes; `None` for no limit.
    pub max_file_bytes: Option<u64>,
    /// New names that Windows cannot store are refused.
    pub windows_compatible: bool,
}

impl Default for DavSettings {
    /// The values of `server.toml` at the top of the repository.
    fn default() -> Self {
        Self {
            xml: XmlLimits::default(),
            ranges: 16,
            dead_property_bytes: 64 << 10,
            dead_properties: 100,
            locks: 1000,
            transfers: TransferLimits { transfers: 1000, chunks: 10_000 },
            search_results: 5000,
            search_timeout: Duration::from_secs(5),
            min_free_bytes: 256 << 20,
            max_file_bytes: None,
            windows_compatible: false,
        }
    }
}

/// The WebDAV room.
pub struct Dav {
    auth: Arc<Auth>,
    tree: Tree,
    content: Content,
    installation: Installation,
    settings: DavSettings,
    clock: Clock,
    space: space::Space,
    /// Users whose home was seen to exist, and the storage it is on.
    homes: RwLock<HashMap<Uid, StorageNo>>,
    mounts: MountTable,
    bus: Bus,
    previews: Previews,
}

impl Dav {
    /// The room over its services.
    pub fn new(
        auth: Arc<Auth>,
        tree: Tree,
        content: Content,
        settings: DavSettings,
        clock: Clock,
    ) -> Self {
        let installation = tree.store().installation().clone();
        let (tree, content) = (tree.limited(settings.locks), content.limited(settings.transfers));
        let (space, homes, mounts) = Default::default();
        let (bus, previews) = Default::default();
        Self {
            auth,
            tree,
            content,
            installation,
            settings,
            clock,
            space,
            homes,
            mounts,
            bus,
            previews,
        }
    }

    /// The same with mounts in users' homes.
    #[must_use]
    pub fn mounting(self, rules: Vec<MountRule>) -> Self {
        Self { mounts: MountTable::new(rules), ..self }
    }

    /// The same room, asking the hooks of `bus`.
    #[must_use]
    pub fn asking(self, bus: Bus) -> Self {
        Self { bus, ..self }
    }

    /// The same room in a server that makes previews: it says of which files.
    #[must_use]
    pub fn showing(self, previews: Previews) -> Self {
        Self { previews, ..self }
    }

    /// Answers a request below `/remote.php/`.
    pub async fn handle(&self, request: Request) -> Reply {
        let challenge = error::challenge(&request);
        let mut user = None;
        let answer = self.answer(request, &mut user).await;
        let reply = answer.unwrap_or_else(|error| error.reply(challenge));
        match user {
            Some(user) => reply.header(USER_FIELD, user.as_str()),
            None => reply,
        }
    }

    async fn answer(
        &self,
        mut request: Request,
        user: &mut Option<Uid>,
    ) -> Result<Reply, DavError> {
        if request.method == Method::OPTIONS {
            return options::options(self, &request).await;
        }
        let principal = self.auth.authenticate(&request).await?;
        let mut principal = principal.ok_or(DavError::NotAuthenticated)?;
        *user = Some(principal.uid.clone());
        self.check_quota(&request, &mut principal).await?;
        match Place::parse(request.uri.path(), &principal.uid)? {
            Place::Files { base, path } => {
                let visit = self.visit(&principal, &request).await?;
                let context = Context::new(&visit, base, path, &request)?;
                context.require_there().await?;
                files(&context, &mut request).await
            }
            Place::Uploads { base, rest } => {
                let visit = self.visit(&principal, &request).await?;
                uploads::handle(&visit, &base, &rest, &mut request).await
            }
            Place::Virtual(place) => {
                virtual_places::handle(self, &principal, &place, &mut request).await
            }
            Place::Unknown => Err(DavError::NoSuchPlace),
        }
    }

    /// Who comes to files, with a home that is there and the mounts in it.
    async fn visit<'a>(
        &'a self,
        principal: &'a Principal,
        request: &Request,
    ) -> Result<Visit<'a>, DavError> {
        let home = self.ensure_home(&principal.uid).await?;
        let mounts = self.mounts.of(&self.auth, principal).await?;
        self.prepare_points(&principal.uid, home, &mounts, &request.id).await?;
        Ok(Visit { dav: self, principal, home, mounts })
    }

    /// Makes a user's home at the first request that needs it, and gives the storage it is on.
    async fn ensure_home(&self, uid: &Uid) -> Result<StorageNo, DavError> {
        if let Some(no) = self.homes.read().unwrap_or_else(PoisonError::into_inner).get(uid) {
            return Ok(*no);
        }
        let home = self.tree.find_home(uid).await?;
        let base = home.map_or_else(|| self.tree.base_of(uid), |home| home.base);
        let no = StorageNo::of(&base);
        let finished = self.tree.home_is_finished(uid).await?;
        let on_disk = finished.is_none() && self.content.stat(&base).await?.is_some();
        if finished == Some(false) || on_disk {
            // Files that were there before the home: all of them, or none. Who was shown a part would
            // take the rest for deleted.
            if !self.content.take_over(uid).await {
                return Err(TreeError::Store(StoreError::Busy).into());
            }
        } else if finished.is_none() {
            let (tree, content, uid) = (self.tree.clone(), self.content.on(no), uid.clone());
            to_the_end(async move {
                let staged = content.stage_folder().await?;
                let at = staged.at.clone();
                let made = tree.make_home(&uid, staged).await;
                let unused = match &made {
                    Ok((_, made)) => !made,
                    Err(error) => commit::is_refused(error),
                };
                if unused {
                    content.discard(&at).await;
                }
                made.map(|_| ()).map_err(DavError::from)
            })
            .await??;
        }
        self.homes.write().unwrap_or_else(PoisonError::into_inner).insert(uid.clone(), no);
        Ok(no)
    }
}

/// Methods on a user's files.
async fn files(context: &Context<'_>, request: &mut Request) -> Result<Reply, DavError> {
    match request.method.as_str() {
        "GET" | "HEAD" => get::get(context, request).await,
        "PUT" => put::put(context, request).await,
        "MKCOL" => mkcol::mkcol(context, request).await,
        "DELETE" => delete::delete(context, request).await,
        "MOVE" => relocate::relocate(context, request).await,
        "COPY" => copy::copy(context, request).await,
        "PROPFIND" => propfind::propfind(context, request).await,
        "PROPPATCH" => proppatch::proppatch(context, request).await,
        "LOCK" => lock::lock(context, request).await,
        "UNLOCK" => lock::unlock(context, request).await,
        "REPORT" => report::report(context, request).await,
        "SEARCH" => search::search(context, request).await,
        "PATCH" => patch::patch(context, request).await,
        _ => Err(DavError::MethodNotAllowed(methods::ALLOW_FILES)),
    }
}

/// Who asks, for the tree: the principal as an actor.
fn actor(principal: &Principal, request_id: &Arc<str>) -> crate::tree::Actor {
    crate::tree::Actor {
        uid: principal.uid.clone(),
        origin: "dav",
        request_id: Arc::clone(request_id),
        quota: principal.quota,
    }
}
