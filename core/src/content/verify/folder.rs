//! A home, folder by folder: rows against rows, and rows against the disk.

use std::collections::HashMap;

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::entry::{TRIES, matches, unreadable};
use super::{Fault, Run};
use crate::content::ContentError;
use crate::ids::NodeId;
use crate::path::DavPath;
use crate::storage::{Entry, Kind, StorageError};
use crate::store::nodes::{Home, Located, Node, locate};
use crate::store::{self, ReadTx, StoreError};

/// Rows that are read at once.
const PAGE: usize = 500;
/// Names of one folder that are reported at most.
const MOST_NAMES: usize = 100;

/// A folder as one snapshot of the index has it.
struct Look {
    located: Located,
    /// Sum of the sizes of its members.
    sum: u64,
    /// Names that cannot be, and why.
    bad_names: Vec<(String, &'static str)>,
}

impl Run<'_> {
    /// Compares a home.
    pub(super) async fn home(&mut self, home: &Home) -> Result<(), ContentError> {
        let owner = home.owner.clone();
        let (now, root) = store::read(&self.content.store, move |tx| {
            let home = tx.home(&owner)?;
            let root = match &home {
                Some(home) => tx.node(home.root)?,
                None => None,
            };
            Ok::<_, ContentError>((home, root))
        })
        .await?;
        if now.as_ref() != Some(home) {
            return Ok(()); // removed meanwhile
        }
        if !root.is_some_and(|root| root.is_folder() && root.parent.is_none()) {
            let what = "has no root folder in the index";
            self.report(&home.base, Fault::new(what, "restore the index from a backup")).await;
            return Ok(());
        }
        if let Some((path, fault)) = self.look_again(home.root).await? {
            self.report(path, fault).await;
        }
        let mut folders = vec![home.root];
        while let Some(folder) = folders.pop() {
            if self.is_over() {
                break;
            }
            self.folder(folder, &mut folders).await?;
        }
        Ok(())
    }

    /// Compares a folder with its members; pushes those that are folders.
    async fn folder(&mut self, id: NodeId, folders: &mut Vec<NodeId>) -> Result<(), ContentError> {
        let Some((look, listing)) = self.look_and_list(id).await? else { return Ok(()) };
        let Look { located, sum, bad_names } = look;
        self.progress.folders += 1;
        self.tell_progress().await;
        let path = located.home.disk_path(&located.path);
        if located.node.size != sum {
            let what =
                format!("has {} bytes in the index, and {sum} in its members", located.node.size);
            self.report(&path, Fault::new(what, "restore the index from a backup")).await;
        }
        for (name, what) in bad_names {
            let remedy = "rename or delete it in an app";
            self.report(format!("{path}/{name}"), Fault::new(what, remedy)).await;
        }
        let mut listing: HashMap<String, Entry> = listing.into_iter().collect();
        let mut after: Option<String> = None;
        loop {
            let from = after.take();
            let page = store::read(&self.content.store, move |tx| {
                Ok::<_, ContentError>(tx.children(id, from.as_deref(), PAGE)?)
            })
            .await?;
            for member in &page {
                let entry = listing.remove(&member.name);
                self.member(member, entry.as_ref(), &path, folders).await?;
            }
            match page.last() {
                Some(last) if page.len() == PAGE && !self.is_over() => {
                    after = Some(last.name.clone());
                }
                _ => break,
            }
        }
        let mut strangers: Vec<String> = listing.into_keys().collect();
        strangers.sort_unstable();
        for name in strangers {
            self.stranger(id, &name).await?;
        }
        Ok(())
    }

