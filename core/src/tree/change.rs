//! What every change does beside its own rows: a stamp, the ancestors, the quota, the feed.

use super::walk::Walk;
use super::{Actor, TreeError};
use crate::etag::Stamp;
use crate::ids::NodeId;
use crate::path::DavPath;
use crate::store::WriteTx;
use crate::store::nodes::{Change, ChangeKind};

/// Facts of one change, filled in as it is made.
pub(crate) struct Recorder<'a> {
    /// Who.
    pub(crate) actor: &'a Actor,
    /// Unix milliseconds.
    pub(crate) now: i64,
}

impl Recorder<'_> {
    /// Unix seconds.
    pub(crate) fn seconds(&self) -> i64 {
        self.now.div_euclid(1000)
    }

    /// Refuses a growth that the quota does not allow. Inside the commit, so that parallel uploads
    /// cannot pass it together.
    pub(crate) fn check_quota(&self, walk: &Walk, growth: i64) -> Result<(), TreeError> {
        let (Some(quota), Ok(needed)) = (self.actor.quota, u64::try_from(growth)) else {
            return Ok(());
        };
        if needed > 0 && walk.root().size.saturating_add(needed) > quota {
            return Err(TreeError::OverQuota { needed });
        }
        Ok(())
    }

    /// Raises the folders above the path: their etags, their sizes by `growth` bytes, their times.
    pub(crate) fn raise_above(
        &self,
        tx: &mut dyn WriteTx,
        walk: &Walk,
        stamp: Stamp,
        growth: i64,
    ) -> Result<(), TreeError> {
        tx.raise(&walk.ids_above(), stamp, growth, None)?;
        Ok(())
    }

    /// Notes on the folder that holds the path that its members changed now.
    pub(crate) fn touch_parent(
        &self,
        tx: &mut dyn WriteTx,
        parent: NodeId,
        stamp: Stamp,
    ) -> Result<(), TreeError> {
        tx.raise(&[parent], stamp, 0, Some(self.seconds()))?;
        Ok(())
    }

    /// Appends to the feed.
    pub(crate) fn log(
        &self,
        tx: &mut dyn WriteTx,
        stamp: Stamp,
        kind: ChangeKind,
        node: NodeId,
        walk: &Walk,
        old_path: Option<&DavPath>,
    ) -> Result<(), TreeError> {
        tx.log_change(&Change {
            stamp,
            time: self.now,
            actor: Some(self.actor.uid.clone()),
            origin: self.actor.origin.to_owned(),
            kind,
            node,
            owner: walk.home.owner.clone(),
            path: walk.path.as_str().to_owned(),
            old_path: old_path.map(|path| path.as_str().to_owned()),
            request_id: self.actor.request_id.to_string(),
        })?;
        Ok(())
    }
}

/// A size as the signed number that [`NodesWrite::raise`] adds.
pub(crate) fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
