//! A user's record, as `cloud/user`, `cloud/users/{id}` and `cloud/users/details` show it.
//!
//! Keys and their order are those of the reference server (ocs-user-core-and-app-apis [1], [5]).
//! What this server does not keep (phone, address, …) is there and empty: the apps read it as text.
//! The scopes of properties are left out, since nothing is published to other servers.

use std::sync::Arc;

use serde_json::{Value, json};

use super::call::Call;
use super::error::OcsError;
use super::{Ocs, memberships, quota};
use crate::auth::{BUILTIN, Caller};
use crate::store::accounts::User;
use crate::store::{self, ReadTx, Store, StoreError};

/// A user with what hangs on it.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) user: User,
    /// By name, with `admin` for administrators.
    pub(super) groups: Vec<String>,
    /// Bytes in the home; 0 as long as there is none.
    pub(super) used: u64,
}

/// The record of a user; `uid` in any case.
///
/// # Errors
/// [`OcsError`] if the index fails.
pub(super) async fn find_record(
    store: &Arc<dyn Store>,
    uid: &str,
) -> Result<Option<Record>, OcsError> {
    let uid = uid.to_owned();
    store::read(store, move |tx| -> Result<_, OcsError> {
        let Some(user) = tx.user(&uid)? else { return Ok(None) };
        Ok(Some(Record::load(tx, user)?))
    })
    .await
}

impl Record {
    /// Reads what hangs on `user`.
    pub(super) fn load(tx: &mut dyn ReadTx, user: User) -> Result<Self, StoreError> {
        let groups = memberships::names_of(tx.groups_of(&user.uid)?, &user);
        let root = match tx.home(&user.uid)? {
            Some(home) => tx.node(home.root)?,
            None => None,
        };
        Ok(Self { user, groups, used: root.map_or(0, |root| root.size) })
    }

    /// The record as hooks make it (`user.load`): what its user gets.
    pub(super) async fn loaded(self, room: &Ocs, call: &Call) -> Result<Self, OcsError> {
        let Self { user, mut groups, used } = self;
        groups.retain(|group| group != memberships::ADMIN_GROUP);
        let (user, groups) = room.auth.load(&Caller::of(&call.request), user, groups).await?;
        let groups = memberships::names_of(groups, &user);
        Ok(Self { user, groups, used })
    }

    /// Whether name, address and password are kept here, and so can be changed here.
    pub(super) fn is_ours(&self) -> bool {
        self.user.provider == BUILTIN
    }

    /// The record as the API shows it.
    pub(super) fn shown(&self) -> Value {
        let user = &self.user;
        let last_login = user.last_login.unwrap_or(0);
        json!({
            "enabled": user.enabled,
            "id": user.uid.as_str(),
            // -1 says never; the first login is not kept, and 0 says that it is not known.
            "firstLoginTimestamp": if user.last_login.is_some() { 0 } else { -1 },
            "lastLoginTimestamp": last_login,
            "lastLogin": last_login.saturating_mul(1000),
            "backend": if self.is_ours() { "Database" } else { user.provider.as_str() },
            "subadmin": [],
            "quota": quota::shown(self.used, user.quota),
            "manager": "",
            "email": user.email,
            "additional_mail": [],
            "displayname": user.display_name,
            "display-name": user.display_name,
            "phone": "",
            "address": "",
            "website": "",
            "twitter": "",
            "fediverse": "",
            "organisation": "",
            "role": "",
            "headline": "",
            "biography": "",
            "profile_enabled": "0",
            "pronouns": "",
            "groups": self.groups,
            "language": user.language,
            "locale": "",
            "notify_email": null,
            "backendCapabilities": {
                "setDisplayName": self.is_ours(),
                "setPassword": self.is_ours()
            }
        })
    }
}
