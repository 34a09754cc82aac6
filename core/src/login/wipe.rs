//! Remote wipe on the wire (clients.md §7): asked by all apps after a 401, with the token in a form.
//!
//! | Situation                 | `check`                 | `success` |
//! |---------------------------|-------------------------|-----------|
//! | token marked by its owner | 200 `{"wipe":true}`     | 200 `[]`  |
//! | any other token, or none  | 404 `[]`                | 404 `[]`  |

use http::StatusCode;

use super::{Login, Refusal};
use crate::proto::form::Fields;
use crate::wire::{Reply, Request};

/// `POST /core/wipe/check`.
pub(super) async fn check(room: &Login, fields: &Fields) -> Result<Reply, Refusal> {
    let wanted = room.auth.wipe_wanted(token(fields)).await;
    Ok(match wanted.map_err(|error| Refusal::from(error).into_bare())? {
        true => json_reply(StatusCode::OK, r#"{"wipe":true}"#),
        false => json_reply(StatusCode::NOT_FOUND, "[]"),
    })
}

/// `POST /core/wipe/success`.
pub(super) async fn success(
    room: &Login,
    request: &Request,
    fields: &Fields,
) -> Result<Reply, Refusal> {
    let done = room.auth.wipe_done(request, token(fields)).await;
    Ok(match done.map_err(|error| Refusal::from(error).into_bare())? {
        true => json_reply(StatusCode::OK, "[]"),
        false => json_reply(StatusCode::NOT_FOUND, "[]"),
    })
}

fn token(fields: &Fields) -> &str {
    fields.get("token").unwrap_or_default()
}

fn json_reply(status: StatusCode, body: &'static str) -> Reply {
    Reply::with_body(status, "application/json; charset=utf-8", body)
        .header("cache-control", "no-store")
}
