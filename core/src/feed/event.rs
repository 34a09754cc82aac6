//! From a row of the feed to the event that a sink is told.

use moonsail_sdk::events::Event;

use crate::store::feed::Logged;
use crate::store::nodes::{ChangeKind, locate};
use crate::store::{ReadTx, StoreError};

/// The name of what happened (`docs/extend/events.md` has the table).
pub(super) fn name(kind: ChangeKind, folder: Option<bool>) -> &'static str {
    match (kind, folder) {
        (ChangeKind::Created, Some(true)) => "file.created_dir",
        (ChangeKind::Created | ChangeKind::Written, _) => "file.uploaded",
        (ChangeKind::Copied, _) => "file.copied",
        (ChangeKind::Moved, _) => "file.moved",
        (ChangeKind::Deleted, _) => "file.deleted",
        (ChangeKind::Properties, _) => "file.changed",
    }
}

/// The event of a change, with what is true of its node in this snapshot.
pub(super) fn event(tx: &mut dyn ReadTx, logged: Logged) -> Result<Event, StoreError> {
    let Logged { change, folder } = logged;
    // What is deleted keeps its row for a while; it is found in no tree.
    let node = match change.kind {
        ChangeKind::Deleted => None,
        _ => locate(tx, change.node)?.map(|located| located.node),
    };
    let folder = folder.or(node.as_ref().map(|node| node.is_folder()));
    let etag = |node: &crate::store::nodes::Node| match node.is_folder() {
        true => node.tree.etag(node.id).0,
        false => node.content.etag(node.id).0,
    };
    Ok(Event {
        seq: change.stamp.seq(),
        time_millis: change.time,
        name: name(change.kind, folder).to_owned(),
        actor: change.actor.map(|uid| uid.as_str().to_owned()),
        origin: change.origin,
        owner: change.owner.as_str().to_owned(),
        path: change.path,
        old_path: change.old_path,
        node: change.node.0,
        etag: node.as_ref().map(etag),
        size: node.map(|node| node.size),
        folder,
        request_id: change.request_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_that_the_sdk_knows() {
        for (kind, folder, expected) in [
            (ChangeKind::Created, Some(true), "file.created_dir"),
            (ChangeKind::Created, Some(false), "file.uploaded"),
            (ChangeKind::Created, None, "file.uploaded"),
            (ChangeKind::Written, Some(false), "file.uploaded"),
            (ChangeKind::Copied, Some(true), "file.copied"),
            (ChangeKind::Moved, None, "file.moved"),
            (ChangeKind::Deleted, Some(true), "file.deleted"),
            (ChangeKind::Properties, Some(true), "file.changed"),
        ] {
            assert_eq!(name(kind, folder), expected, "{kind:?} {folder:?}");
            assert!(moonsail_sdk::events::NAMES.contains(&expected), "{expected}");
        }
    }
}
