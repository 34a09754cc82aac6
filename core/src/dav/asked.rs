//! What hooks have to say about files (`docs/extend/hooks.md`): one function an event.
//!
//! Each asks only if somebody listens. Paths that a hook gives are checked as if the client had
//! sent them.

use http::StatusCode;

use super::context::Context;
use super::put::Described;
use super::visit::Spot;
use super::{Dav, DavError};
use crate::auth::Principal;
use crate::hooks::{Denial, EventId, Fields, Verdict, call_of, fields_of};
use crate::path::DavPath;
use crate::proto::dav::PropName;
use crate::proto::media_type::media_type_of;
use crate::store;
use crate::store::nodes::Node;
use crate::tree::{TreeError, find};
use crate::wire::Request;

/// What is said of an upload before it is read.
pub(super) struct Announced<'a> {
    pub(super) path: &'a DavPath,
    pub(super) size: Option<u64>,
    pub(super) chunked: bool,
    pub(super) described: &'a Described,
}

impl Dav {
    /// Asks; gives the fields that were replaced.
    async fn ask(
        &self,
        request: &Request,
        principal: &Principal,
        event: EventId,
        fields: impl FnOnce(Fields) -> Fields,
    ) -> Result<Fields, DavError> {
        let own = fields(fields_of(request, Some(principal.uid.as_str())));
        heard(self.bus.ask(&call_of(request), event, own, None).await)
    }

    /// `quota.check`: the quota of who stores something now.
    pub(super) async fn check_quota(
        &self,
        request: &Request,
        principal: &mut Principal,
    ) -> Result<(), DavError> {
        let stores = matches!(request.method.as_str(), "PUT" | "PATCH" | "COPY")
            || (matches!(request.method.as_str(), "MOVE" | "MKCOL")
                && request.uri.path().contains("/dav/uploads/"));
        if !stores || !self.bus.has(EventId::QuotaCheck) {
            return Ok(());
        }
        let uid = principal.uid.clone();
        let root = store::read(self.tree.store(), move |tx| find(tx, &uid, &DavPath::root())).await;
        let used = match root {
            Ok((root, _)) => root.size,
            // There is no home yet.
            Err(TreeError::NotFound(_)) => 0,
            Err(error) => return Err(error.into()),
        };
        let total = request.header("oc-total-length").and_then(|value| value.trim().parse().ok());
        let need: Option<u64> = total.or(request.content_length().filter(|_| {
            // A COPY or MOVE has a body of its own, if any.
            matches!(request.method.as_str(), "PUT" | "PATCH")
        }));
        let quota = principal.quota;
        let asked = self.ask(request, principal, EventId::QuotaCheck, |fields| {
            fields.with("used", used).with("quota", quota).with("need", need)
        });
        let answer = asked.await?;
        if answer.find("quota").is_some() {
            let bytes = answer.int("quota");
            principal.quota = bytes.map(|bytes| u64::try_from(bytes).unwrap_or(0));
        }
        Ok(())
    }
}

/// What a verdict means to WebDAV.
pub(super) fn heard(verdict: Verdict) -> Result<Fields, DavError> {
    match verdict {
        Verdict::Go(fields) => Ok(fields),
        Verdict::Denied(denial) => Err(DavError::Denied(denial)),
        Verdict::Failed | Verdict::Respond(_) => Err(DavError::Undecided),
    }
}

