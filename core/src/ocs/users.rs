//! `cloud/users`: accounts, listed, made, disabled and removed by administrators.
//!
//! | Call                     | Refused with                                                        |
//! |--------------------------|---------------------------------------------------------------------|
//! | `POST cloud/users`       | 101 bad value, 102 id taken, 104 no such group, 107 weak password, 108 no password, 109 sub admin |
//! | `DELETE cloud/users/{id}`| 101 oneself or the last administrator, 998 not there                |
//! | `PUT …/enable`, `disable`| 101 oneself or not there                                            |
//!
//! Source: server `apps/provisioning_api/lib/Controller/UsersController.php`.
//!
//! Removing an account ends its logins at once: passwords, app passwords and sessions. Its files
//! stay on the disk of the server, for the administrator to keep or to remove, and since an id is
//! never given twice nobody inherits them.

use moonsail_sdk::secret::Secret;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::error::OcsError;
use super::memberships::ADMIN_GROUP;
use super::record::Record;
use super::reply::Answer;
use super::{Ocs, quota, user};
use crate::auth::{NewUser, UserChange};
use crate::store;
use crate::store::accounts::User;

/// `GET cloud/users`: ids. `search` looks in id, name and mail address.
pub(super) async fn list(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    let (limit, offset) = call.page()?;
    let users = room.auth.list_users(call.field("search"), limit, offset).await?;
    let ids: Vec<&str> = users.iter().map(|user| user.uid.as_str()).collect();
    Ok(Answer::Data(json!({ "users": ids })))
}

/// `GET cloud/users/details`: records by id, all from one snapshot.
pub(super) async fn details(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    let (limit, offset) = call.page()?;
    let text = call.field("search").to_owned();
    let records = store::read(&room.store, move |tx| -> Result<Vec<Record>, OcsError> {
        let users = tx.users(&text, limit, offset)?;
        users.into_iter().map(|user| Ok(Record::load(tx, user)?)).collect()
    })
    .await?;
    let shown: Map<String, Value> =
        records.iter().map(|record| (record.user.uid.to_string(), record.shown())).collect();
    Ok(Answer::Data(json!({ "users": shown })))
}

/// `POST cloud/users`.
pub(super) async fn create(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    // A password may begin or end with a blank.
    let password = call.fields.get("password").unwrap_or_default();
    if call.field("userid").is_empty() {
        return Err(OcsError::refused(101, "A user id is required"));
    }
    if password.is_empty() {
        let why = "A password is required: this server sends no mail to choose one";
        return Err(OcsError::refused(108, why));
    }
    if call.fields.get_all("subadmin[]").next().is_some() {
        return Err(OcsError::refused(109, "There are no sub admins on this server"));
    }
    let quota = match call.field("quota") {
        "" => room.settings.default_quota,
        text => {
            quota::parse(text, room.settings.default_quota).ok_or_else(|| user::bad_quota(text))?
        }
    };
    let (admins, groups): (Vec<String>, Vec<String>) =
        call.fields.get_all("groups[]").map(str::to_owned).partition(|group| group == ADMIN_GROUP);
    if !admins.is_empty() && call.principal()?.access.is_token() {
        return Err(OcsError::Forbidden("An app password cannot make an administrator"));
    }
    require_groups(room, &groups).await?;
    let text = |name| Some(call.field(name).to_owned()).filter(|text| !text.is_empty());
    let new = NewUser {
        uid: call.field("userid").to_owned(),
        password: Some(Secret::new(password)),
        display_name: text("displayName"),
        email: text("email"),
        quota,
        admin: !admins.is_empty(),
        groups,
        by: call.by()?,
    };
    let made = room.auth.create_user(new).await?;
    Ok(Answer::Data(json!({ "id": made.uid.as_str() })))
}

async fn require_groups(room: &Ocs, groups: &[String]) -> Result<(), OcsError> {
    let groups = groups.to_vec();
    store::read(&room.store, move |tx| {
        for group in groups {
            if tx.group_members(&group)?.is_none() {
                return Err(OcsError::refused(104, format!("Group {group} does not exist")));
            }
        }
        Ok(())
    })
    .await
}

/// `DELETE cloud/users/{id}`.
pub(super) async fn delete(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    let user = find(room, call).await?.ok_or(OcsError::NoSuchRecord)?;
    require_other(call, &user)?;
    room.auth.delete_user(&call.by()?, user.uid.as_str()).await?;
    Ok(Answer::done())
}

/// `PUT cloud/users/{id}/enable` and `disable`.
pub(super) async fn set_enabled(
    room: &Ocs,
    call: &Call,
    enabled: bool,
) -> Result<Answer, OcsError> {
    let user = find(room, call).await?;
    let user = user.ok_or_else(|| OcsError::refused(101, "User does not exist"))?;
    require_other(call, &user)?;
    room.auth.change_user(&call.by()?, user.uid.as_str(), UserChange::Enabled(enabled)).await?;
    Ok(Answer::done())
}

async fn find(room: &Ocs, call: &Call) -> Result<Option<User>, OcsError> {
    Ok(room.auth.find_user(&call.subject).await?)
}

fn require_other(call: &Call, user: &User) -> Result<(), OcsError> {
    match call.principal()?.uid == user.uid {
        true => Err(OcsError::refused(101, "This is your own account")),
        false => Ok(()),
    }
}
