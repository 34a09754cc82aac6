//! Login flows v1 and v2 and their pages, the login form, remote wipe.
//!
//! | Path (with or without `/index.php`)     | Method    | File        |
//! |-----------------------------------------|-----------|-------------|
//! | `/login/v2`, `/login/v2/poll`           | POST      | `v2.rs`     |
//! | `/login/v2/flow/TOKEN`, `/login/v2/flow`| GET       | `v2.rs`     |
//! | `/login/v2/grant`                       | POST      | `v2.rs`     |
//! | `/login/flow`                           | GET, POST | `v1.rs`     |
//! | `/login`, `/logout`                     | GET, POST | `form.rs`   |
//! | `/core/wipe/check`, `/core/wipe/success`| POST      | `wipe.rs`   |
//!
//! Who somebody is, and what a flow's state is, `auth` decides; here are the pages and the bytes.

mod app_link;
mod browser;
mod form;
mod redirect;
mod refusal;
mod v1;
mod v2;
mod wipe;

use std::sync::Arc;

use http::{Method, StatusCode};
use minijinja::{Value, context};

use self::browser::Browser;
use self::refusal::Refusal;
use crate::auth::{Access, Auth, Principal};
use crate::clock::Clock;
use crate::config::Theme;
use crate::pages::{FormTargets, Pages, without_body};
use crate::proto::form::Fields;
use crate::wire::{Body, BodyError, Reply, Request};

/// Largest form that is read, in bytes.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// The login room.
pub struct Login {
    auth: Arc<Auth>,
    pages: Pages,
    clock: Clock,
}

impl Login {
    /// A room that asks `auth`.
    pub fn new(auth: Arc<Auth>, clock: Clock) -> Self {
        let pages = Pages::new(&[
            ("login", include_str!("templates/login.html")),
            ("grant", include_str!("templates/grant.html")),
            ("logout", include_str!("templates/logout.html")),
            ("message", include_str!("templates/message.html")),
        ]);
        Self { auth, pages, clock }
    }

    /// The same room in a server that its owner has named.
    #[must_use]
    pub fn called(mut self, theme: &Theme) -> Self {
        self.pages.call(&theme.name, &theme.slogan, theme.url.as_deref());
        self
    }

    /// Whether `path` is one of this room's.
    pub fn owns(path: &str) -> bool {
        Route::of(path).is_some()
    }

    /// Answers a request to a path of this room's.
    pub async fn handle(&self, mut request: Request) -> Reply {
        let base_url = Arc::clone(&request.base_url);
        let head = request.method == Method::HEAD;
        if head {
            request.method = Method::GET;
        }
        let answer = self.route(request, head).await;
        let reply = answer.unwrap_or_else(|refusal| self.refuse(&base_url, refusal));
        if head { without_body(reply) } else { reply }
    }

    async fn route(&self, mut request: Request, head: bool) -> Result<Reply, Refusal> {
        let path = request.uri.path().to_owned();
        let Some(route) = Route::of(&path) else { return Err(Refusal::missing()) };
        let get = request.method == Method::GET;
        if !get && request.method != Method::POST {
            return Ok(method_not_allowed(route));
        }
        let fields = if get { Fields::default() } else { read_fields(&mut request).await? };
        match (route, get) {
            (Route::Start, false) => v2::start(self, &request).await,
            (Route::Poll, false) => v2::poll(self, &request, &fields).await,
            // A preview of the link must not use it up.
            (Route::Open(_), true) if head => Ok(Reply::empty(StatusCode::OK)),
            (Route::Open(token), true) => v2::open(self, &request, token).await,
            (Route::Flow, true) => v2::flow_page(self, &request).await,
            (Route::Grant, true) => Ok(redirect::see_other(&request, "/index.php/login/v2/flow")),
            (Route::Grant, false) => v2::grant(self, &request, &fields).await,
            (Route::OldFlow, true) => v1::flow_page(self, &request).await,
            (Route::OldFlow, false) => v1::grant(self, &request, &fields).await,
            (Route::Form, true) => form::login_page(self, &request).await,
            (Route::Form, false) => form::login(self, &request, &fields).await,
            (Route::Logout, true) => form::logout_page(self, &request).await,
            (Route::Logout, false) => form::logout(self, &request, &fields).await,
            (Route::WipeCheck, false) => wipe::check(self, &fields).await,
            (Route::WipeSuccess, false) => wipe::success(self, &request, &fields).await,
            (Route::Start | Route::Poll | Route::WipeCheck | Route::WipeSuccess, true)
            | (Route::Open(_) | Route::Flow, false) => Ok(method_not_allowed(route)),
        }
    }

    /// The page that asks for a password. `app` is the app that waits for it.
    fn login_form(&self, request: &Request, browser: &Browser, form: LoginForm<'_>) -> Reply {
        let values = context! {
            app => form.app,
            error => form.error,
            wrong => form.wrong,
            confirm => form.confirm,
            user => form.user,
            redirect => form.redirect,
            token => browser.form_token(&self.auth),
        };
        let reply = self.page(form.status, request, "Log in", "login", values, FormTargets::Own);
        browser.keep(reply, request)
    }