    /// A folder in the index and on the disk; `None` if it is gone from either. That it is missing
    /// on the disk was reported when the folder above was compared.
    async fn look_and_list(
        &mut self,
        id: NodeId,
    ) -> Result<Option<(Look, Vec<(String, Entry)>)>, ContentError> {
        for _ in 0..TRIES {
            let look = store::read(&self.content.store, move |tx| look_at(tx, id)).await?;
            let Some(look) = look else { return Ok(None) };
            let path = look.located.home.disk_path(&look.located.path);
            if self.has_objects {
                return Ok(Some((look, Vec::new())));
            }
            match self.content.storage.list(&path).await {
                Ok(listing) => return Ok(Some((look, listing))),
                // Perhaps it was moved meanwhile.
                Err(StorageError::NotFound(_)) => self.settle().await,
                Err(error) => {
                    self.report(path, unreadable(&error)).await;
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    async fn member(
        &mut self,
        node: &Node,
        entry: Option<&Entry>,
        folder: &str,
        folders: &mut Vec<NodeId>,
    ) -> Result<(), ContentError> {
        if self.has_objects {
            return self.member_as_object(node, folders).await;
        }
        let mut good = entry.is_some_and(|entry| matches(node, entry));
        let is_there = entry.is_some_and(|entry| entry.kind == Kind::Folder);
        if node.is_folder() {
            if is_there {
                folders.push(node.id);
            }
        } else {
            self.progress.files += 1;
            good = good && self.has_right_bytes(node, &format!("{folder}/{}", node.name)).await;
        }
        self.tell_progress().await;
        if good {
            return Ok(());
        }
        match self.look_again(node.id).await? {
            Some((path, fault)) => self.report(path, fault).await,
            // A folder that came while the folder above was listed.
            None if node.is_folder() && !is_there => folders.push(node.id),
            None => {}
        }
        Ok(())
    }

    /// Something on the disk that the index did not have.
    async fn stranger(&mut self, folder: NodeId, name: &str) -> Result<(), ContentError> {
        // First the question, then the wait: so what the index has removed is off the disk.
        let Some((path, known)) = self.ask_for(folder, name).await? else { return Ok(()) };
        self.settle().await;
        if known || !matches!(self.content.storage.stat(&path).await, Ok(Some(_))) {
            return Ok(());
        }
        // What came between question and look has a row now.
        let Some((again, known)) = self.ask_for(folder, name).await? else { return Ok(()) };
        if known || again != path {
            return Ok(());
        }
        let nfc: String = name.nfc().collect();
        let twin = nfc != name && self.ask_for(folder, &nfc).await?.is_some_and(|(_, known)| known);
        let what = match twin {
            true => "is not in the index, which has the same name in another Unicode form",
            false => "is not in the index",
        };
        let remedy = match twin {
            true => "rename it, or move it away",
            false => "run `moonsail scan`; it says why if this cannot be served",
        };
        self.report(path, Fault::new(what, remedy)).await;
        Ok(())
    }

    /// Where a member would be on the disk, and whether the index has it; `None` if the folder is
    /// gone.
    async fn ask_for(
        &self,
        folder: NodeId,
        name: &str,
    ) -> Result<Option<(String, bool)>, ContentError> {
        let name = name.to_owned();
        store::read(&self.content.store, move |tx| {
            let Some(located) = locate(tx, folder)? else { return Ok(None) };
            let known = tx.child(folder, &name)?.is_some();
            Ok(Some((format!("{}/{name}", located.home.disk_path(&located.path)), known)))
        })
        .await
    }
}

fn look_at(tx: &mut dyn ReadTx, id: NodeId) -> Result<Option<Look>, ContentError> {
    let Some(located) = locate(tx, id)? else { return Ok(None) };
    let mut look = Look { located, sum: 0, bad_names: Vec::new() };
    let mut after: Option<String> = None;
    loop {
        let page = tx.children(id, after.as_deref(), PAGE)?;
        for member in &page {
            look.sum = look.sum.saturating_add(member.size);
            if look.bad_names.len() < MOST_NAMES
                && let Some(why) = bad_name(tx, id, &member.name)?
            {
                look.bad_names.push((member.name.clone(), why));
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.name.clone()),
            _ => return Ok(Some(look)),
        }
    }
}

fn bad_name(
    tx: &mut dyn ReadTx,
    folder: NodeId,
    name: &str,
) -> Result<Option<&'static str>, StoreError> {
    if !is_nfc(name) {
        let twin = tx.child(folder, &name.nfc().collect::<String>())?.is_some();
        return Ok(Some(match twin {
            true => "is there twice, in two Unicode forms",
            false => "has a name that is not in Unicode's form NFC",
        }));
    }
    Ok(match DavPath::root().join(name) {
        Ok(_) => None,
        Err(_) => Some("has a name that cannot be"),
    })
}
