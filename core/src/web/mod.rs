//! Pages and small endpoints of the browser and of connectivity checks.
//!
//! | Path (most also below `/index.php`)  | Answer | Source |
//! |--------------------------------------|--------|--------|
//! | `/`                                  | 200 page, never 401: the desktop would give up on login flow v2 | clients.md §4 |
//! | `/status.php`                        | 200 JSON | clients.md §3 |
//! | `/204`                               | 204, no redirect | clients.md §3 |
//! | `/.well-known/caldav`, `carddav`     | 301 to the DAV root | trace `server-discovery` |
//! | `/.well-known/webfinger`, `nodeinfo` | 404 JSON | the same |
//! | `/ocs-provider/`                     | 200 JSON | the same |
//! | `/csrftoken`                         | 200 JSON | the same |
//! | `/robots.txt`, `/static/…`, icon     | 200    | |
//! | anything else                        | 404: a page if HTML is accepted, else a line | |

mod assets;
mod discovery;

use std::sync::Arc;

use http::{Method, StatusCode};
use minijinja::context;

use crate::auth::{Access, Auth};
use crate::config::Theme;
use crate::pages::{FormTargets, Pages, without_body};
use crate::wire::{Reply, Request};

/// What every path here takes.
const METHODS: &str = "GET, HEAD, OPTIONS";

/// The web room. It takes every path that is no other room's.
pub struct Web {
    auth: Arc<Auth>,
    pages: Pages,
}

impl Web {
    /// A room that asks `auth` who has a session.
    pub fn new(auth: Arc<Auth>) -> Self {
        let pages = Pages::new(&[
            ("landing", include_str!("templates/landing.html")),
            ("missing", include_str!("templates/missing.html")),
        ]);
        Self { auth, pages }
    }

    /// The same room in a server that its owner has named.
    #[must_use]
    pub fn called(mut self, theme: &Theme) -> Self {
        self.pages.call(&theme.name, &theme.slogan, theme.url.as_deref());
        self
    }

    /// Answers a request.
    pub async fn handle(&self, request: Request) -> Reply {
        let full = request.uri.path();
        let path = full.strip_prefix("/index.php").unwrap_or(full).to_owned();
        match request.method {
            Method::GET => self.get(&request, &path).await,
            Method::HEAD => without_body(self.get(&request, &path).await),
            Method::OPTIONS => Reply::empty(StatusCode::OK).header("allow", METHODS),
            _ => Reply::empty(StatusCode::METHOD_NOT_ALLOWED).header("allow", METHODS),
        }
    }

    async fn get(&self, request: &Request, path: &str) -> Reply {
        match path {
            "/" | "" => self.landing(request).await,
            "/status.php" => discovery::status(),
            "/204" => Reply::empty(StatusCode::NO_CONTENT),
            "/.well-known/caldav" | "/.well-known/carddav" => discovery::to_dav(request),
            "/.well-known/webfinger" => {
                discovery::unsupported(r#"{"message":"webfinger not supported"}"#)
            }
            "/.well-known/nodeinfo" => {
                discovery::unsupported(r#"{"message":"nodeinfo not supported"}"#)
            }
            "/ocs-provider" | "/ocs-provider/" => discovery::ocs_provider(),
            // The apps' "open in browser" and the desktop's menu lead there.
            "/apps/files" | "/apps/files/" => Reply::empty(StatusCode::SEE_OTHER)
                .header("location", format!("{}/", request.base_url)),
            "/csrftoken" => self.csrf_token(request).await,
            "/robots.txt" => assets::robots(),
            _ => assets::find(path).unwrap_or_else(|| self.missing(request)),
        }
    }

    async fn landing(&self, request: &Request) -> Reply {
        // Without an index the page is still true; who is logged in can wait.
        let session = self.auth.session(request).await.ok().flatten();
        let token = session.as_ref().and_then(|principal| match &principal.access {
            Access::Session { csrf, .. } => Some(csrf.as_str()),
            _ => None,
        });
        let values = context! {
            url => &*request.base_url,
            name => session.as_ref().map(|principal| principal.display_name.as_str()),
            uid => session.as_ref().map(|principal| principal.uid.as_str()),
            token,
        };
        let base = &request.base_url;
        self.pages.reply(StatusCode::OK, base, "Your files", "landing", values, FormTargets::Own)
    }

    /// What scripts of a page send back with each change; of use to who has a session.
    async fn csrf_token(&self, request: &Request) -> Reply {
        let session = self.auth.session(request).await.ok().flatten();
        let token = match session.map(|principal| principal.access) {
            Some(Access::Session { csrf, .. }) => csrf,
            _ => crate::ids::random_token(43),
        };
        let body = serde_json::json!({ "token": token }).to_string();
        Reply::with_body(StatusCode::OK, "application/json; charset=utf-8", body)
            .header("cache-control", "no-store")
    }

    fn missing(&self, request: &Request) -> Reply {
        let html = request.header("accept").is_some_and(|accept| accept.contains("text/html"));
        if !html {
            let text = "Not found.\n";
            return Reply::with_body(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", text)
                .header("cache-control", "no-store");
        }
        let base = &request.base_url;
        let forms = FormTargets::Own;
        self.pages.reply(StatusCode::NOT_FOUND, base, "Not found", "missing", context! {}, forms)
    }
}
