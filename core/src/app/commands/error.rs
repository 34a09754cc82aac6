//! Why a command was not carried out, in words for the administrator.

use serde::{Deserialize, Serialize};

use super::House;
use crate::auth::{AccountError, AuthError};
use crate::config::nearest;
use crate::content::{ContentError, TransferError};
use crate::ids::Uid;
use crate::store::StoreError;
use crate::store::accounts::User;
use crate::tree::TreeError;

/// How many names are read at once while looking for one like a mistyped one.
const PAGE: usize = 500;

/// Why a command was not carried out. Travels over the control socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum CommandError {
    /// No such user.
    #[error("there is no user {name}{}", perhaps(near.as_deref()))]
    NoSuchUser {
        /// As asked for.
        name: String,
        /// One that is called nearly so.
        near: Option<String>,
    },
    /// No such group.
    #[error("there is no group {name}{}", perhaps(near.as_deref()))]
    NoSuchGroup {
        /// As asked for.
        name: String,
        /// One that is called nearly so.
        near: Option<String>,
    },
    /// No such app password.
    #[error("{user} has no app password {id}; `moonsail token list {user}` shows them")]
    NoSuchToken {
        /// Whose.
        user: String,
        /// As asked for.
        id: i64,
    },
    /// A rule of accounts forbids it.
    #[error("{0}")]
    Refused(String),
    /// Not a command of this server.
    #[error("the running server does not know this command; restart it after an upgrade ({0})")]
    NotUnderstood(String),
    /// The index or the storage failed.
    #[error("{0}")]
    Failed(String),
}

fn perhaps(near: Option<&str>) -> String {
    near.map(|near| format!("; perhaps {near} is meant")).unwrap_or_default()
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<AuthError> for CommandError {
    fn from(error: AuthError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<TreeError> for CommandError {
    fn from(error: TreeError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ContentError> for CommandError {
    fn from(error: ContentError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<TransferError> for CommandError {
    fn from(error: TransferError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl House {
    /// A user that must be there.
    pub(super) async fn require_user(&self, name: &str) -> Result<User, CommandError> {
        match self.auth.find_user(name).await {
            Ok(Some(user)) => Ok(user),
            Ok(None) => Err(self.no_such_user(name).await),
            Err(error) => Err(self.refused(error, name, "").await),
        }
    }

    /// What accounts refused, with the names it is about.
    pub(super) async fn refused(
        &self,
        error: AccountError,
        user: &str,
        group: &str,
    ) -> CommandError {
        match error {
            AccountError::NoSuchUser => self.no_such_user(user).await,
            AccountError::NoSuchGroup => self.no_such_group(group).await,
            AccountError::Store(error) => error.into(),
            AccountError::Busy => CommandError::Failed(error.to_string()),
            error => CommandError::Refused(error.to_string()),
        }
    }

    pub(super) async fn no_such_user(&self, name: &str) -> CommandError {
        let mut names: Vec<String> = Vec::new();
        while let Ok(page) = self.auth.list_users("", PAGE, names.len()).await {
            let last = page.len() < PAGE;
            names.extend(page.into_iter().map(|user| user.uid.to_string()));
            if last {
                break;
            }
        }
        CommandError::NoSuchUser { name: name.to_owned(), near: like(name, &names) }
    }

    async fn no_such_group(&self, name: &str) -> CommandError {
        let mut names: Vec<String> = Vec::new();
        while let Ok(page) = self.auth.list_groups("", PAGE, names.len()).await {
            let last = page.len() < PAGE;
            names.extend(page);
            if last {
                break;
            }
        }
        CommandError::NoSuchGroup { name: name.to_owned(), near: like(name, &names) }
    }
}

fn like(name: &str, known: &[String]) -> Option<String> {
    nearest(name, known.iter().map(String::as_str)).map(str::to_owned)
}

/// A user id from a command.
pub(super) fn uid(name: &str) -> Result<Uid, CommandError> {
    Uid::parse(name).ok_or_else(|| CommandError::Refused(AccountError::BadUid.to_string()))
}
