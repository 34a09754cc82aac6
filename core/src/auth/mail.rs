//! The mail address that users give themselves.
//!
//! An address logs in, so it names one account at most, and one that another account has is refused.
//! That tells somebody who is no administrator that the address is known here. It may be asked as
//! often as a password may be wrong, and then has to wait.

use super::{AccountError, Auth, By, UserChange, audit, throttle};
use crate::ids::Uid;

impl Auth {
    /// As [`Auth::change_user`], for somebody's own mail address.
    ///
    /// # Errors
    /// [`AccountError`]; [`AccountError::Throttled`] after too many addresses of others.
    pub async fn change_own_email(
        &self,
        by: &By,
        uid: &Uid,
        email: Option<String>,
    ) -> Result<(), AccountError> {
        let key = throttle::name_key(&self.keys, "mail", uid.as_str());
        let counted = self.failures.count_settled(&[key], &self.clock).await;
        let attempt = counted.map_err(|retry_after| {
            audit!(by, "mail addresses throttled", ?retry_after);
            AccountError::Throttled { retry_after }
        })?;
        let changed = self.change_user(by, uid.as_str(), UserChange::Email(email)).await;
        if !matches!(changed, Err(AccountError::EmailTaken)) {
            attempt.forgive();
        }
        changed
    }
}
