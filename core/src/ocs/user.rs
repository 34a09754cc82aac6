//! `cloud/user` and `cloud/users/{id}`: a record, read and edited.
//!
//! | Situation                                  | Code | Source                                |
//! |--------------------------------------------|------|---------------------------------------|
//! | own record, or asked by an administrator   | 200  | ocs-user-core-and-app-apis [1] to [5] |
//! | not there, asked by an administrator       | 404  | [6], [7]                              |
//! | somebody else's or not there, other users  | 998  | [4]                                   |
//!
//! Editing (`PUT`, `key` and `value`; server `UsersController::editUser`):
//!
//! | Key                    | Self         | Administrator | Refused with                        |
//! |------------------------|--------------|---------------|-------------------------------------|
//! | `displayname`, `email` | built-in     | built-in      | 101 value, 113 kept elsewhere       |
//! | `password`             | not by token | not by token  | 107 weak, 112 elsewhere, 403 token, |
//! |                        |              |               | 403 session of long ago             |
//! | `language`             | yes          | yes           | 101 value                           |
//! | `quota`                | no           | yes           | 101 value, 403 to others            |
//! | anything else          | no           | no            | 113                                 |
//!
//! An app password cannot change a password, not even an administrator's that of somebody else: who
//! finds a lost phone would have the account (`threats` §4).

use moonsail_sdk::secret::Secret;
use serde_json::json;

use super::call::Call;
use super::error::{CONFIRM, OcsError};
use super::record::{Record, find_record};
use super::reply::Answer;
use super::{Ocs, quota};
use crate::auth::{Principal, UserChange};

/// What a user may edit of an account that is kept here ([13]).
const EDITABLE: [&str; 2] = ["displayname", "email"];

/// `GET cloud/user`.
pub(super) async fn own_record(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    let record = find_record(&room.store, call.principal()?.uid.as_str()).await?;
    // Removed since the login was checked.
    let record = record.ok_or(OcsError::NotLoggedIn)?;
    Ok(Answer::Data(record.loaded(room, call).await?.shown()))
}

/// `GET cloud/user/fields`.
pub(super) async fn own_fields(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    let record = find_record(&room.store, call.principal()?.uid.as_str()).await?;
    Ok(editable(&record.ok_or(OcsError::NotLoggedIn)?))
}

/// `GET cloud/user/fields/{id}`.
pub(super) async fn fields_of_user(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    Ok(editable(&require_record(room, call).await?))
}

fn editable(record: &Record) -> Answer {
    let fields: &[&str] = if record.is_ours() { &EDITABLE } else { &[] };
    Answer::Data(json!(fields))
}

/// `GET cloud/users/{id}`.
pub(super) async fn read(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    let record = require_record(room, call).await?;
    Ok(Answer::Data(record.loaded(room, call).await?.shown()))
}

/// The record that the path names, if the caller may see it.
///
/// # Errors
/// [`OcsError::UserMissing`] to administrators; [`OcsError::NoSuchRecord`] to others, whether the
/// user is there or not.
pub(super) async fn require_record(room: &Ocs, call: &Call) -> Result<Record, OcsError> {
    let caller = call.principal()?;
    let record = find_record(&room.store, &call.subject).await?;
    if manages(caller) {
        return record.ok_or(OcsError::UserMissing);
    }
    record.filter(|record| record.user.uid == caller.uid).ok_or(OcsError::NoSuchRecord)
}

/// Whether the caller's login is good for other people's records.
fn manages(caller: &Principal) -> bool {
    caller.admin && caller.access.folder().is_none()
}

/// `PUT cloud/users/{id}`.
pub(super) async fn edit(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    let caller = call.principal()?;
    let record = match require_record(room, call).await {
        Err(OcsError::UserMissing) => return Err(OcsError::NoSuchRecord),
        record => record?,
    };
    let uid = record.user.uid.as_str();
    // A password may begin or end with a blank; only the other values are trimmed.
    let value = call.fields.get("value").unwrap_or_default();
    let change = match call.field("key") {
        "password" => {
            if caller.access.is_token() {
                return Err(OcsError::Forbidden("An app password cannot change a password"));
            }
            if !room.auth.is_fresh(caller) {
                return Err(OcsError::Forbidden(CONFIRM));
            }
            room.auth.set_password(&call.by()?, uid, &Secret::new(value)).await?;
            return Ok(Answer::done());
        }
        "displayname" | "display" if record.is_ours() => {
            UserChange::DisplayName(value.trim().to_owned())
        }
        "email" if record.is_ours() => UserChange::Email(Some(value.trim().to_owned())),
        "language" => UserChange::Language(value.trim().to_owned()),
        "quota" if !caller.admin => return Err(OcsError::NotAdmin),
        "quota" => {
            let read = quota::parse(value, room.settings.default_quota);
            UserChange::Quota(read.ok_or_else(|| bad_quota(value))?)
        }
        _ => return Err(OcsError::refused(113, "This field cannot be edited")),
    };
    let by = call.by()?;
    match change {
        UserChange::Email(email) if !caller.admin => {
            room.auth.change_own_email(&by, &record.user.uid, email).await?;
        }
        change => room.auth.change_user(&by, uid, change).await?,
    }
    Ok(Answer::done())
}

/// A quota that cannot be read.
pub(super) fn bad_quota(value: &str) -> OcsError {
    OcsError::refused(101, format!("Invalid quota value: {value}"))
}
