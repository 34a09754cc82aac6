//! What a method needs to know beside its own header fields.

use std::sync::Arc;

use bytes::Bytes;

use super::commit::Committer;
use super::place::Place;
use super::props::Viewer;
use super::{Dav, DavError, actor};
use crate::auth::Principal;
use crate::names::fits_windows;
use crate::path::{DavPath, PathError};
use crate::proto::conditions::{EtagCondition, IfHeader, IfList};
use crate::proto::dates::parse_http_date;
use crate::proto::destination::Destination;
use crate::proto::media_type::parse_essence;
use crate::proto::overwrite::Overwrite;
use crate::store;
use crate::store::nodes::Node;
use crate::tree::{Actor, Conditions, IfClause, IfTarget, TreeError, find};
use crate::wire::{Body, Request};

/// A request on a user's files.
pub(super) struct Context<'a> {
    pub(super) dav: &'a Dav,
    pub(super) principal: &'a Principal,
    /// Encoded href of the root, without trailing slash.
    pub(super) base: String,
    /// The resource.
    pub(super) path: DavPath,
    /// What must hold.
    pub(super) conditions: Conditions,
    request_id: Arc<str>,
    /// `host[:port]` by which the client knows this server.
    hosts: Vec<String>,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        dav: &'a Dav,
        principal: &'a Principal,
        base: String,
        path: DavPath,
        request: &Request,
    ) -> Result<Self, DavError> {
        match principal.access.covers(&path) {
            true => Self::beside(dav, principal, base, path, request),
            false => Err(DavError::NoSuchPlace),
        }
    }

    /// The same for a request on something else, which uses a path only to ask about it.
    pub(super) fn beside(
        dav: &'a Dav,
        principal: &'a Principal,
        base: String,
        path: DavPath,
        request: &Request,
    ) -> Result<Self, DavError> {
        let authority = request.base_url.split("://").nth(1).unwrap_or_default();
        let host = authority.split('/').next().unwrap_or_default();
        let mut hosts = vec![host.to_ascii_lowercase()];
        hosts.extend(request.header("host").map(str::to_ascii_lowercase));
        hosts.extend(request.uri.authority().map(|host| host.as_str().to_ascii_lowercase()));
        let request_id = Arc::clone(&request.id);
        let mut context = Self {
            dav,
            principal,
            base,
            path,
            conditions: Conditions::default(),
            request_id,
            hosts,
        };
        context.conditions = context.read_conditions(request)?;
        Ok(context)
    }

    pub(super) fn actor(&self) -> Actor {
        actor(self.principal, &self.request_id)
    }

    /// What a commit needs, to go on without this request.
    pub(super) fn committer(&self) -> Committer {
        Committer {
            tree: self.dav.tree.clone(),
            content: self.dav.content.clone(),
            actor: self.actor(),
            uid: self.principal.uid.clone(),
        }
    }

    /// Percent-encoded href of a path below the root.
    pub(super) fn href(&self, path: &DavPath, folder: bool) -> String {
        let slash = if folder && !path.is_root() { "/" } else { "" };
        format!("{}/{}{slash}", self.base, path.encode())
    }

    /// Refuses writes by app passwords that only read, and on paths outside their folder.
    pub(super) fn require_write(&self, path: &DavPath) -> Result<(), DavError> {
        match self.principal.may_write() && self.principal.access.covers(path) {
            true => Ok(()),
            false => Err(DavError::OutOfScope),
        }
    }

    /// The same for a name that may be new: the administrator may want names that fit Windows.
    pub(super) fn require_new(&self, path: &DavPath) -> Result<(), DavError> {
        self.require_write(path)?;
        let fits = path.segments().all(fits_windows);
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

    /// `Destination`, inside the same user's files and not in another's.
    pub(super) fn destination(&self, request: &Request) -> Result<DavPath, DavError> {
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
                self.require_new(&path)?;
                Ok(path)
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
            Ok(Place::Files { path, .. }) => IfTarget::Path(path),
            _ => IfTarget::Foreign,
        }
    }
}

impl Context<'_> {
    /// The node at the request's path, and where its bytes lie on the storage.
    pub(super) async fn find(&self) -> Result<(Node, String), DavError> {
        self.find_at(&self.path).await
    }

    /// The same of another path.
    pub(super) async fn find_at(&self, path: &DavPath) -> Result<(Node, String), DavError> {
        let (uid, path) = (self.principal.uid.clone(), path.clone());
        let found = store::read(self.dav.tree.store(), move |tx| find(tx, &uid, &path)).await;
        found.map_err(|error: TreeError| self.refused(error))
    }

    /// The request's body, as far as XML may be long.
    pub(super) async fn read_xml(&self, request: &mut Request) -> Result<Bytes, DavError> {
        let body = std::mem::replace(&mut request.body, Body::from_bytes(""));
        Ok(body.collect(self.dav.settings.xml.bytes).await?)
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
        match self.room().await? {
            Some(room) if growth > room => {
                Err(self.refused(TreeError::OverQuota { needed: growth }))
            }
            _ => Ok(()),
        }
    }

    /// Bytes that the quota leaves; `None` for any.
    pub(super) async fn room(&self) -> Result<Option<u64>, DavError> {
        let Some(quota) = self.principal.quota else { return Ok(None) };
        let (root, _) = self.find_at(&DavPath::root()).await?;
        Ok(Some(quota.saturating_sub(root.size)))
    }

    /// What of an answer does not depend on the resource.
    pub(super) async fn viewer(&self, request: &Request) -> Result<Viewer, DavError> {
        // COMPAT(all): -3 means unlimited (Nextcloud `lib/public/Files/FileInfo.php`).
        let available = match self.room().await? {
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
            base_url: request.base_url.to_string(),
            now: self.dav.clock.seconds(),
        })
    }
}
