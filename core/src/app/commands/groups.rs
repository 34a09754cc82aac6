//! `group …`: groups and their members.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::CommandError;
use crate::app::House;
use crate::auth::{AccountError, By};
use crate::store;

/// How many groups are read at once for the list.
const PAGE: usize = 500;

/// A command about groups.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupCommand {
    /// Make one.
    Add {
        /// Its name.
        group: String,
    },
    /// All of them, with the number of members.
    List,
    /// The members of one.
    Show {
        /// Its name.
        group: String,
    },
    /// Remove it; its members stay.
    Delete {
        /// Its name.
        group: String,
    },
    /// Add a member, or take one out.
    Member {
        /// Its name.
        group: String,
        /// User id.
        user: String,
        /// Whether the user is to be a member.
        member: bool,
    },
}

pub(super) async fn execute(house: &House, command: GroupCommand) -> Result<Value, CommandError> {
    let auth = &house.auth;
    match command {
        GroupCommand::Add { group } => {
            let done = auth.create_group(&By::console(), &group).await;
            answer(house, done, &group, "").await
        }
        GroupCommand::List => list(house).await,
        GroupCommand::Show { group } => match auth.group_members(&group).await {
            Ok(members) => {
                let members: Vec<&str> = members.iter().map(|uid| uid.as_str()).collect();
                Ok(json!({ "group": group, "members": members }))
            }
            Err(error) => Err(house.refused(error, "", &group).await),
        },
        GroupCommand::Delete { group } => {
            let done = auth.delete_group(&By::console(), &group).await;
            answer(house, done, &group, "").await
        }
        GroupCommand::Member { group, user, member } => {
            let done = auth.set_member(&By::console(), &group, &user, member).await;
            answer(house, done, &group, &user).await
        }
    }
}

async fn answer(
    house: &House,
    done: Result<(), AccountError>,
    group: &str,
    user: &str,
) -> Result<Value, CommandError> {
    match done {
        Ok(()) => Ok(json!({ "group": group })),
        Err(error) => Err(house.refused(error, user, group).await),
    }
}

async fn list(house: &House) -> Result<Value, CommandError> {
    store::read(&house.store, |tx| {
        let mut groups = Vec::new();
        loop {
            let page = tx.groups("", PAGE, groups.len())?;
            let last = page.len() < PAGE;
            for group in page {
                let members = tx.group_members(&group)?.map_or(0, |members| members.len());
                groups.push(json!({ "group": group, "members": members }));
            }
            if last {
                return Ok(Value::Array(groups));
            }
        }
    })
    .await
}
