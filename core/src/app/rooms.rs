//! The rooms, and which of them a request is for.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::Method;
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;

use super::{House, settings};
use crate::apps::Apps;
use crate::config::Settings;
use crate::dav::Dav;
use crate::http::Handler;
use crate::login::Login;
use crate::ocs::Ocs;
use crate::pictures::Pictures;
use crate::web::Web;
use crate::wire::{Reply, Request};

/// The rooms of a house, for a door of somebody else's.
pub fn handler(house: &House, settings: &Settings) -> Arc<dyn Handler> {
    Arc::new(Rooms::new(house, settings))
}

/// All rooms.
pub(super) struct Rooms {
    dav: Dav,
    ocs: Ocs,
    login: Login,
    pictures: Pictures,
    apps: Apps,
    web: Web,
}

impl Rooms {
    /// Furnished from the house's services.
    pub(super) fn new(house: &House, settings: &Settings) -> Self {
        let clock = house.clock.clone();
        let dav = Dav::new(
            Arc::clone(&house.auth),
            house.tree.clone(),
            house.content.clone(),
            settings::dav(settings),
            clock.clone(),
        )
        .mounting(house.mounts.clone())
        .asking(house.bus.clone())
        .showing(house.previews.clone());
        Self {
            dav,
            ocs: Ocs::new(
                Arc::clone(&house.auth),
                Arc::clone(&house.store),
                settings::ocs(settings),
            )
            .extended(Arc::clone(&house.capabilities)),
            login: Login::new(Arc::clone(&house.auth), clock).called(&settings.theme),
            pictures: Pictures::new(
                Arc::clone(&house.auth),
                house.tree.clone(),
                house.content.clone(),
                house.previews.clone(),
            ),
            apps: Apps::new(
                Arc::clone(&house.auth),
                Arc::clone(&house.apps),
                settings.apps.answer_timeout,
            ),
            web: Web::new(Arc::clone(&house.auth)).called(&settings.theme),
        }
    }

    async fn route(&self, request: Request) -> Reply {
        let path = request.uri.path();
        let path = path.strip_prefix("/index.php").unwrap_or(path);
        if path == "/remote.php" || path.starts_with("/remote.php/") {
            self.dav.handle(request).await
        } else if self.apps.owns(path) {
            // No instance has a name that is one of the core's apps.
            self.apps.handle(request).await
        } else if path.starts_with("/ocs/") {
            self.ocs.handle(request).await
        } else if Login::owns(request.uri.path()) {
            self.login.handle(request).await
        } else if Pictures::owns(path) {
            self.pictures.handle(request).await
        } else {
            self.web.handle(request).await
        }
    }
}

impl Handler for Rooms {
    fn handle(&self, request: Request) -> BoxFuture<'_, Reply> {
        Box::pin(self.route(request))
    }

    /// `threats.md` §6: status and 401 stay fast in an overload.
    fn is_cheap(&self, head: &Parts) -> bool {
        let path = head.uri.path();
        let path = path.strip_prefix("/index.php").unwrap_or(path);
        if path == "/status.php" || path == "/204" {
            return matches!(head.method, Method::GET | Method::HEAD);
        }
        // Nobody asks: a 401 without a look at anything.
        let named = head.headers.contains_key(AUTHORIZATION) || head.headers.contains_key(COOKIE);
        path.starts_with("/remote.php/") && !named
    }
}
