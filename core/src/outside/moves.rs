//! Whether something new on the disk is something that the index knows from another place.

use crate::content::Content;
use crate::ids::{NodeId, Uid};
use crate::storage::Tag;
use crate::store::nodes::{Home, locate};
use crate::tree::{Tree, TreeError};

use super::compare::{Difference, LookError};

/// Nodes of one tag that are tried: copies by a hard link have one tag.
const MOST_OF_ONE_TAG: usize = 8;

/// A node whose place on the disk is empty.
#[derive(Debug, Clone)]
pub(super) struct Lost {
    pub(super) id: NodeId,
    pub(super) tag: Tag,
    pub(super) owner: Uid,
    /// Its place.
    pub(super) disk_path: String,
}

/// Finds the node that was renamed to where `new` is: one of its tag whose own place is empty now, or
/// one of `lost` that is the same file, written to since.
pub(super) async fn find_origin(
    content: &Content,
    tree: &Tree,
    home: &Home,
    new: &Difference,
    lost: &[Lost],
) -> Result<Option<(NodeId, Tag)>, LookError> {
    let Some(entry) = new.entry.as_ref().filter(|_| new.row.is_none()) else { return Ok(None) };
    let tag = entry.tag.clone();
    let candidates = tree.store_read(move |tx| {
        let mut candidates = Vec::new();
        for node in tx.nodes_tagged(&tag, MOST_OF_ONE_TAG)? {
            candidates.extend(locate(tx, node.id)?);
        }
        Ok::<_, TreeError>(candidates)
    });
    for candidate in candidates.await? {
        if candidate.home != *home || candidate.node.kind != entry.kind || candidate.path.is_root()
        {
            continue;
        }
        let place = candidate.home.disk_path(&candidate.path);
        // A file's name keeps its node whatever inode comes there, as when an editor saves; a folder
        // is what it was, whatever is called like it now.
        let left = match content.stat(&place).await? {
            None => true,
            Some(other) => candidate.node.is_folder() && other.tag != candidate.node.tag,
        };
        if left {
            return Ok(Some((candidate.node.id, candidate.node.tag)));
        }
    }
    for lost in lost.iter().filter(|lost| lost.owner == home.owner) {
        if content.is_same(&lost.tag, &entry.tag) && content.stat(&lost.disk_path).await?.is_none()
        {
            return Ok(Some((lost.id, lost.tag.clone())));
        }
    }
    Ok(None)
}
