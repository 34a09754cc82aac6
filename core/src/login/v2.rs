//! Login flow v2 on the wire (clients.md §5; traces `login-flow-v2-api`, `desktop-login-flow-v2`).
//!
//! | Situation                                   | Answer |
//! |---------------------------------------------|--------|
//! | start                                       | 200, poll token and endpoint, login URL |
//! | poll, not granted or unknown                | 404, empty: Android stops polling at a body it cannot read |
//! | poll, granted                               | 200, once |
//! | poll by GET                                 | 405    |
//! | login URL, first time                       | 303 to the page without the token in its address |
//! | login URL, again in the same browser        | the same |
//! | login URL, in another browser               | 403    |
//! | login URL, unknown or over                  | 404    |
//! | page, not logged in or not lately           | 200, the login form |
//! | page, logged in                             | 200, the question |
//! | grant without this page's tokens            | 403    |

use std::time::Duration;

use http::StatusCode;
use minijinja::context;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::browser::{Browser, with_cookie};
use super::{Login, LoginForm, Refusal, client_name, query, redirect};
use crate::auth::{find_cookie, set_cookie};
use crate::pages::{FormTargets, base_path};
use crate::proto::form::Fields;
use crate::wire::{Reply, Request};

/// Path of the page, with `/index.php` as the apps have it.
const PAGE: &str = "/index.php/login/v2/flow";

/// `POST /login/v2`.
pub(super) async fn start(room: &Login, request: &Request) -> Result<Reply, Refusal> {
    let base = &request.base_url;
    let client = client_name(request);
    let started = room
        .auth
        .start_flow(request.remote_ip, &client, base)
        .await
        .map_err(|error| Refusal::from(error).into_bare())?;
    Ok(json_reply(&json!({
        "poll": {
            "token": started.poll_token.reveal(),
            "endpoint": format!("{base}/index.php/login/v2/poll"),
        },
        "login": format!("{base}{PAGE}/{}", started.login_token.reveal()),
    })))
}

/// `POST /login/v2/poll`. The token comes in the body, from iOS in the query.
pub(super) async fn poll(
    room: &Login,
    request: &Request,
    fields: &Fields,
) -> Result<Reply, Refusal> {
    let token = fields.get("token").unwrap_or_default();
    match room.auth.poll_flow(request, token).await {
        Ok(None) => Err(Refusal::Bare(StatusCode::NOT_FOUND, None)),
        Ok(Some(granted)) => Ok(json_reply(&json!({
            "server": granted.server,
            "loginName": granted.login_name,
            "appPassword": granted.app_password.reveal(),
        }))),
        Err(error) => Err(Refusal::from(error).into_bare()),
    }
}

/// `GET /login/v2/flow/TOKEN`: the app sends its user here.
pub(super) async fn open(room: &Login, request: &Request, token: &str) -> Result<Reply, Refusal> {
    let browser = Browser::of(request);
    match waiting_flow(room, request, &browser) {
        // A reload, or the back button.
        Some(opened) if opened == token => {}
        _ => room.auth.open_flow(token).await?,
    }
    let user = query(request)?.get("user").map(encode).unwrap_or_default();
    let page = if user.is_empty() { PAGE.to_owned() } else { format!("{PAGE}?user={user}") };
    let value = format!("{token}.{}", browser.flow_proof(&room.auth, token));
    let cookie = set_cookie("flow", &value, &request.base_url, Some(room.auth.flow_lifetime()));
    let reply = with_cookie(redirect::see_other(request, &page), &cookie);
    Ok(browser.keep(reply, request))
}

/// `GET /login/v2/flow`: the login form, then the question.
pub(super) async fn flow_page(room: &Login, request: &Request) -> Result<Reply, Refusal> {
    let browser = Browser::of(request);
    let (token, app) = waiting_app(room, request, &browser).await?;
    let session = room.fresh_session(request).await?;
    match session {
        Some(session) if session.recent => {
            let values = context! {
                app,
                name => session.principal.display_name,
                uid => session.principal.uid.as_str(),
                action => "/index.php/login/v2/grant",
                again => PAGE,
                state => browser.state(&room.auth, &token, &session.csrf),
                token => session.csrf,
            };
            let title = "Connect an app";
            Ok(room.page(StatusCode::OK, request, title, "grant", values, FormTargets::Own))
        }
        session => {
            let fields = query(request)?;
            let user = match &session {
                Some(session) => session.principal.uid.as_str(),
                None => fields.get("user").unwrap_or_default(),
            };
            Ok(room.login_form(
                request,
                &browser,
                LoginForm {
                    status: StatusCode::OK,
                    app: Some(&app),
                    error: None,
                    wrong: false,
                    confirm: session.is_some(),
                    user,
                    redirect: &format!("{}{PAGE}", base_path(&request.base_url)),
                },
            ))
        }
    }
}

/// `POST /login/v2/grant`.
pub(super) async fn grant(
    room: &Login,
    request: &Request,
    fields: &Fields,
) -> Result<Reply, Refusal> {
    let browser = Browser::of(request);
    let token = waiting_flow(room, request, &browser).ok_or_else(Refusal::no_flow)?;
    let session = room.fresh_session(request).await?.filter(|session| session.recent);
    let Some(session) = session else { return Ok(redirect::see_other(request, PAGE)) };
    browser.require_own_page(&room.auth, token, &session.csrf, fields)?;
    room.auth.grant_flow(request, token, &session.principal).await?;
    let text = "The app will go on by itself in a moment. You can close this page.";
    let reply = room.message(request, "App connected", text);
    Ok(with_cookie(reply, &set_cookie("flow", "", &request.base_url, Some(Duration::ZERO))))
}

/// The flow that this browser opened: its token and its app's name.
pub(super) async fn waiting_app(
    room: &Login,
    request: &Request,
    browser: &Browser,
) -> Result<(String, String), Refusal> {
    let token = waiting_flow(room, request, browser).ok_or_else(Refusal::no_flow)?;
    Ok((token.to_owned(), room.auth.opened_flow(token).await?))
}

/// The token of the flow that this browser opened.
fn waiting_flow<'a>(room: &Login, request: &'a Request, browser: &Browser) -> Option<&'a str> {
    let value = find_cookie(&request.headers, "flow", &request.base_url)?;
    let (token, proof) = value.split_once('.')?;
    browser.opened_flow(&room.auth, token, proof).then_some(token)
}

fn encode(text: &str) -> String {
    let short: String = text.chars().take(255).collect();
    utf8_percent_encode(&short, NON_ALPHANUMERIC).to_string()
}

fn json_reply(value: &serde_json::Value) -> Reply {
    Reply::with_body(StatusCode::OK, "application/json; charset=utf-8", value.to_string())
        .header("cache-control", "no-store")
}
