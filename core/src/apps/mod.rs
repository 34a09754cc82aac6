//! Requests that extensions answer, each below a path of its own.
//!
//! | Path, most also below `/index.php`                  | Whose |
//! |-----------------------------------------------------|-------|
//! | `/apps/<instance>/…`                                | the routes `/apps/<instance>/…` of the extension |
//! | `/ocs/v1.php/apps/<instance>/…`, `/ocs/v2.php/apps/…` | its routes `/ocs/v2.php/apps/<instance>/…` |
//!
//! | Situation                                 | Answer |
//! |-------------------------------------------|--------|
//! | no such instance, or no such route        | 404; an instance that is gone is as one that never was |
//! | the route is known, the method not        | 405 with `Allow` |
//! | login missing where one is wanted         | 401; a browser that asks for a page is sent to log in |
//! | login wrong where one is wanted           | 401 |
//! | no administrator where one is wanted      | 403 |
//! | an app password for reading, or for one folder | 403 for what changes something, or always |
//! | a browser's request that nobody meant     | 412; OCS: also without `OCS-APIRequest` |
//! | body larger than the route takes          | 413, at once if its length is announced |
//! | no answer in time                         | 504 |
//! | the extension says that it cannot now     | 503 with `Retry-After` |
//! | it fails, panics                          | 500 |
//! | it answers what cannot be sent            | 502 |
//!
//! Bodies stream both ways; only answers of OCS routes are read as a whole, since they are put into
//! an envelope.

mod answer;
mod call;
mod mounts;
mod pattern;
mod refusal;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use http::Method;
use moonsail_sdk::http::{Access, Answer, HttpError};
use moonsail_sdk::stream::StreamError;

use crate::auth::{Auth, Principal};
use crate::pages::base_path;
use crate::wire::{Body, Reply, Request, USER_FIELD};
use call::{Incoming, Progress, Target};
use mounts::Found;
use refusal::Refusal;

pub use mounts::{BadRoute, Mounts};

/// The room.
pub struct Apps {
    auth: Arc<Auth>,
    mounts: Arc<Mounts>,
    timeout: Duration,
}

impl Apps {
    /// A room for what is mounted. An extension that does not answer within `timeout` is given up;
    /// while the body of the request arrives, and between two pieces of an answer, the time counts
    /// anew.
    pub fn new(auth: Arc<Auth>, mounts: Arc<Mounts>, timeout: Duration) -> Self {
        Self { auth, mounts, timeout }
    }

    /// Whether a path is below that of an instance that is mounted now.
    pub fn owns(&self, path: &str) -> bool {
        Target::of(path).is_some_and(|target| self.mounts.has(target.instance))
    }

    /// Answers a request below the path of an instance.
    pub async fn handle(&self, request: Request) -> Reply {
        let path = request.uri.path().to_owned();
        let Some(target) = Target::of(&path) else {
            return Refusal::Missing.reply(&request.id, None);
        };
        let voice = target.voice(&request);
        let (id, mut user) = (Arc::clone(&request.id), None);
        let reply = match self.answer(&target, request, &mut user).await {
            Ok(answer) => answer::reply(answer, voice, self.timeout).await,
            Err(refusal) => Err(refusal),
        };
        let reply = reply.unwrap_or_else(|refusal| {
            if let Refusal::Failed(why) | Refusal::BadAnswer(why) | Refusal::Unavailable(why) =
                &refusal
            {
                tracing::error!(app = target.instance, %id, why, "an extension has not answered");
            }
            refusal.reply(&id, voice)
        });
        match user {
            Some(Principal { uid, .. }) => reply.header(USER_FIELD, uid.as_str()),
            None => reply,
        }
    }

    async fn answer(
        &self,
        target: &Target<'_>,
        mut request: Request,
        user: &mut Option<Principal>,
    ) -> Result<Answer, Refusal> {
        let segments = target.segments().ok_or(Refusal::Missing)?;
        let found = self.mounts.find(target, &segments, request.method.as_str())?;
        if target.is_ocs() && !request.is_api_call() {
            return Err(Refusal::NotMeant);
        }
        *user = self.admit(found.access, &request).await?;
        if request.content_length().is_some_and(|length| length > found.max_body) {
            return Err(Refusal::TooLarge);
        }
        let progress = Progress::default();
        let body = std::mem::replace(&mut request.body, Body::from_bytes(""));
        let body = Incoming::new(body, found.max_body, progress.clone());
        let call = call::call(&request, user.as_ref(), self.timeout);
        let head = call::head(&request, &found, target, &segments);
        let Found { app, .. } = found;
        let asked = AssertUnwindSafe(async { app.handle(call, head, Box::new(body)).await });
        let answer = tokio::select! {
            answer = asked.catch_unwind() => answer,
            () = progress.stalled(self.timeout) => return Err(Refusal::TooLate),
        };
        match answer {
            // Whatever it makes of it: the client has sent more than it may.
            _ if progress.is_too_large() => Err(Refusal::TooLarge),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(HttpError::Unavailable(why))) => Err(Refusal::Unavailable(why)),
            Ok(Err(HttpError::Body(StreamError::TooLarge))) => Err(Refusal::TooLarge),
            Ok(Err(HttpError::Body(_))) => Err(Refusal::Cut),
            Ok(Err(HttpError::Failed(why))) => Err(Refusal::Failed(why)),
            Err(_) => Err(Refusal::Failed("it panicked".to_owned())),
        }
    }

    /// Who asks, if they may.
    async fn admit(&self, access: Access, request: &Request) -> Result<Option<Principal>, Refusal> {
        let known = self.auth.authenticate(request).await;
        if access == Access::None {
            // Somebody else's credentials may be for the extension itself, a webhook's for example.
            return Ok(known.unwrap_or(None));
        }
        let Some(principal) = known? else {
            return Err(if wants_page(request) {
                let target = request.uri.path_and_query().map_or("/", |target| target.as_str());
                let target = percent_encoding::utf8_percent_encode(
                    target,
                    percent_encoding::NON_ALPHANUMERIC,
                );
                let base = base_path(&request.base_url);
                Refusal::LogInFirst(format!("{base}/index.php/login?redirect_url={target}"))
            } else {
                Refusal::NotLoggedIn
            });
        };
        if access == Access::Admin && !principal.admin {
            return Err(Refusal::NotAdmin);
        }
        if principal.access.folder().is_some() {
            return Err(Refusal::OneFolder);
        }
        let reads = matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if !reads && !principal.may_write() {
            return Err(Refusal::ReadOnly);
        }
        Ok(Some(principal))
    }
}

/// Whether a browser asks for something to show.
fn wants_page(request: &Request) -> bool {
    request.method == Method::GET
        && request.header("accept").is_some_and(|accept| accept.contains("text/html"))
        && !request.headers.contains_key(http::header::AUTHORIZATION)
        && !request.is_api_call()
}
