//! The login form and the way out.
//!
//! | Situation                        | Answer |
//! |----------------------------------|--------|
//! | right                            | 303 to the local `redirect_url`, new session |
//! | wrong                            | 403, the form with an error; 401 would need a challenge |
//! | throttled                        | 429 with `Retry-After`, the form says how long |
//! | token of another browser         | 403    |
//! | logout by GET                    | 200, a page that asks; GET changes nothing |

use std::time::Duration;

use http::StatusCode;
use minijinja::context;
use moonsail_sdk::secret::Secret;

use super::browser::{Browser, with_cookie};
use super::refusal::{in_words, with_retry_after};
use super::{Login, LoginForm, Refusal, query, redirect, v1, v2};
use crate::auth::{Access, AuthError, Caller, Principal, same, set_cookie};
use crate::pages::FormTargets;
use crate::proto::form::Fields;
use crate::wire::{Reply, Request, USER_FIELD};

/// How long a browser is remembered as one that has logged in to an account.
const DEVICE_LIFETIME: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// `GET /login`.
pub(super) async fn login_page(room: &Login, request: &Request) -> Result<Reply, Refusal> {
    let fields = query(request)?;
    let redirect = fields.get("redirect_url").and_then(redirect::local_path).unwrap_or_default();
    if room.auth.session(request).await?.is_some() {
        return Ok(onward(request, redirect));
    }
    let browser = Browser::of(request);
    let app = waiting_app(room, request, &browser, redirect).await;
    Ok(room.login_form(
        request,
        &browser,
        LoginForm {
            status: StatusCode::OK,
            app: app.as_deref(),
            error: None,
            wrong: false,
            confirm: false,
            user: fields.get("user").unwrap_or_default(),
            redirect,
        },
    ))
}

/// `POST /login`.
pub(super) async fn login(
    room: &Login,
    request: &Request,
    fields: &Fields,
) -> Result<Reply, Refusal> {
    let browser = Browser::of(request);
    if !browser.owns_form(&room.auth, fields.get("requesttoken").unwrap_or_default()) {
        return Err(Refusal::stale_form());
    }
    let redirect = fields.get("redirect_url").and_then(redirect::local_path).unwrap_or_default();
    let user = fields.get("user").unwrap_or_default();
    let password = Secret::new(fields.get("password").unwrap_or_default());
    match log_in(room, request, user.trim(), &password).await {
        Ok((principal, session)) => {
            let mark = room.auth.device_mark(&principal.uid);
            let device = set_cookie("device", &mark, &request.base_url, Some(DEVICE_LIFETIME));
            let reply = onward(request, redirect).header(USER_FIELD, principal.uid.as_str());
            Ok(with_cookie(with_cookie(reply, &session), &device))
        }
        Err(error) => {
            let app = waiting_app(room, request, &browser, redirect).await;
            let (status, wrong, text) = told(&error);
            let form = LoginForm {
                status,
                app: app.as_deref(),
                error: Some(&text),
                wrong,
                confirm: false,
                user,
                redirect,
            };
            let reply = room.login_form(request, &browser, form);
            Ok(with_retry_after(reply, error.retry_after()))
        }
    }
}

/// Checks the password and opens a session, which fails if the account changed in between.
async fn log_in(
    room: &Login,
    request: &Request,
    user: &str,
    password: &Secret,
) -> Result<(Principal, String), AuthError> {
    let principal = room.auth.login(&Caller::of(request), user, password).await?;
    let session = room.auth.open_session(request, &principal).await?;
    Ok((principal, session))
}

/// Status, whether the fields are to blame, and the text for a login that was refused.
fn told(error: &AuthError) -> (StatusCode, bool, String) {
    let wait = in_words(error.retry_after().unwrap_or(1));
    match error {
        AuthError::Throttled { .. } => (
            StatusCode::TOO_MANY_REQUESTS,
            false,
            format!("Too many tries have failed. Please wait {wait} and try again."),
        ),
        AuthError::Unavailable { .. } => (
            StatusCode::SERVICE_UNAVAILABLE,
            false,
            format!("Logins cannot be checked at the moment. Please try again in {wait}."),
        ),
        AuthError::Refused(denial) => (denial.status, false, denial.message.clone()),
        AuthError::TooLong => {
            (StatusCode::BAD_REQUEST, true, "The password is too long.".to_owned())
        }
        AuthError::Disabled => {
            (StatusCode::FORBIDDEN, false, "This account is disabled.".to_owned())
        }
        AuthError::Expired => (
            StatusCode::FORBIDDEN,
            false,
            "The password has expired. Please change it and log in again.".to_owned(),
        ),
        AuthError::BadCredentials | AuthError::CsrfFailed | AuthError::Malformed => (
            StatusCode::FORBIDDEN,
            true,
            "User name or password is wrong. Please try again.".to_owned(),
        ),
    }
}

/// The app whose flow a login would lead back to.
async fn waiting_app(
    room: &Login,
    request: &Request,
    browser: &Browser,
    redirect: &str,
) -> Option<String> {
    if redirect.contains("/login/v2/flow") {
        v2::waiting_app(room, request, browser).await.ok().map(|(_, app)| app)
    } else if redirect.contains("/login/flow") {
        v1::waiting_app(room, request, browser)
    } else {
        None
    }
}

fn onward(request: &Request, redirect: &str) -> Reply {
    if redirect.is_empty() { redirect::see_other(request, "/") } else { redirect::to(redirect) }
}

/// `GET /logout`.
pub(super) async fn logout_page(room: &Login, request: &Request) -> Result<Reply, Refusal> {
    let Some(principal) = room.auth.session(request).await? else {
        return Ok(room.message(request, "You are logged out", "Nobody is logged in here."));
    };
    let Access::Session { csrf, .. } = &principal.access else { return Err(Refusal::missing()) };
    let values = context! { name => principal.display_name, token => csrf };
    Ok(room.page(StatusCode::OK, request, "Log out", "logout", values, FormTargets::Own))
}

/// `POST /logout`.
pub(super) async fn logout(
    room: &Login,
    request: &Request,
    fields: &Fields,
) -> Result<Reply, Refusal> {
    let redirect = fields.get("redirect_url").and_then(redirect::local_path).unwrap_or_default();
    let Some(principal) = room.auth.session(request).await? else {
        return Ok(onward(request, redirect));
    };
    let Access::Session { csrf, .. } = &principal.access else { return Err(Refusal::missing()) };
    if !fields.get("requesttoken").is_some_and(|sent| same(sent, csrf)) {
        return Err(Refusal::stale_form());
    }
    let removal = room.auth.close_session(request, &principal).await?;
    Ok(with_cookie(onward(request, redirect), &removal))
}
