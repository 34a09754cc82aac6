//! A plugin as everything but an authenticator or a storage.

use moonsail_sdk::BoxFuture;
use moonsail_sdk::auth::Call;
use moonsail_sdk::capabilities::{DynCapabilityProvider, Patch, UserView};
use moonsail_sdk::error::Error;
use moonsail_sdk::events::{self, Delivered, EventSink};
use moonsail_sdk::hooks::{Decision, DynHooks, Event, Interest};
use moonsail_sdk::http::{self, Answer, Head, HttpApp, HttpError, Route};
use moonsail_sdk::preview::{NoPicture, Picture, Previewer, Types, Wanted};
use moonsail_sdk::stream::ByteStream;

use super::{CLOSED, Slot};

impl DynCapabilityProvider for Slot {
    fn contribute<'a>(
        &'a self,
        call: &'a Call,
        user: Option<&'a UserView>,
        base_json: &'a str,
    ) -> BoxFuture<'a, Result<Patch, Error>> {
        let provider = self.part(|offered| &offered.capabilities);
        Box::pin(async move {
            match &provider {
                Some(provider) => provider.contribute(call, user, base_json).await,
                None => Err(Error::unavailable(CLOSED)),
            }
        })
    }
}

impl DynHooks for Slot {
    fn interest(&self) -> Vec<Interest> {
        let hooks = self.part(|offered| &offered.hooks);
        hooks.map(|hooks| hooks.interest()).unwrap_or_default()
    }

    fn before<'a>(
        &'a self,
        call: &'a Call,
        event: &'a Event,
    ) -> BoxFuture<'a, Result<Decision, Error>> {
        let hooks = self.part(|offered| &offered.hooks);
        Box::pin(async move {
            match &hooks {
                Some(hooks) => hooks.before(call, event).await,
                None => Err(Error::unavailable(CLOSED)),
            }
        })
    }
}

impl EventSink for Slot {
    fn interest(&self) -> Vec<String> {
        let sink = self.part(|offered| &offered.events);
        sink.map(|sink| sink.interest()).unwrap_or_default()
    }

    fn deliver(&self, events: Vec<events::Event>) -> BoxFuture<'_, Delivered> {
        let sink = self.part(|offered| &offered.events);
        Box::pin(async move {
            match &sink {
                Some(sink) => sink.deliver(events).await,
                None => Delivered::RetryAfter(std::time::Duration::ZERO),
            }
        })
    }
}

impl HttpApp for Slot {
    fn routes(&self) -> Vec<Route> {
        let app = self.part(|offered| &offered.http);
        app.map(|app| app.routes()).unwrap_or_default()
    }

    fn handle(
        &self,
        call: http::Call,
        head: Head,
        body: Box<dyn ByteStream>,
    ) -> BoxFuture<'_, Result<Answer, HttpError>> {
        let app = self.part(|offered| &offered.http);
        Box::pin(async move {
            match &app {
                Some(app) => app.handle(call, head, body).await,
                None => Err(HttpError::Unavailable(CLOSED.to_owned())),
            }
        })
    }
}

impl Previewer for Slot {
    fn types(&self) -> Types {
        let previewer = self.part(|offered| &offered.preview);
        previewer.map(|previewer| previewer.types()).unwrap_or_default()
    }

    fn render(
        &self,
        file: Box<dyn ByteStream>,
        wanted: Wanted,
    ) -> BoxFuture<'_, Result<Picture, NoPicture>> {
        let previewer = self.part(|offered| &offered.preview);
        Box::pin(async move {
            match &previewer {
                Some(previewer) => previewer.render(file, wanted).await,
                None => Err(NoPicture::Unavailable(CLOSED.to_owned())),
            }
        })
    }
}
