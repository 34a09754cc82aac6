//! What a method needs to know beside its own header fields.

use std::sync::Arc;

use bytes::Bytes;

use super::commit::Committer;
use super::place::Place;
use super::props::{Viewer, Within};
use super::visit::{Spot, Visit};
use super::{Dav, DavError, actor};
use crate::auth::Principal;
use crate::content::Content;
use crate::ids::Uid;
use crate::names::fits_windows;
use crate::path::{DavPath, PathError};
use crate::proto::conditions::{EtagCondition, IfHeader, IfList};
use crate::proto::dates::parse_http_date;
use crate::proto::destination::Destination;
use crate::proto::media_type::parse_essence;
use crate::proto::overwrite::Overwrite;
use crate::store;
use crate::store::nodes::Node;
use crate::tree::{
    Actor, Conditions, IfClause, IfTarget, Mount, Mounts, TreeError, Viewer as TreeViewer, find,
};
use crate::wire::{Body, Request};

/// What the server needs for itself at the top of a folder that is mounted.
const OWN_FOLDER: &str = ".moonsail";

/// A request on files. One in a mount is a request on the mount's tree, whose root is seen at the
/// mount point: paths and hrefs are those of that tree.
pub(super) struct Context<'a> {
    pub(super) dav: &'a Dav,
    pub(super) principal: &'a Principal,
    pub(super) visit: Visit<'a>,
    /// Encoded href of the user's root, without trailing slash.
    pub(super) home_base: String,
    /// The same of the tree's root.
    pub(super) base: String,
    /// Whose tree it is.
    pub(super) owner: Uid,
    /// The resource.
    pub(super) path: DavPath,
    /// The mount that it lies in.
    pub(super) mount: Option<Mount>,
    /// Stages where the resource lies.
    pub(super) content: Content,
    /// What must hold.
    pub(super) conditions: Conditions,
    request_id: Arc<str>,
    /// `host[:port]` by which the client knows this server.
    hosts: Vec<String>,
}

impl<'a> Context<'a> {
    /// `base` is the encoded href of the user's root, and `path` a path below it.
    pub(super) fn new(
        visit: &Visit<'a>,
        base: String,
        path: DavPath,
        request: &Request,
    ) -> Result<Self, DavError> {
        match visit.principal.access.covers(&path) {
            true => Self::beside(visit, base, path, request),
            false => Err(DavError::NoSuchPlace),
        }
    }

    /// The same for a request on something else, which uses a path only to ask about it.
    pub(super) fn beside(
        visit: &Visit<'a>,
        base: String,
        path: DavPath,
        request: &Request,
    ) -> Result<Self, DavError> {
        let Spot { owner, path, mount, storage } = visit.spot(path);
        let (home_base, base) = (base.clone(), base_of(base, mount.as_ref()));
        let authority = request.base_url.split("://").nth(1).unwrap_or_default();
        let host = authority.split('/').next().unwrap_or_default();
        let mut hosts = vec![host.to_ascii_lowercase()];
        hosts.extend(request.header("host").map(str::to_ascii_lowercase));
        hosts.extend(request.uri.authority().map(|host| host.as_str().to_ascii_lowercase()));
        let request_id = Arc::clone(&request.id);
        let mut context = Self {
            dav: visit.dav,
            principal: visit.principal,
            visit: visit.clone(),
            home_base,
            base,
            owner,
            path,
            mount,
            content: visit.dav.content.on(storage),
            conditions: Conditions::default(),
            request_id,
            hosts,
        };
        context.conditions = context.read_conditions(request)?;
        Ok(context)
    }

    /// Refuses what lies in a mount that is not there.
    pub(super) async fn require_there(&self) -> Result<(), DavError> {
        match &self.mount {
            Some(mount) => self.dav.require_mount(mount).await,
            None => Ok(()),
        }
    }

    /// The resource, among all that its user sees.
    pub(super) fn spot(&self) -> Spot {
        let storage = self.content.stages_on();
        let (owner, path, mount) = (self.owner.clone(), self.path.clone(), self.mount.clone());
        Spot { owner, path, mount, storage }
    }

    /// Who does it. Whoever owns the storage pays: in a mount no user's quota counts.
    pub(super) fn actor(&self) -> Actor {
        self.actor_at(&self.spot())
    }

    /// The same where what changes is in another tree.
    pub(super) fn actor_at(&self, spot: &Spot) -> Actor {
        let actor = actor(self.principal, &self.request_id);
        Actor { quota: actor.quota.filter(|_| spot.mount.is_none()), ..actor }
    }

    /// What a commit needs, to go on without this request.
    pub(super) fn committer(&self) -> Committer {
        Committer {
            tree: self.dav.tree.clone(),
            content: self.content.clone(),
            actor: self.actor(),
            owner: self.owner.clone(),
        }
    }

