//! Reading what is staged and not true yet: for who decides whether it may become so.

use std::sync::Arc;

use super::{Content, ContentError};
use crate::storage::{ReadFile, Staged};

impl Content {
    /// Opens a file of the stage.
    ///
    /// # Errors
    /// [`ContentError::Storage`].
    pub async fn open_staged(&self, staged: &Staged) -> Result<Arc<dyn ReadFile>, ContentError> {
        Ok(Arc::from(self.storage.open_staged(&staged.at).await?))
    }
}