impl Context<'_> {
    fn heeds(&self, event: EventId) -> bool {
        self.dav.bus.has(event)
    }

    async fn ask(
        &self,
        request: &Request,
        event: EventId,
        fields: impl FnOnce(Fields) -> Fields,
    ) -> Result<Fields, DavError> {
        self.dav.ask(request, self.principal, event, fields).await
    }

    /// The place of a path in this tree.
    pub(super) fn spot_of(&self, path: &DavPath) -> Spot {
        Spot { path: path.clone(), ..self.spot() }
    }

    /// The request's path as its user sees it.
    fn seen(&self) -> DavPath {
        self.spot().seen_at()
    }

    /// The place that a hook has put in the place of another, by the path that the user would see.
    fn replaced(&self, answer: &Fields, name: &str, place: Spot) -> Result<Spot, DavError> {
        let Some(text) = answer.text(name) else { return Ok(place) };
        match DavPath::from_decoded(text.trim_matches('/')) {
            Ok(other) if !other.is_root() => {
                let place = self.visit.spot(other);
                self.require_new(&place)?;
                Ok(place)
            }
            _ => {
                tracing::error!(field = name, "a hook gave a path that cannot be");
                Err(DavError::Undecided)
            }
        }
    }

    /// `file.before_upload`, and `file.before_mkdir` for what the client wants made above
    /// (`parents`). Gives the path to store under.
    pub(super) async fn before_upload(
        &self,
        request: &Request,
        announced: Announced<'_>,
        parents: bool,
    ) -> Result<DavPath, DavError> {
        let mut path = announced.path.clone();
        if self.heeds(EventId::FileBeforeUpload) {
            let place = self.spot_of(&path);
            let overwrite = self.find_at(&place).await.is_ok();
            let Announced { size, chunked, described, .. } = announced;
            let answer = self.ask(request, EventId::FileBeforeUpload, |fields| {
                fields
                    .with("path", place.seen_at().as_str())
                    .with("size", size)
                    .with("mime", media_type_of(path.name().unwrap_or_default()))
                    .with("overwrite", overwrite)
                    .with("chunked", chunked)
                    .with("checksum", described.checksum.as_ref().map(ToString::to_string))
                    .with("mtime", described.mtime)
            });
            let place = self.replaced(&answer.await?, "path", place)?;
            if place.owner != self.owner {
                tracing::error!("a hook gave a path on another storage than the upload's");
                return Err(DavError::Undecided);
            }
            path = place.path;
        }
        if parents && self.heeds(EventId::FileBeforeMkdir) {
            let mut missing = Vec::new();
            let mut at = path.parent();
            while let Some(folder) = at.filter(|folder| !folder.is_root()) {
                if self.find_at(&self.spot_of(&folder)).await.is_ok() {
                    break;
                }
                at = folder.parent();
                missing.push(folder);
            }
            for folder in missing.iter().rev() {
                self.before_mkdir(request, folder).await?;
            }
        }
        Ok(path)
    }

    /// The same for an upload into a file that stays where it is.
    pub(super) async fn before_upload_here(
        &self,
        request: &Request,
        size: u64,
        described: &Described,
    ) -> Result<(), DavError> {
        let path = &self.path;
        let announced = Announced { path, size: Some(size), chunked: false, described };
        match self.before_upload(request, announced, false).await? {
            same if same == *path => Ok(()),
            _ => Err(DavError::Denied(Denial {
                status: StatusCode::FORBIDDEN,
                message: "What is stored elsewhere cannot be changed in part".to_owned(),
            })),
        }
    }

    /// `file.before_download`.
    pub(super) async fn before_download(
        &self,
        request: &Request,
        node: &Node,
    ) -> Result<(), DavError> {
        if self.heeds(EventId::FileBeforeDownload) {
            let asked = self.ask(request, EventId::FileBeforeDownload, |fields| {
                fields
                    .with("path", self.seen().as_str())
                    .with("node.id", node.id.0)
                    .with("node.size", node.size)
                    .with("node.mime", media_type_of(&node.name))
                    .with("node.mtime", node.mtime)
            });
            asked.await?;
        }
        Ok(())
    }

    /// `file.before_delete`.
    pub(super) async fn before_delete(&self, request: &Request) -> Result<(), DavError> {
        if self.heeds(EventId::FileBeforeDelete) {
            let (node, _) = self.find().await?;
            let asked = self.ask(request, EventId::FileBeforeDelete, |fields| {
                about(fields.with("path", self.seen().as_str()), &node)
            });
            asked.await?;
        }
        Ok(())
    }

    /// `file.before_move` or `file.before_copy`; gives the path to go to.
    pub(super) async fn before_relocate(
        &self,
        request: &Request,
        event: EventId,
        to: Spot,
        overwrite: bool,
    ) -> Result<Spot, DavError> {
        if !self.heeds(event) {
            return Ok(to);
        }
        let (node, _) = self.find().await?;
        let answer = self.ask(request, event, |fields| {
            let fields = fields.with("path", self.seen().as_str());
            let fields = fields.with("to", to.seen_at().as_str());
            about(fields.with("overwrite", overwrite), &node)
        });
        self.replaced(&answer.await?, "to", to)
    }

    /// `file.before_mkdir`.
    pub(super) async fn before_mkdir(
        &self,
        request: &Request,
        path: &DavPath,
    ) -> Result<(), DavError> {
        if self.heeds(EventId::FileBeforeMkdir) {
            let asked = self.ask(request, EventId::FileBeforeMkdir, |fields| {
                fields.with("path", self.spot_of(path).seen_at().as_str())
            });
            asked.await?;
        }
        Ok(())
    }

    /// `proppatch.before`.
    pub(super) async fn before_proppatch<'n>(
        &self,
        request: &Request,
        set: impl Iterator<Item = &'n PropName>,
        remove: impl Iterator<Item = &'n PropName>,
    ) -> Result<(), DavError> {
        if self.heeds(EventId::ProppatchBefore) {
            let name = |name: &PropName| format!("{{{}}}{}", name.namespace, name.local);
            let set: Vec<String> = set.map(name).collect();
            let remove: Vec<String> = remove.map(name).collect();
            let asked = self.ask(request, EventId::ProppatchBefore, |fields| {
                fields.with("path", self.seen().as_str()).with("set", set).with("remove", remove)
            });
            asked.await?;
        }
        Ok(())
    }
}

fn about(fields: Fields, node: &Node) -> Fields {
    fields
        .with("node.id", node.id.0)
        .with("node.folder", node.is_folder())
        .with("node.size", node.size)
        .with("node.mtime", node.mtime)
}
