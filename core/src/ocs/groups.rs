//! `cloud/groups`: groups, managed by administrators.
//!
//! | Call                              | Refused with                                          |
//! |-----------------------------------|-------------------------------------------------------|
//! | `POST cloud/groups` (`groupid`)   | 101 bad name, 102 exists                              |
//! | `GET cloud/groups/{id}[/users]`   | 404 not there                                         |
//! | `DELETE cloud/groups/{id}`        | 101 not there, 102 `admin`                            |
//!
//! Source: server `apps/provisioning_api/lib/Controller/GroupsController.php`. The group `admin` is
//! always there (`memberships.rs`).

use serde_json::json;

use super::Ocs;
use super::call::{ALL, Call};
use super::error::OcsError;
use super::memberships::ADMIN_GROUP;
use super::reply::Answer;
use crate::auth::AccountError;

/// `GET cloud/groups`: names, `admin` first.
pub(super) async fn list(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    let (limit, offset) = call.page()?;
    let text = call.field("search");
    let mut names = Vec::new();
    if ADMIN_GROUP.contains(&text.to_lowercase()) {
        names.push(ADMIN_GROUP.to_owned());
    }
    // `admin` takes the first place of the list, so what comes from the index is one place later.
    let taken = names.len();
    if offset >= taken {
        names.clear();
    }
    let rest = limit.saturating_sub(names.len());
    let others = room.auth.list_groups(text, rest, offset.saturating_sub(taken)).await?;
    names.extend(others.into_iter().filter(|name| name != ADMIN_GROUP));
    names.truncate(limit);
    Ok(Answer::Data(json!({ "groups": names })))
}

/// `POST cloud/groups`.
pub(super) async fn create(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    match call.field("groupid") {
        "" => Err(OcsError::refused(101, "Invalid group name")),
        ADMIN_GROUP => Err(AccountError::GroupTaken.into()),
        group => {
            room.auth.create_group(&call.by()?, group).await?;
            Ok(Answer::done())
        }
    }
}

/// `GET cloud/groups/{id}` and `cloud/groups/{id}/users`: ids of the members.
pub(super) async fn members(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    let users: Vec<String> = match call.subject.as_str() {
        ADMIN_GROUP => {
            let users = room.auth.list_users("", ALL, 0).await?;
            users.iter().filter(|user| user.admin).map(|user| user.uid.to_string()).collect()
        }
        group => room.auth.group_members(group).await?.iter().map(ToString::to_string).collect(),
    };
    Ok(Answer::Data(json!({ "users": users })))
}

/// `DELETE cloud/groups/{id}`.
pub(super) async fn delete(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    if call.subject == ADMIN_GROUP {
        return Err(OcsError::refused(102, "The group of administrators cannot be removed"));
    }
    match room.auth.delete_group(&call.by()?, &call.subject).await {
        Ok(()) => Ok(Answer::done()),
        Err(AccountError::NoSuchGroup) => Err(OcsError::refused(101, "Group does not exist")),
        Err(error) => Err(error.into()),
    }
}
