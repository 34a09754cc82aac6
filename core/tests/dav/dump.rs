//! All that the index knows of people's files, as text to compare.

use moonsail::store::{ReadTx, StoreError};

pub(crate) fn dump(tx: &mut dyn ReadTx) -> Result<String, StoreError> {
    let mut lines = Vec::new();
    for home in tx.homes()? {
        let mut waiting = vec![(home.owner.to_string(), tx.node(home.root)?.unwrap())];
        while let Some((path, mut node)) = waiting.pop() {
            let mut after = None;
            loop {
                let page = tx.children(node.id, after.as_deref(), 100)?;
                let Some(last) = page.last() else { break };
                after = Some(last.name.clone());
                waiting.extend(page.into_iter().map(|it| (format!("{path}/{}", it.name), it)));
            }
            node.stage = None;
            let extras = (tx.dead_props(node.id)?, tx.locks_on(node.id)?);
            lines.push(format!(
                "{path} {node:?} {extras:?} {}",
                tx.is_favorite(node.id, &home.owner)?
            ));
        }
        for upload in tx.uploads(&home.owner)? {
            lines.push(format!("{upload:?} {:?}", tx.chunks(upload.id)?));
        }
    }
    lines.sort();
    lines.push(format!("{} changes", tx.changes(moonsail::etag::Stamp(0), 1_000_000)?.len()));
    Ok(lines.join("\n"))
}
