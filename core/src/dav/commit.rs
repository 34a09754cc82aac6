//! Making staged bytes true, to the end: a client that hangs up parts no commit from what follows it.
//!
//! Hyper drops a handler whose client has gone. What is done here goes on in a task of its own:
//! either the commit stands, or what was staged for it is thrown away.

use crate::content::{Assembled, Content, ContentError, to_the_end};
use crate::ids::Uid;
use crate::path::DavPath;
use crate::storage::{StagePath, Staged};
use crate::store::StoreError;
use crate::store::nodes::Node;
use crate::tree::{Actor, Conditions, NewFolder, PropChange, Put, PutDone, Tree, TreeError};

/// What a commit needs, owned.
#[derive(Clone)]
pub(super) struct Committer {
    pub(super) tree: Tree,
    pub(super) content: Content,
    pub(super) actor: Actor,
    /// Whose tree.
    pub(super) owner: Uid,
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
        let done = self.tree.put(self.actor.clone(), &self.owner, put).await;
        match (done, again) {
            (Err(TreeError::ParentMissing(_)), Some(put)) => self.commit_with_parents(put).await,
            (done, _) => done,
        }
    }

    /// The file and the folders above it that are missing become true together.
    async fn commit_with_parents(&self, put: Put) -> Result<PutDone, TreeError> {
        let mut parents = Vec::new();
        let mut at = put.path.parent();
        while let Some(folder) = at.filter(|folder| !folder.is_root()) {
            at = folder.parent();
            match self.content.stage_folder().await {
                Ok(staged) => {
                    let none = Conditions::default();
                    parents.insert(0, NewFolder::plain(folder, staged, none));
                }
                Err(error) => {
                    self.discard(parents.into_iter().map(|parent| parent.staged)).await;
                    return Err(error.into());
                }
            }
        }
        let staged: Vec<Staged> = parents.iter().map(|parent| parent.staged.clone()).collect();
        match self.tree.put_below(self.actor.clone(), &self.owner, put, parents).await {
            Ok((done, unused)) => {
                self.discard(unused).await;
                Ok(done)
            }
            Err(error) => {
                if is_refused(&error) {
                    self.discard(staged).await;
                }
                Err(error)
            }
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
            let staged = self.content.stage_folder().await.map_err(TreeError::from)?;
            let at = staged.at.clone();
            let new = NewFolder { path, staged, conditions, props, most_dead };
            let made = self.tree.mkcol(self.actor.clone(), &self.owner, new).await;
            self.tidy(made, &at).await
        })
        .await?
    }

    async fn discard(&self, staged: impl IntoIterator<Item = Staged>) {
        for staged in staged {
            self.content.discard(&staged.at).await;
        }
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
