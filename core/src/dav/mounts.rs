//! Mounts, as the room sees them: who has which, and whether they are there.
//!
//! A path of a user's files is looked up here once, when the request comes in: it lies in the user's
//! own tree, or in the tree of a mount that the user has. From there on the request is one on that
//! tree ([`Context`](super::context::Context)), with hrefs below the mount point, so that no method
//! has to know of mounts.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::{Dav, DavError};
use crate::auth::{AccountError, Auth, Principal};
use crate::content::to_the_end;
use crate::ids::Uid;
use crate::path::DavPath;
use crate::storage::{StorageError, StorageNo};
use crate::store::StoreError;
use crate::tree::{Actor, Conditions, Mount, Mounts, NewFolder, TreeError, find};

/// How long a mount that was seen to be the one that the index knows is believed to be.
const BELIEVED: Duration = Duration::from_secs(2);

/// A mount, and who has it: everybody, if nobody is named.
#[derive(Debug, Clone)]
pub struct MountRule {
    /// What is seen, and where.
    pub mount: Mount,
    /// Users.
    pub users: Vec<Uid>,
    /// Groups, whose members have it.
    pub groups: Vec<String>,
}

impl MountRule {
    fn is_for(&self, uid: &Uid, groups: &[String]) -> bool {
        (self.users.is_empty() && self.groups.is_empty())
            || self.users.iter().any(|user| user.as_str().eq_ignore_ascii_case(uid.as_str()))
            || self.groups.iter().any(|group| groups.contains(group))
    }
}

/// All mounts of the configuration, in its order, and what was seen of them.
#[derive(Debug, Default)]
pub(super) struct MountTable {
    rules: Vec<MountRule>,
    /// When each was last seen to be there.
    seen: Mutex<HashMap<StorageNo, Instant>>,
    /// Mount points whose folders above were seen to be in a home.
    prepared: RwLock<HashSet<(Uid, DavPath)>>,
}

impl MountTable {
    pub(super) fn new(rules: Vec<MountRule>) -> Self {
        Self { rules, ..Self::default() }
    }

    /// The mounts that somebody has now.
    pub(super) async fn of(&self, auth: &Auth, principal: &Principal) -> Result<Mounts, DavError> {
        if self.rules.is_empty() {
            return Ok(Mounts::default());
        }
        let groups = match self.rules.iter().any(|rule| !rule.groups.is_empty()) {
            true => auth.groups_of(&principal.uid).await.map_err(|error| match error {
                AccountError::Store(error) => TreeError::Store(error),
                error => TreeError::Store(StoreError::Failed(error.to_string())),
            })?,
            false => Vec::new(),
        };
        let theirs = self.rules.iter().filter(|rule| rule.is_for(&principal.uid, &groups));
        Ok(Mounts::new(theirs.map(|rule| rule.mount.clone())))
    }

    fn was_seen(&self, no: StorageNo) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&no).is_some_and(|seen| seen.elapsed() < BELIEVED)
    }

    fn is_prepared(&self, key: &(Uid, DavPath)) -> bool {
        self.prepared.read().unwrap_or_else(PoisonError::into_inner).contains(key)
    }
}

impl Dav {
    /// Refuses what is in a mount that is not there, or is not known yet (503): an empty listing would
    /// be believed.
    pub(super) async fn require_mount(&self, mount: &Mount) -> Result<(), DavError> {
        let (no, root) = (mount.storage, mount.storage.to_string());
        if self.mounts.was_seen(no) {
            return Ok(());
        }
        let storages = self.content.storages();
        storages.require(no).await.map_err(TreeError::from)?;
        if self.tree.home_is_finished(&mount.tree).await? != Some(true)
            && !self.content.take_over(&mount.tree).await
        {
            return Err(TreeError::Store(StoreError::Busy).into());
        }
        if storages.changes_outside(no).await.map_err(TreeError::from)?
            && !self.is_known(mount, &root).await?
        {
            // It may have been copied back: then it is recognised by what is in it.
            self.content.look_into(&root).await;
            if !self.is_known(mount, &root).await? {
                let text = format!(
                    "{} is another folder than the one that was indexed; its disk may not be mounted",
                    storages.name(no)
                );
                tracing::error!(mount = mount.point.as_str(), text, "a mount is not shown");
                return Err(TreeError::from(StorageError::Unavailable(text)).into());
            }
        }
        let mut seen = self.mounts.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(no, Instant::now());
        Ok(())
    }

