//! `cloud/users/{id}/groups`: who is in which group, and the group `admin`.
//!
//! Administrators are marked at their account (`User::admin`). The API shows the mark as membership
//! in the group `admin`, as clients know it, and joining or leaving that group sets it. A group that
//! a directory calls so gives nobody any right.
//!
//! | Call                               | Refused with                                              |
//! |------------------------------------|-----------------------------------------------------------|
//! | `POST …/groups` (`groupid`)        | 101 no group named, 102 no such group, 103 no such user   |
//! | `DELETE …/groups` (`groupid`)      | the same, 105 oneself from `admin`                        |
//!
//! Source: server `UsersController::addToGroup`, `removeFromGroup`.

use serde_json::json;

use super::Ocs;
use super::call::Call;
use super::error::OcsError;
use super::reply::Answer;
use super::user::require_record;
use crate::auth::{AccountError, UserChange};
use crate::store::accounts::User;

/// The group whose members are the administrators.
pub(super) const ADMIN_GROUP: &str = "admin";

/// The groups of a user as the API shows them, from those in the index.
pub(super) fn names_of(mut groups: Vec<String>, user: &User) -> Vec<String> {
    groups.retain(|group| group != ADMIN_GROUP);
    if user.admin {
        let at = groups.partition_point(|group| group.as_str() < ADMIN_GROUP);
        groups.insert(at, ADMIN_GROUP.to_owned());
    }
    groups
}

/// `GET cloud/users/{id}/groups`.
pub(super) async fn list(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    let record = require_record(room, call).await?;
    Ok(Answer::Data(json!({ "groups": record.groups })))
}

/// `GET cloud/users/{id}/subadmins`: nobody manages a single group here.
pub(super) async fn sub_admin_of(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    require_record(room, call).await?;
    Ok(Answer::Data(json!([])))
}

/// `POST cloud/users/{id}/groups`.
pub(super) async fn join(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    set(room, call, true).await
}

/// `DELETE cloud/users/{id}/groups`.
pub(super) async fn leave(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    set(room, call, false).await
}

async fn set(room: &Ocs, call: &Call, member: bool) -> Result<Answer, OcsError> {
    let group = match call.field("groupid") {
        "" => return Err(OcsError::refused(101, "No group was named")),
        group => group,
    };
    let outcome = match group {
        ADMIN_GROUP => set_admin(room, call, member).await?,
        group => room.auth.set_member(&call.by()?, group, &call.subject, member).await,
    };
    match outcome {
        Ok(()) => Ok(Answer::done()),
        Err(AccountError::NoSuchGroup) => Err(OcsError::refused(102, "Group does not exist")),
        Err(AccountError::NoSuchUser) => Err(OcsError::refused(103, "User does not exist")),
        Err(error) => Err(error.into()),
    }
}

async fn set_admin(
    room: &Ocs,
    call: &Call,
    admin: bool,
) -> Result<Result<(), AccountError>, OcsError> {
    let caller = call.principal()?;
    if !admin && caller.uid.as_str().eq_ignore_ascii_case(&call.subject) {
        return Err(OcsError::refused(105, "Cannot remove yourself from the admin group"));
    }
    if caller.access.is_token() {
        return Err(OcsError::Forbidden("An app password cannot change who is administrator"));
    }
    Ok(room.auth.change_user(&call.by()?, &call.subject, UserChange::Admin(admin)).await)
}
