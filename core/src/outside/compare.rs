//! A folder on the disk beside its rows: which names differ.

use std::collections::HashMap;

use crate::content::{Content, ContentError};
use crate::ids::NodeId;
use crate::path::DavPath;
use crate::storage::{Entry, Tag, Unusable, WhyUnusable};
use crate::store::ReadTx;
use crate::store::nodes::{Located, Node};
use crate::tree::{Tree, TreeError, folder_on_disk};

/// Rows that are read at once.
const PAGE: usize = 1000;

/// Why the disk and the index could not be compared.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookError {
    /// The disk.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The index.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// A name whose row and entry differ. Both may be `None` if it was asked for by name.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    pub(super) name: String,
    pub(super) entry: Option<Entry>,
    pub(super) row: Option<Node>,
}

impl Difference {
    /// The row as the tree has to find it.
    pub(super) fn known(&self) -> Option<(NodeId, Tag)> {
        self.row.as_ref().map(|row| (row.id, row.tag.clone()))
    }

    /// Whether the node would be deleted.
    pub(super) fn is_loss(&self) -> bool {
        let Some(row) = &self.row else { return false };
        self.entry.as_ref().is_none_or(|entry| entry.kind != row.kind)
    }
}

/// A folder, looked at.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) folder: Located,
    pub(super) differences: Vec<Difference>,
    /// Folders in it, on the disk and in the index alike. Only if all was looked at.
    pub(super) folders: Vec<String>,
    /// Members that were looked at.
    pub(super) members: u64,
    /// What cannot be served. Only if all was looked at.
    pub(super) unusable: Vec<Unusable>,
}

/// Compares the whole folder; `None` if the index or the disk does not have it.
pub(super) async fn whole(
    content: &Content,
    tree: &Tree,
    disk_path: &str,
) -> Result<Option<Compared>, LookError> {
    let Some(survey) = content.survey(disk_path).await? else { return Ok(None) };
    let members = survey.members.len() as u64;
    let mut unusable = survey.unusable;
    let mut entries = HashMap::with_capacity(survey.members.len());
    for (name, entry) in survey.members {
        match why_not(&name) {
            Some(why) => unusable.push(Unusable { name, why }),
            None => drop(entries.insert(name, entry)),
        }
    }
    let path = disk_path.to_owned();
    let compared = tree.store_read(move |tx| beside_rows(tx, &path, entries)).await?;
    let compared = compared.map(|(folder, differences, folders)| Compared {
        folder,
        differences,
        folders,
        members,
        unusable,
    });
    Ok(compared)
}

type BesideRows = Option<(Located, Vec<Difference>, Vec<String>)>;

fn beside_rows(
    tx: &mut dyn ReadTx,
    disk_path: &str,
    mut entries: HashMap<String, Entry>,
) -> Result<BesideRows, TreeError> {
    let Some(folder) = folder_on_disk(tx, disk_path)? else { return Ok(None) };
    let (mut differences, mut folders) = (Vec::new(), Vec::new());
    let mut after: Option<String> = None;
    loop {
        let page = tx.children(folder.node.id, after.as_deref(), PAGE)?;
        after = page.last().map(|last| last.name.clone()).filter(|_| page.len() == PAGE);
        for row in page {
            let entry = entries.remove(&row.name);
            if entry.as_ref().is_some_and(|entry| is_alike(&row, entry)) {
                if row.is_folder() {
                    folders.push(row.name);
                }
            } else {
                let name = row.name.clone();
                differences.push(Difference { name, entry, row: Some(row) });
            }
        }
        if after.is_none() {
            break;
        }
    }
    let strangers = entries.into_iter();
    differences.extend(strangers.map(|(name, entry)| Difference {
        name,
        entry: Some(entry),
        row: None,
    }));
    Ok(Some((folder, differences, folders)))
}

/// Compares these names; `None` if the index does not have the folder.
pub(super) async fn names(
    content: &Content,
    tree: &Tree,
    disk_path: &str,
    names: &[String],
) -> Result<Option<Compared>, LookError> {
    let (usable, others): (Vec<String>, Vec<String>) =
        names.iter().cloned().partition(|name| why_not(name).is_none());
    let members = usable.len() as u64;
    let entries = content.stat_members(disk_path, usable.clone()).await?;
    let path = disk_path.to_owned();
    let compared = tree.store_read(move |tx| {
        let Some(folder) = folder_on_disk(tx, &path)? else { return Ok(None) };
        let mut differences = Vec::new();
        for (name, entry) in usable.into_iter().zip(entries) {
            let row = tx.child(folder.node.id, &name)?;
            let alike = match (&row, &entry) {
                (None, None) => true,
                (Some(row), Some(entry)) => is_alike(row, entry),
                _ => false,
            };
            if !alike {
                differences.push(Difference { name, entry, row });
            }
        }
        Ok::<_, TreeError>(Some((folder, differences)))
    });
    let Some((folder, differences)) = compared.await? else { return Ok(None) };
    let mut unusable = Vec::new();
    for name in others {
        // It may be gone already.
        if let Some(why) = why_not(&name)
            && content.stat(&format!("{disk_path}/{name}")).await?.is_some()
        {
            unusable.push(Unusable { name, why });
        }
    }
    let folders = Vec::new();
    Ok(Some(Compared { folder, differences, folders, members, unusable }))
}

fn is_alike(row: &Node, entry: &Entry) -> bool {
    row.kind == entry.kind && row.tag == entry.tag
}

/// Why a name cannot be served; `None` if it can.
fn why_not(name: &str) -> Option<WhyUnusable> {
    match DavPath::root().join(name) {
        Ok(path) if path.as_str() == name => None,
        Ok(_) => Some(WhyUnusable::NotNfc),
        Err(_) => Some(WhyUnusable::Impossible),
    }
}
