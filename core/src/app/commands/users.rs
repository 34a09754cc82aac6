//! `user …`: accounts.

use moonsail_sdk::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::{CommandError, uid};
use super::wire_secret;
use crate::app::House;
use crate::auth::{By, NewUser, UserChange};
use crate::storage::StorageNo;
use crate::store;
use crate::store::accounts::User;

/// How many users are read at once for the list.
const PAGE: usize = 500;

/// A command about users.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserCommand {
    /// Make one.
    Add(NewAccount),
    /// All of them.
    List,
    /// One of them, with what it stores.
    Show {
        /// User id.
        name: String,
    },
    /// A new password; sessions end.
    Passwd {
        /// User id.
        name: String,
        /// The new password.
        #[serde(with = "wire_secret")]
        password: Secret,
    },
    /// Let in, or keep out.
    Enable {
        /// User id.
        name: String,
        /// Whether the account may do anything.
        enabled: bool,
    },
    /// Remove it with its files.
    Delete {
        /// User id.
        name: String,
    },
    /// How much it may store.
    Quota {
        /// User id.
        name: String,
        /// Bytes; `None` for unlimited.
        bytes: Option<u64>,
    },
}

/// An account to be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewAccount {
    /// User id.
    pub name: String,
    /// First password.
    #[serde(with = "wire_secret")]
    pub password: Secret,
    /// Shown name; the id if `None`.
    pub display_name: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Whether it is an administrator.
    pub admin: bool,
    /// What it may store.
    pub quota: NewQuota,
    /// Groups, made if missing.
    pub groups: Vec<String>,
}

/// What a new account may store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewQuota {
    /// As configured (`storage.default_quota_bytes`).
    Default,
    /// Bytes.
    Bytes(u64),
    /// Everything there is room for.
    Unlimited,
}

pub(super) async fn execute(house: &House, command: UserCommand) -> Result<Value, CommandError> {
    match command {
        UserCommand::Add(new) => add(house, new).await,
        UserCommand::List => list(house).await,
        UserCommand::Show { name } => show(house, &name).await,
        UserCommand::Passwd { name, password } => {
            match house.auth.set_password(&By::console(), &name, &password).await {
                Ok(()) => Ok(json!({ "user": name })),
                Err(error) => Err(house.refused(error, &name, "").await),
            }
        }
        UserCommand::Enable { name, enabled } => {
            change(house, &name, UserChange::Enabled(enabled)).await
        }
        UserCommand::Delete { name } => delete(house, &name).await,
        UserCommand::Quota { name, bytes } => change(house, &name, UserChange::Quota(bytes)).await,
    }
}

async fn add(house: &House, new: NewAccount) -> Result<Value, CommandError> {
    let quota = match new.quota {
        NewQuota::Default => house.auth.default_quota(),
        NewQuota::Bytes(bytes) => Some(bytes),
        NewQuota::Unlimited => None,
    };
    let user = NewUser {
        uid: new.name,
        password: Some(new.password),
        display_name: new.display_name,
        email: new.email,
        quota,
        admin: new.admin,
        groups: new.groups,
        by: By::console(),
    };
    let name = user.uid.clone();
    match house.auth.create_user(user).await {
        Ok(user) => Ok(shown(&user)),
        Err(error) => Err(house.refused(error, &name, "").await),
    }
}

async fn list(house: &House) -> Result<Value, CommandError> {
    let mut users = Vec::new();
    loop {
        let page = house.auth.list_users("", PAGE, users.len()).await;
        let page = match page {
            Ok(page) => page,
            Err(error) => return Err(house.refused(error, "", "").await),
        };
        let last = page.len() < PAGE;
        users.extend(page.iter().map(shown));
        if last {
            return Ok(Value::Array(users));
        }
    }
}

async fn show(house: &House, name: &str) -> Result<Value, CommandError> {
    let user = house.require_user(name).await?;
    let uid = user.uid.clone();
    let (groups, tokens, used) = store::read(&house.store, move |tx| {
        let used = match tx.home(&uid)? {
            Some(home) => tx.node(home.root)?.map_or(0, |root| root.size),
            None => 0,
        };
        Ok::<_, CommandError>((tx.groups_of(&uid)?, tx.tokens_of(&uid)?.len(), used))
    })
    .await?;
    let mut shown = shown(&user);
    shown["used_bytes"] = used.into();
    shown["groups"] = groups.into();
    shown["app_passwords"] = tokens.into();
    Ok(shown)
}

async fn change(house: &House, name: &str, change: UserChange) -> Result<Value, CommandError> {
    match house.auth.change_user(&By::console(), name, change).await {
        Ok(()) => Ok(json!({ "user": name })),
        Err(error) => Err(house.refused(error, name, "").await),
    }
}

/// First the account, so that nobody gets in any more, then what it stores. If that is cut short,
/// or an administrator removed the account alone (the provisioning API does), this finishes it.
async fn delete(house: &House, name: &str) -> Result<Value, CommandError> {
    let uid = match house.auth.find_user(name).await {
        Ok(Some(user)) => match house.auth.delete_user(&By::console(), user.uid.as_str()).await {
            Ok(uid) => uid,
            Err(error) => return Err(house.refused(error, name, "").await),
        },
        Ok(None) => {
            let uid = uid(name)?;
            if house.tree.find_home(&uid).await?.is_none() {
                return Err(house.no_such_user(name).await);
            }
            uid
        }
        Err(error) => return Err(house.refused(error, name, "").await),
    };
    for upload in house.content.transfers(&uid).await? {
        house.content.abort_transfer(&uid, &upload.name).await?;
    }
    let home = house.tree.find_home(&uid).await?;
    let base = home.map_or_else(|| house.tree.base_of(&uid), |home| home.base);
    let on_disk = house.content.stat(&base).await?.map(|entry| entry.tag);
    let freed = house.tree.remove_home(&uid, "cli", on_disk).await?;
    house.publisher.settle_on(StorageNo::of(&base), false).await;
    Ok(json!({ "user": uid.as_str(), "freed_bytes": freed.unwrap_or(0) }))
}

fn shown(user: &User) -> Value {
    json!({
        "user": user.uid.as_str(),
        "display_name": user.display_name,
        "email": user.email,
        "admin": user.admin,
        "enabled": user.enabled,
        "quota_bytes": user.quota,
        "provider": user.provider,
        "created": user.created,
        "last_login": user.last_login,
    })
}