    /// Percent-encoded href of a path below the root.
    pub(super) fn href(&self, path: &DavPath, folder: bool) -> String {
        let slash = if folder && !path.is_root() { "/" } else { "" };
        format!("{}/{}{slash}", self.base, path.encode())
    }

    /// Refuses writes by app passwords that only read, and on paths outside their folder, and such in
    /// mounts that nobody may change.
    pub(super) fn require_write(&self, spot: &Spot) -> Result<(), DavError> {
        if spot.is_read_only() {
            return Err(DavError::OutOfScope);
        }
        // A local folder hides it (`storage-local`), so nothing could appear there.
        if spot.mount.is_some() && spot.path.segments().next() == Some(OWN_FOLDER) {
            return Err(DavError::OutOfScope);
        }
        match self.principal.may_write() && self.principal.access.covers(&spot.seen_at()) {
            true => Ok(()),
            false => Err(DavError::OutOfScope),
        }
    }

    /// Refuses to take away or replace a mount, or a folder that mounts are seen in.
    pub(super) fn require_no_mounts(&self, spot: &Spot) -> Result<(), DavError> {
        match &spot.mount {
            Some(_) if spot.path.is_root() => Err(self.refused_at(spot, TreeError::Root)),
            None if self.visit.mounts.hang_below(&spot.path) => {
                Err(self.refused_at(spot, TreeError::Root))
            }
            _ => Ok(()),
        }
    }

    /// [`Context::require_write`] for a name that may be new: the administrator may want names that
    /// fit Windows.
    pub(super) fn require_new(&self, spot: &Spot) -> Result<(), DavError> {
        self.require_write(spot)?;
        let fits = spot.path.segments().all(fits_windows);
        match fits || !self.dav.settings.windows_compatible {
            true => Ok(()),
            false => Err(PathError::NotForWindows.into()),
        }
    }

    /// A refusal of the tree, with what makes its paths hrefs.
    pub(super) fn refused(&self, error: TreeError) -> DavError {
        match DavError::from(error) {
            DavError::Tree(error, _) => DavError::Tree(error, self.base.clone()),
            error => error,
        }
    }

    /// The same about a place that may be in another tree.
    pub(super) fn refused_at(&self, spot: &Spot, error: TreeError) -> DavError {
        match DavError::from(error) {
            DavError::Tree(error, _) => {
                DavError::Tree(error, base_of(self.home_base.clone(), spot.mount.as_ref()))
            }
            error => error,
        }
    }

    /// `Destination`, inside the same user's files and not in another's.
    pub(super) fn destination(&self, request: &Request) -> Result<Spot, DavError> {
        let mut values = request.headers.get_all("destination").iter();
        let value = values.next().ok_or(DavError::HeaderMissing("Destination"))?;
        if values.next().is_some() {
            return Err(DavError::BadRequest("There are two Destination fields"));
        }
        let to = Destination::parse(value.as_bytes())?;
        if to.host.is_some_and(|host| !self.hosts.contains(&host)) {
            return Err(DavError::ForeignDestination);
        }
        match self.place(&to.path)? {
            Place::Files { path, .. } => {
                let spot = self.visit.spot(path);
                self.require_new(&spot)?;
                Ok(spot)
            }
            _ => Err(DavError::DestinationOutside),
        }
    }

    /// `Overwrite`: whether the destination may be replaced.
    pub(super) fn overwrite(&self, request: &Request) -> Result<bool, DavError> {
        Ok(Overwrite::parse(request.header("overwrite"))? == Overwrite::Allow)
    }

    /// The place of a URL's path. The server may live below a sub path (`public_url`): what stands
    /// before `/remote.php/` does not count.
    fn place(&self, path: &str) -> Result<Place, DavError> {
        let start = path.find("/remote.php/").unwrap_or(0);
        Place::parse(&path[start..], &self.principal.uid)
    }

    fn read_conditions(&self, request: &Request) -> Result<Conditions, DavError> {
        let etags = |name| request.header(name).map(EtagCondition::parse).transpose();
        let clauses = match request.headers.get("if") {
            None => Vec::new(),
            Some(value) => {
                let text = std::str::from_utf8(value.as_bytes())
                    .map_err(|_| DavError::BadRequest("The If header is not UTF-8"))?;
                let header = IfHeader::parse(text)?;
                header.lists.into_iter().map(|list| self.clause(list)).collect()
            }
        };
        Ok(Conditions {
            if_match: etags("if-match")?,
            if_none_match: etags("if-none-match")?,
            if_unmodified_since: request.header("if-unmodified-since").and_then(parse_http_date),
            if_clauses: clauses,
            submitted: Vec::new(),
            mounts: self.visit.mounts.clone(),
        })
    }

