//! Making staged bytes true, to the end: a client that hangs up parts no commit from what follows it.
//!
//! Hyper drops a handler whose client has gone. What is done here goes on in a task of its own:
//! either the commit stands, or what was staged for it is thrown away.

use crate::content::{Assembled, Content, ContentError, to_the_end};
use crate::ids::Uid;
use crate::path::DavPath;
use crate::storage::StagePath;
use crate::store::StoreError;
use crate::store::nodes::Node;
use crate::tree::{Actor, Conditions, PropChange, Put, PutDone, Tree, TreeError};

/// What a commit needs, owned.
#[derive(Clone)]
pub(super) struct Committer {
    pub(super) tree: Tree,
    pub(super) content: Content,
    pub(super) actor: Actor,
    pub(super) uid: Uid,
}

impl Committer {
    /// Commits a staged file. `parents`: makes the folders above that are missing
    /// (`X-NC-WebDAV-Auto-Mkcol`).
    pub(super) async fn put(self, put: Put, parents: bool) -> Result<PutDone, TreeError> {
        to_the_end(async move {
            let staged = put.staged.at.clone();
            let done = self.commit(put, parents).await;
            self.tidy(done, &staged).await
        })
        .await?
    }

    /// Commits what a transfer became. A part of [`to_the_end`] already. If it is refused, the
    /// chunks stay.
    pub(super) async fn close(
        &self,
        put: Put,
        parents: bool,
        assembled: &Assembled,
    ) -> Result<PutDone, TreeError> {
        let done = self.commit(put, parents).await;
        match &done {
            Ok(_) => self.content.end_transfer(assembled).await,
            Err(error) if is_refused(error) => self.content.keep_transfer(assembled).await,
            Err(_) => {}
        }
        done
    }

    async fn commit(&self, put: Put, parents: bool) -> Result<PutDone, TreeError> {
        let again = parents.then(|| put.clone());
        let done = self.tree.put(self.actor.clone(), &self.uid, put).await;
        match (done, again) {
            (Err(TreeError::ParentMissing(_)), Some(put)) => {
                self.make_parents(&put.path).await?;
                self.tree.put(self.actor.clone(), &self.uid, put).await
            }
            (done, _) => done,
        }
    }

    /// Makes a folder, with properties.
    pub(super) async fn mkcol(
        self,
        path: DavPath,
        conditions: Conditions,
        props: Vec<PropChange>,
        most_dead: usize,
    ) -> Result<Node, TreeError> {
        to_the_end(async move {
            let none = conditions.tokens_only();
            let made = self.make(&path, conditions).await?;
            if props.is_empty() {
                return Ok(made);
            }
            let patched =
                self.tree.patch_props(self.actor, &self.uid, path, props, most_dead, none);
            patched.await
        })
        .await?
    }

    /// Makes the folders above `path` that are missing.
    pub(super) async fn make_parents(&self, path: &DavPath) -> Result<(), TreeError> {
        let mut above = Vec::new();
        let mut at = path.parent();
        while let Some(folder) = at.filter(|folder| !folder.is_root()) {
            at = folder.parent();
            above.push(folder);
        }
        for folder in above.iter().rev() {
            match self.make(folder, Conditions::default()).await {
                Ok(_) | Err(TreeError::Exists(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn make(&self, path: &DavPath, conditions: Conditions) -> Result<Node, TreeError> {
        let staged = self.content.stage_folder().await.map_err(TreeError::from)?;
        let at = staged.at.clone();
        let (actor, path) = (self.actor.clone(), path.clone());
        let made = self.tree.mkcol(actor, &self.uid, path, staged, conditions).await;
        self.tidy(made, &at).await
    }

    /// Throws away what was staged for a commit that was refused.
    pub(super) async fn tidy<T>(
        &self,
        done: Result<T, TreeError>,
        staged: &StagePath,
    ) -> Result<T, TreeError> {
        if done.as_ref().is_err_and(is_refused) {
            self.content.discard(staged).await;
        }
        done
    }
}

/// Whether the commit certainly did not happen. One whose sync failed may come back after a crash,
/// and then needs what was staged; else the next start sweeps it.
pub(super) fn is_refused(error: &TreeError) -> bool {
    !matches!(error, TreeError::Store(StoreError::Failed(_)))
}

impl From<ContentError> for TreeError {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::Storage(error) => Self::Storage(error),
            ContentError::Store(error) => Self::Store(error),
            error => Self::Storage(crate::storage::StorageError::Internal(error.to_string())),
        }
    }
}
