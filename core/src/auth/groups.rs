//! Groups: names of one line with members. A group has no rights of its own.

use super::accounts::{AccountError, check_text, require_user};
use super::{Auth, By, audit};
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
    pub async fn create_group(&self, by: &By, group: &str) -> Result<(), AccountError> {
        check_text("group", group)?;
        let (name, asked) = (group.to_owned(), by.clone());
        store::write(&self.store, move |tx| {
            asked.require_current(tx)?;
            if tx.insert_group(&name)? { Ok(()) } else { Err(AccountError::GroupTaken) }
        })
        .await?;
        audit!(by, "group made", ?group);
        Ok(())
    }

    /// Removes a group; its members stay.
    ///
    /// # Errors
    /// [`AccountError::NoSuchGroup`], [`AccountError::Store`].
    pub async fn delete_group(&self, by: &By, group: &str) -> Result<(), AccountError> {
        let (name, asked) = (group.to_owned(), by.clone());
        store::write(&self.store, move |tx| {
            asked.require_current(tx)?;
            if tx.remove_group(&name)? { Ok(()) } else { Err(AccountError::NoSuchGroup) }
        })
        .await?;
        audit!(by, "group removed", ?group);
        Ok(())
    }

    /// Adds a user to a group or takes it out.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn set_member(
        &self,
        by: &By,
        group: &str,
        uid: &str,
        member: bool,
    ) -> Result<(), AccountError> {
        let (name, wanted, asked) = (group.to_owned(), uid.to_owned(), by.clone());
        let uid = store::write(&self.store, move |tx| {
            asked.require_current(tx)?;
            let user = require_user(tx, &wanted)?;
            if tx.group_members(&name)?.is_none() {
                return Err(AccountError::NoSuchGroup);
            }
            tx.set_member(&name, &user.uid, member)?;
            Ok(user.uid)
        })
        .await?;
        match member {
            true => audit!(by, "group joined", %uid, ?group),
            false => audit!(by, "group left", %uid, ?group),
        }
        Ok(())
    }
}