    fn clause(&self, list: IfList) -> IfClause {
        let target = match &list.resource {
            None => IfTarget::Request,
            Some(resource) => self.if_target(resource),
        };
        IfClause { target, conditions: list.conditions }
    }

    fn if_target(&self, resource: &str) -> IfTarget {
        let Ok(to) = Destination::parse(resource.as_bytes()) else { return IfTarget::Foreign };
        if to.host.is_some_and(|host| !self.hosts.contains(&host)) {
            return IfTarget::Foreign;
        }
        match self.place(&to.path) {
            Ok(Place::Files { path, .. }) => {
                let Spot { owner, path, .. } = self.visit.spot(path);
                IfTarget::Path(owner, path)
            }
            _ => IfTarget::Foreign,
        }
    }
}

/// Encoded href of a tree's root.
fn base_of(home: String, mount: Option<&Mount>) -> String {
    match mount {
        Some(mount) => format!("{home}/{}", mount.point.encode()),
        None => home,
    }
}

impl Context<'_> {
    /// The node at the request's path, and where its bytes lie on the storage.
    pub(super) async fn find(&self) -> Result<(Node, String), DavError> {
        self.find_in(self.owner.clone(), self.path.clone()).await
    }

    /// The same of another place.
    pub(super) async fn find_at(&self, spot: &Spot) -> Result<(Node, String), DavError> {
        self.find_in(spot.owner.clone(), spot.path.clone()).await
    }

    async fn find_in(&self, owner: Uid, path: DavPath) -> Result<(Node, String), DavError> {
        let found = store::read(self.dav.tree.store(), move |tx| find(tx, &owner, &path)).await;
        found.map_err(|error: TreeError| self.refused(error))
    }

    /// The request's body, as far as XML may be long.
    pub(super) async fn read_xml(&self, request: &mut Request) -> Result<Bytes, DavError> {
        let body = std::mem::replace(&mut request.body, Body::from_bytes(""));
        Ok(body.collect(self.dav.settings.xml.bytes).await?)
    }

    /// Who sees what of this tree.
    pub(super) fn tree_viewer(&self) -> TreeViewer {
        TreeViewer {
            user: self.principal.uid.clone(),
            owner: self.owner.clone(),
            mounts: match self.mount {
                Some(_) => Mounts::default(),
                None => self.visit.mounts.clone(),
            },
            now: self.dav.clock.seconds(),
        }
    }

    /// Whether the body is meant to be XML.
    pub(super) fn says_xml(&self, request: &Request) -> bool {
        request
            .header("content-type")
            .and_then(parse_essence)
            .is_some_and(|media_type| matches!(media_type.as_str(), "application/xml" | "text/xml"))
    }

    /// Refuses a growth that the quota does not allow as things are now; the commit checks again.
    pub(super) async fn foresee_quota(&self, growth: u64) -> Result<(), DavError> {
        self.foresee_quota_at(&self.spot(), growth).await
    }

    /// The same for another place.
    pub(super) async fn foresee_quota_at(&self, spot: &Spot, growth: u64) -> Result<(), DavError> {
        match self.room_at(spot).await? {
            Some(room) if growth > room => {
                Err(self.refused(TreeError::OverQuota { needed: growth }))
            }
            _ => Ok(()),
        }
    }

    /// Bytes that the quota leaves; `None` for any.
    pub(super) async fn room(&self) -> Result<Option<u64>, DavError> {
        self.room_at(&self.spot()).await
    }

    async fn room_at(&self, spot: &Spot) -> Result<Option<u64>, DavError> {
        let quota = self.principal.quota.filter(|_| spot.mount.is_none());
        let Some(quota) = quota else { return Ok(None) };
        let (root, _) = self.find_in(spot.owner.clone(), DavPath::root()).await?;
        Ok(Some(quota.saturating_sub(root.size)))
    }

    /// What of an answer does not depend on the resource.
    pub(super) async fn viewer(&self, request: &Request) -> Result<Viewer, DavError> {
        // COMPAT(all): -3 means unlimited (Nextcloud `lib/public/Files/FileInfo.php`).
        let room = match self.mount {
            Some(_) => self.content.free_space().await?,
            None => self.room().await?,
        };
        let available = match room {
            None => -3,
            Some(room) => i64::try_from(room).unwrap_or(i64::MAX),
        };
        Ok(Viewer {
            base: self.base.clone(),
            uid: self.principal.uid.as_str().to_owned(),
            display_name: self.principal.display_name.clone(),
            instance: self.dav.installation.instance.clone(),
            fingerprint: self.dav.installation.data_fingerprint.clone(),
            available,
            may_write: self.principal.may_write(),
            mount: self.mount.as_ref().map(Within::of),
            previews: self.dav.previews.clone(),
            base_url: request.base_url.to_string(),
            now: self.dav.clock.seconds(),
        })
    }
}
