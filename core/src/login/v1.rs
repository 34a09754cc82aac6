//! Login flow v1 (clients.md §6; trace `login-flow-v1-mobile`): an app's web view, which ends at a
//! link that the app takes over.
//!
//! | Situation                               | Answer |
//! |-----------------------------------------|--------|
//! | without `OCS-APIRequest: true`          | 403: a link in a mail cannot send the header |
//! | with it, not logged in lately           | 200, the login form |
//! | with it, logged in                      | 200, the question |
//! | granted                                 | 303 to `nc://login/…` |
//! | grant without this page's tokens        | 403    |
//! | granted before                          | 403    |
//!
//! Web views send the header with the first page only, so the browser keeps a signed note of it.

use std::time::Duration;

use http::StatusCode;
use minijinja::context;

use super::app_link::app_link;
use super::browser::{Browser, with_cookie};
use super::{Login, LoginForm, Refusal, client_name, query, redirect};
use crate::auth::{find_cookie, set_cookie};
use crate::ids::random_token;
use crate::pages::{FormTargets, base_path};
use crate::proto::form::Fields;
use crate::wire::{Reply, Request};

const PAGE: &str = "/index.php/login/flow";

/// `GET /login/flow`.
pub(super) async fn flow_page(room: &Login, request: &Request) -> Result<Reply, Refusal> {
    let browser = Browser::of(request);
    let known = flow(room, request, &browser);
    let from_app =
        request.header("ocs-apirequest").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let (name, cookie) = match known {
        Some(name) => (name.to_owned(), None),
        None if from_app => {
            let name = format!("v1-{}-{}", room.clock.seconds(), random_token(22));
            let value = format!("{name}.{}", browser.flow_proof(&room.auth, &name));
            let lifetime = Some(room.auth.flow_lifetime());
            (name, Some(set_cookie("flow1", &value, &request.base_url, lifetime)))
        }
        None => return Err(Refusal::not_from_app()),
    };
    let session = room.fresh_session(request).await?;
    let app = client_name(request);
    let reply = match session {
        Some(session) if session.recent => {
            let values = context! {
                app,
                name => session.principal.display_name,
                uid => session.principal.uid.as_str(),
                action => PAGE,
                again => PAGE,
                state => browser.state(&room.auth, &name, &session.csrf),
                token => session.csrf,
            };
            let forms = FormTargets::OwnAndApp;
            room.page(StatusCode::OK, request, "Connect an app", "grant", values, forms)
        }
        session => {
            let fields = query(request)?;
            let user = match &session {
                Some(session) => session.principal.uid.as_str(),
                None => fields.get("user").unwrap_or_default(),
            };
            let form = LoginForm {
                status: StatusCode::OK,
                app: Some(&app),
                error: None,
                wrong: false,
                confirm: session.is_some(),
                user,
                redirect: &format!("{}{PAGE}", base_path(&request.base_url)),
            };
            room.login_form(request, &browser, form)
        }
    };
    Ok(match cookie {
        // The form keeps the browser's id by itself, and so does this, for the page without a form.
        Some(cookie) if reply.headers.contains_key("set-cookie") => with_cookie(reply, &cookie),
        Some(cookie) => browser.keep(with_cookie(reply, &cookie), request),
        None => reply,
    })
}

/// `POST /login/flow`.
pub(super) async fn grant(
    room: &Login,
    request: &Request,
    fields: &Fields,
) -> Result<Reply, Refusal> {
    let browser = Browser::of(request);
    let name = flow(room, request, &browser).ok_or_else(Refusal::no_flow)?;
    let session = room.fresh_session(request).await?.filter(|session| session.recent);
    let Some(session) = session else { return Ok(redirect::see_other(request, PAGE)) };
    browser.require_own_page(&room.auth, name, &session.csrf, fields)?;
    let (app, principal) = (client_name(request), &session.principal);
    let password = room.auth.grant_old_flow(request, name, &app, principal).await?;
    let link = app_link(&request.base_url, principal.uid.as_str(), password.reveal());
    let removal = set_cookie("flow1", "", &request.base_url, Some(Duration::ZERO));
    Ok(with_cookie(redirect::to(&link), &removal))
}

/// The app that waits in this browser.
pub(super) fn waiting_app(room: &Login, request: &Request, browser: &Browser) -> Option<String> {
    flow(room, request, browser).map(|_| client_name(request))
}

/// The name of the flow that this browser opened lately: `v1-`, when, and which of that second.
fn flow<'a>(room: &Login, request: &'a Request, browser: &Browser) -> Option<&'a str> {
    let value = find_cookie(&request.headers, "flow1", &request.base_url)?;
    let (name, proof) = value.split_once('.')?;
    let began: i64 = name.strip_prefix("v1-")?.split('-').next()?.parse().ok()?;
    // Anybody can send the cookie: its number is not ours before the proof holds.
    if !browser.opened_flow(&room.auth, name, proof) {
        return None;
    }
    let age = u64::try_from(room.clock.seconds().checked_sub(began)?).ok()?;
    (age < room.auth.flow_lifetime().as_secs()).then_some(name)
}
