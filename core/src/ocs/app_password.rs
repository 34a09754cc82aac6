//! `core/getapppassword`, its one-time form, `core/apppassword` and `rotate` (clients.md §7).
//!
//! | Call                                   | Answer                     | Source              |
//! |----------------------------------------|----------------------------|---------------------|
//! | exchange, with the real password       | 200 and the app password   | app-passwords [1]   |
//! | exchange, with an app password         | 403: Android's "I have one"| [3], [4]            |
//! | exchange, in a session of long ago      | 403                        | `threats` §4        |
//! | one-time exchange, with such a token   | 200, once                  | server `AppPasswordController.php` |
//! | the same, with any other good login    | 403                        | the same            |
//! | rotate, revoke, without an app password| 403                        | [8]                 |

use http::header::USER_AGENT;
use moonsail_sdk::secret::Secret;
use serde_json::json;

use super::Ocs;
use super::call::Call;
use super::error::OcsError;
use super::reply::Answer;
use crate::auth::{AppPasswordError, AuthError};

/// `GET core/getapppassword`.
pub(super) async fn exchange(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    let made =
        room.auth.exchange_password(&call.request, call.principal()?, &client_name(call)).await?;
    Ok(shown(&made))
}

/// `GET core/getapppassword-onetime`.
pub(super) async fn exchange_one_time(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    match room.auth.exchange_one_time(&call.request, &client_name(call)).await {
        Ok(made) => Ok(shown(&made)),
        // iOS stops an account at 401, so that is only for who cannot get in at all.
        Err(AppPasswordError::Auth(AuthError::BadCredentials)) => {
            match room.auth.authenticate(&call.request).await? {
                Some(_) => Err(OcsError::Forbidden(
                    "This endpoint can only be used with one-time app passwords",
                )),
                None => Err(OcsError::NotLoggedIn),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST core/apppassword/rotate`.
pub(super) async fn rotate(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    Ok(shown(&room.auth.rotate_token(&call.request, call.principal()?).await?))
}

/// `DELETE core/apppassword`.
pub(super) async fn revoke(room: &Ocs, call: &Call) -> Result<Answer, OcsError> {
    room.auth.revoke_own_token(&call.request, call.principal()?).await?;
    Ok(Answer::done())
}

/// What the list of app passwords will show for this device.
fn client_name(call: &Call) -> String {
    let name = call.request.headers.get(USER_AGENT).map(|value| value.as_bytes());
    String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
}

fn shown(secret: &Secret) -> Answer {
    Answer::Data(json!({ "apppassword": secret.reveal() }))
}
