//! `config` and `person/check`: what OCS itself defines about a server and its people.

use moonsail_sdk::secret::Secret;
use serde_json::json;

use super::Ocs;
use super::call::Call;
use super::error::OcsError;
use super::reply::Answer;
use crate::auth::{AuthError, Caller};

/// Version of the OCS specification (ocs-user-core-and-app-apis [17]).
const OCS_VERSION: &str = "1.7";

/// `GET config`. All values are texts, `ssl` too.
pub(super) fn config(room: &Ocs, call: &Call) -> Answer {
    let base = &*call.request.base_url;
    let (scheme, rest) = base.split_once("://").unwrap_or(("http", base));
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    Answer::Data(json!({
        "version": OCS_VERSION,
        "website": room.settings.theme.name,
        "host": host,
        "contact": "",
        "ssl": if scheme == "https" { "true" } else { "false" }
    }))
}

/// `POST person/check`: whether `login` and `password` belong together. Counted and throttled as
/// every login is.
///
/// | Situation            | Code | Source                              |
/// |----------------------|------|-------------------------------------|
/// | they do              | 200  | ocs-user-core-and-app-apis [19]     |
/// | one is missing       | 101  | server `OCSController::personCheck` |
/// | they do not          | 102  | the same                            |
pub(super) async fn check_person(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    let login = call.field("login");
    let password = call.fields.get("password").unwrap_or_default();
    if login.is_empty() || password.is_empty() {
        return Err(OcsError::refused(101, ""));
    }
    let caller = Caller::of(&call.request);
    match room.auth.login(&caller, login, &Secret::new(password)).await {
        Ok(principal) => {
            Ok(Answer::Data(json!({ "person": { "personid": principal.uid.as_str() } })))
        }
        Err(AuthError::BadCredentials | AuthError::Disabled | AuthError::Expired) => {
            Err(OcsError::refused(102, ""))
        }
        Err(error) => Err(error.into()),
    }
}