    /// Whether the root of the storage is the folder that the index knows.
    async fn is_known(&self, mount: &Mount, root: &str) -> Result<bool, DavError> {
        let tree = mount.tree.clone();
        let (node, _) = self.tree.store_read(move |tx| find(tx, &tree, &DavPath::root())).await?;
        let entry = self.content.stat(root).await?;
        Ok(entry.is_some_and(|entry| entry.tag == node.tag))
    }

    /// Makes the folders of a home in which mounts are seen, if they are missing, and says what of the
    /// user's own cannot be seen because a mount is there.
    pub(super) async fn prepare_points(
        &self,
        uid: &Uid,
        home: StorageNo,
        mounts: &Mounts,
        request_id: &std::sync::Arc<str>,
    ) -> Result<(), DavError> {
        for mount in mounts.all() {
            let key = (uid.clone(), mount.point.clone());
            if self.mounts.is_prepared(&key) {
                continue;
            }
            let (owner, point) = key.clone();
            let own = self.tree.store_read(move |tx| find(tx, &owner, &point)).await;
            match own {
                Ok(_) => tracing::warn!(
                    user = %uid, path = mount.point.as_str(),
                    "a mount is shown here, and the user's own file or folder of this name is not; \
                     it is kept, and seen again once the mount has another place"
                ),
                Err(TreeError::NotFound(_)) => {
                    self.make_folders_above(uid, home, mount, request_id).await?;
                }
                Err(error) => return Err(error.into()),
            }
            self.mounts.prepared.write().unwrap_or_else(PoisonError::into_inner).insert(key);
        }
        Ok(())
    }

    async fn make_folders_above(
        &self,
        uid: &Uid,
        home: StorageNo,
        mount: &Mount,
        request_id: &std::sync::Arc<str>,
    ) -> Result<(), DavError> {
        let mut path = DavPath::root();
        let count = mount.point.segments().count() - 1;
        for name in mount.point.segments().take(count) {
            path = path.join(name)?;
            let (owner, at) = (uid.clone(), path.clone());
            let there = self.tree.store_read(move |tx| find(tx, &owner, &at)).await;
            match there {
                Ok((node, _)) if node.is_folder() => continue,
                Ok(_) | Err(TreeError::NotAFolder(_)) => {
                    tracing::warn!(
                        user = %uid, path = path.as_str(), mount = mount.point.as_str(),
                        "a file lies where the folder of a mount would be: the mount is not listed"
                    );
                    return Ok(());
                }
                Err(TreeError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
            let actor = Actor {
                uid: uid.clone(),
                origin: "mount",
                request_id: std::sync::Arc::clone(request_id),
                quota: None,
            };
            let (tree, content) = (self.tree.clone(), self.content.on(home));
            let (owner, at) = (uid.clone(), path.clone());
            let made = to_the_end(async move {
                let staged = content.stage_folder().await.map_err(TreeError::from)?;
                let stage = staged.at.clone();
                let new = NewFolder::plain(at, staged, Conditions::default());
                let made = tree.mkcol(actor, &owner, new).await;
                if made.as_ref().is_err_and(super::commit::is_refused) {
                    content.discard(&stage).await;
                }
                made
            });
            match made.await? {
                Ok(_) | Err(TreeError::Exists(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_for_those_who_are_named() {
        let uid = |text: &str| Uid::parse(text).unwrap();
        let storage = StorageNo(1);
        let mount = Mount {
            tree: Uid::of_mount(":1").unwrap(),
            storage,
            point: DavPath::from_decoded("Music").unwrap(),
            read_only: false,
        };
        for (users, groups, is_for_alice) in [
            (&[][..], &[][..], true),
            (&["alice"][..], &[][..], true),
            (&["Alice"][..], &[][..], true),
            (&["bob"][..], &[][..], false),
            (&["bob"][..], &["staff"][..], true),
            (&[][..], &["staff"][..], true),
            (&[][..], &["Staff"][..], false),
        ] {
            let rule = MountRule {
                mount: mount.clone(),
                users: users.iter().map(|user| uid(user)).collect(),
                groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            };
            let found = rule.is_for(&uid("alice"), &["staff".to_owned()]);
            assert_eq!(found, is_for_alice, "{users:?} {groups:?}");
        }
    }
}
