//! All that the index says, read at once.

use std::collections::BTreeMap;

use moonsail::etag::Stamp;
use moonsail::store::locks::Lock;
use moonsail::store::nodes::{Change, Node};
use moonsail::store::props::DeadProp;
use moonsail::store::uploads::{Chunk, Upload};
use moonsail::store::{self, ReadTx, StoreError};

use crate::world::{Live, alice};

/// A node with what hangs on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) node: Node,
    pub(crate) favorite: bool,
    pub(crate) dead: Vec<DeadProp>,
    pub(crate) locks: Vec<Lock>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// By path; the root is empty.
    pub(crate) rows: BTreeMap<String, Row>,
    pub(crate) uploads: Vec<(Upload, Vec<Chunk>)>,
    pub(crate) changes: Vec<Change>,
}

impl Snapshot {
    /// Reads it, with the changes after `since`.
    pub(crate) async fn read(live: &Live, since: Stamp) -> Self {
        store::read(&live.store, move |tx| read(tx, since)).await.unwrap()
    }

    /// The same without what the publisher writes down: stages and tags.
    pub(crate) fn decided(&self) -> Self {
        let mut decided = self.clone();
        for row in decided.rows.values_mut() {
            row.node.stage = None;
            row.node.tag.0.clear();
        }
        decided
    }
}

fn read(tx: &mut dyn ReadTx, since: Stamp) -> Result<Snapshot, StoreError> {
    let home = tx.home(&alice())?.unwrap();
    let mut rows = BTreeMap::new();
    let mut waiting = vec![(String::new(), tx.node(home.root)?.unwrap())];
    while let Some((path, node)) = waiting.pop() {
        let mut after = None;
        loop {
            let page = tx.children(node.id, after.as_deref(), 3)?;
            let Some(last) = page.last() else { break };
            after = Some(last.name.clone());
            for child in page {
                let below = match path.is_empty() {
                    true => child.name.clone(),
                    false => format!("{path}/{}", child.name),
                };
                waiting.push((below, child));
            }
        }
        let row = Row {
            favorite: tx.is_favorite(node.id, &alice())?,
            dead: tx.dead_props(node.id)?,
            locks: tx.locks_on(node.id)?,
            node,
        };
        rows.insert(path, row);
    }
    let mut uploads = Vec::new();
    for upload in tx.uploads(&alice())? {
        let chunks = tx.chunks(upload.id)?;
        uploads.push((upload, chunks));
    }
    Ok(Snapshot { rows, uploads, changes: tx.changes(since, 1000)? })
}
