//! `token …`: app passwords.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::CommandError;
use crate::app::House;
use crate::auth::{By, NewToken};
use crate::path::DavPath;
use crate::store::accounts::Token;

/// A command about app passwords.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenCommand {
    /// Make one.
    Add(NewAppPassword),
    /// All of a user.
    List {
        /// User id.
        user: String,
    },
    /// Make one void.
    Revoke {
        /// User id.
        user: String,
        /// Its number.
        id: i64,
    },
    /// Make one void, and tell its device to wipe itself.
    Wipe {
        /// User id.
        user: String,
        /// Its number.
        id: i64,
    },
}

/// An app password to be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewAppPassword {
    /// User id.
    pub user: String,
    /// Name by which to recognise it.
    pub label: String,
    /// Reads only.
    pub read_only: bool,
    /// The one folder it may touch, below the user's files.
    pub folder: Option<String>,
    /// Unix seconds after which it is void.
    pub expires: Option<i64>,
}

pub(super) async fn execute(house: &House, command: TokenCommand) -> Result<Value, CommandError> {
    match command {
        TokenCommand::Add(new) => add(house, new).await,
        TokenCommand::List { user } => {
            let user = house.require_user(&user).await?;
            let tokens = house.auth.tokens_of(&user.uid).await?;
            Ok(tokens.iter().map(shown).collect())
        }
        TokenCommand::Revoke { user, id } => {
            let user = house.require_user(&user).await?;
            let done = house.auth.revoke_token(&By::console(), &user.uid, id).await?;
            answer(done, user.uid.as_str(), id)
        }
        TokenCommand::Wipe { user, id } => {
            let user = house.require_user(&user).await?;
            let done = house.auth.mark_for_wipe(&By::console(), &user.uid, id).await?;
            answer(done, user.uid.as_str(), id)
        }
    }
}

async fn add(house: &House, new: NewAppPassword) -> Result<Value, CommandError> {
    let user = house.require_user(&new.user).await?;
    if new.expires.is_some_and(|end| end <= house.clock.seconds()) {
        return Err(CommandError::Refused("the app password would be void already".to_owned()));
    }
    let folder = new.folder.as_deref().map(DavPath::from_decoded).transpose();
    let folder = folder.map_err(|error| CommandError::Refused(error.to_string()))?;
    let login = user.uid.to_string();
    let token = NewToken {
        expires: new.expires,
        read_only: new.read_only,
        folder,
        ..NewToken::full(user.uid, login, new.label)
    };
    let (id, secret) = house.auth.add_token(token).await?;
    Ok(json!({ "id": id, "app_password": secret.reveal() }))
}

fn answer(done: bool, user: &str, id: i64) -> Result<Value, CommandError> {
    match done {
        true => Ok(json!({ "user": user, "id": id })),
        false => Err(CommandError::NoSuchToken { user: user.to_owned(), id }),
    }
}

fn shown(token: &Token) -> Value {
    json!({
        "id": token.id,
        "label": token.name,
        "created": token.created,
        "last_used": token.last_used,
        "expires": token.expires,
        "read_only": token.read_only,
        "folder": token.folder,
        "wipe": token.wipe,
    })
}