    /// A page without a form.
    fn message(&self, request: &Request, heading: &str, text: &str) -> Reply {
        let values = context! { heading, text };
        self.page(StatusCode::OK, request, heading, "message", values, FormTargets::Own)
    }

    fn page(
        &self,
        status: StatusCode,
        request: &Request,
        title: &str,
        template: &str,
        values: Value,
        forms: FormTargets,
    ) -> Reply {
        self.pages.reply(status, &request.base_url, title, template, values, forms)
    }

    fn refuse(&self, base_url: &str, refusal: Refusal) -> Reply {
        let Refusal::Page { status, heading, text, hint, retry_after } = refusal else {
            return refusal.bare();
        };
        let values = context! { heading, text, hint, bad => true };
        let reply =
            self.pages.reply(status, base_url, heading, "message", values, FormTargets::Own);
        refusal::with_retry_after(reply, retry_after)
    }

    /// The session of a browser that logged in a short while ago.
    async fn fresh_session(&self, request: &Request) -> Result<Option<Fresh>, Refusal> {
        let Some(principal) = self.auth.session(request).await? else { return Ok(None) };
        let Access::Session { csrf, .. } = &principal.access else { return Ok(None) };
        let (csrf, recent) = (csrf.clone(), self.auth.is_fresh(&principal));
        Ok(Some(Fresh { principal, csrf, recent }))
    }
}

/// A session and whether its login was a short while ago.
struct Fresh {
    principal: Principal,
    csrf: String,
    recent: bool,
}

/// What the login form shows.
struct LoginForm<'a> {
    status: StatusCode,
    app: Option<&'a str>,
    error: Option<&'a str>,
    /// The fields are to blame for the error.
    wrong: bool,
    confirm: bool,
    user: &'a str,
    redirect: &'a str,
}

/// Paths of this room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'a> {
    Start,
    Poll,
    Open(&'a str),
    Flow,
    Grant,
    OldFlow,
    Form,
    Logout,
    WipeCheck,
    WipeSuccess,
}

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let path = path.strip_prefix("/index.php").unwrap_or(path);
        Some(match path.strip_suffix('/').unwrap_or(path) {
            "/login/v2" => Self::Start,
            "/login/v2/poll" => Self::Poll,
            "/login/v2/flow" => Self::Flow,
            "/login/v2/grant" => Self::Grant,
            "/login/flow" | "/login/flow/grant" => Self::OldFlow,
            "/login" => Self::Form,
            "/logout" => Self::Logout,
            "/core/wipe/check" => Self::WipeCheck,
            "/core/wipe/success" => Self::WipeSuccess,
            other => {
                let token = other.strip_prefix("/login/v2/flow/")?;
                // Anything else in a token is not one; it need not be looked up.
                let good = !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric());
                return good.then_some(Self::Open(token));
            }
        })
    }

    /// Methods for `Allow`.
    fn methods(self) -> &'static str {
        match self {
            Self::Start | Self::Poll | Self::WipeCheck | Self::WipeSuccess => "POST",
            Self::Open(_) | Self::Flow => "GET, HEAD",
            Self::Grant | Self::OldFlow | Self::Form | Self::Logout => "GET, HEAD, POST",
        }
    }
}

fn method_not_allowed(route: Route<'_>) -> Reply {
    Reply::empty(StatusCode::METHOD_NOT_ALLOWED).header("allow", route.methods())
}

/// Query and body of a request as one form. The body is read as a form whatever its type says:
/// iOS sends forms as `application/json`.
async fn read_fields(request: &mut Request) -> Result<Fields, Refusal> {
    let body = std::mem::replace(&mut request.body, Body::from_bytes(""));
    let bytes = body.collect(MAX_FORM_BYTES).await.map_err(|error| match error {
        BodyError::TooLarge => Refusal::Bare(StatusCode::PAYLOAD_TOO_LARGE, None),
        BodyError::TooSlow => Refusal::Bare(StatusCode::REQUEST_TIMEOUT, None),
        BodyError::Cut => Refusal::Bare(StatusCode::BAD_REQUEST, None),
    })?;
    let bad = |_| Refusal::Bare(StatusCode::BAD_REQUEST, None);
    let body = match bytes.first() {
        Some(b'{') => Fields::parse_json(&bytes),
        _ => Fields::parse_form(&bytes),
    };
    query(request)?.merge(body.map_err(bad)?).map_err(bad)
}

/// The query of a request.
fn query(request: &Request) -> Result<Fields, Refusal> {
    Fields::parse_form(request.uri.query().unwrap_or_default().as_bytes())
        .map_err(|_| Refusal::Bare(StatusCode::BAD_REQUEST, None))
}

/// What the app behind a request is called.
fn client_name(request: &Request) -> String {
    crate::proto::user_agent::device_name(request.header("user-agent").unwrap_or_default())
}
