//! The rows of all homes in one snapshot, folders before what is in them.

use super::BackupError;
use crate::ids::NodeId;
use crate::store::nodes::{Home, Node};
use crate::store::{ReadTx, StoreError};

/// Rows that are read at once.
pub(super) const PAGE: usize = 500;

/// The trees that are backed up: those of users. What is in a mount is not the server's own, and stays
/// where it lies when the server is restored.
pub(super) fn homes(tx: &mut dyn ReadTx) -> Result<Vec<Home>, StoreError> {
    let mut homes = tx.homes()?;
    homes.retain(|home| home.owner.is_person());
    Ok(homes)
}

/// Shows each row with its path below the folder of all files.
pub(super) fn walk(
    tx: &mut dyn ReadTx,
    visit: &mut dyn FnMut(&Node, &str) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    for home in homes(tx)? {
        let Some(root) = tx.node(home.root)? else { continue };
        visit(&root, &home.base)?;
        let mut folders: Vec<(NodeId, String)> = vec![(root.id, home.base)];
        while let Some((folder, path)) = folders.pop() {
            let mut after: Option<String> = None;
            loop {
                let page = tx.children(folder, after.as_deref(), PAGE)?;
                for node in &page {
                    let path = format!("{path}/{}", node.name);
                    visit(node, &path)?;
                    if node.is_folder() {
                        folders.push((node.id, path));
                    }
                }
                match page.last() {
                    Some(last) if page.len() == PAGE => after = Some(last.name.clone()),
                    _ => break,
                }
            }
        }
    }
    Ok(())
}
