//! Groups: names of one line with members. A group has no rights of its own.

use super::Auth;
use super::accounts::{AccountError, check_text, require_user};
use crate::ids::Uid;
use crate::store;

impl Auth {
    /// Groups of a user, by name.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn groups_of(&self, uid: &Uid) -> Result<Vec<String>, AccountError> {
        let uid = uid.clone();
        store::read(&self.store, move |tx| Ok(tx.groups_of(&uid)?)).await
    }

    /// Groups whose name contains `text`.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn list_groups(
        &self,
        text: &str,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<String>, AccountError> {
        let text = text.to_owned();
        store::read(&self.store, move |tx| Ok(tx.groups(&text, limit, offset)?)).await
    }

    /// Members of a group.
    ///
    /// # Errors
    /// [`AccountError::NoSuchGroup`], [`AccountError::Store`].
    pub async fn group_members(&self, group: &str) -> Result<Vec<Uid>, AccountError> {
        let group = group.to_owned();
        store::read(&self.store, move |tx| {
            tx.group_members(&group)?.ok_or(AccountError::NoSuchGroup)
        })
        .await
    }

    /// Makes a group.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn create_group(&self, group: &str) -> Result<(), AccountError> {
        check_text("group", group)?;
        let group = group.to_owned();
        store::write(&self.store, move |tx| {
            if tx.insert_group(&group)? { Ok(()) } else { Err(AccountError::GroupTaken) }
        })
        .await
    }

    /// Removes a group; its members stay.
    ///
    /// # Errors
    /// [`AccountError::NoSuchGroup`], [`AccountError::Store`].
    pub async fn delete_group(&self, group: &str) -> Result<(), AccountError> {
        let group = group.to_owned();
        store::write(&self.store, move |tx| {
            if tx.remove_group(&group)? { Ok(()) } else { Err(AccountError::NoSuchGroup) }
        })
        .await
    }

    /// Adds a user to a group or takes it out.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn set_member(
        &self,
        group: &str,
        uid: &str,
        member: bool,
    ) -> Result<(), AccountError> {
        let (group, wanted) = (group.to_owned(), uid.to_owned());
        store::write(&self.store, move |tx| {
            let user = require_user(tx, &wanted)?;
            if tx.group_members(&group)?.is_none() {
                return Err(AccountError::NoSuchGroup);
            }
            Ok(tx.set_member(&group, &user.uid, member)?)
        })
        .await
    }
}
