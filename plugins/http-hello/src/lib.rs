//! Three routes, small enough to copy.
//!
//! | Route                                | Who       | What |
//! |--------------------------------------|-----------|------|
//! | `GET /apps/<name>/hello`, `…/hello/{whom}` | anybody | a greeting |
//! | `POST /apps/<name>/echo`             | users     | the body back, while it comes |
//! | `GET /ocs/v2.php/apps/<name>/me`     | users     | who asks, in the envelope that clients expect |

use std::sync::Arc;

use moonsail_sdk::BoxFuture;
use moonsail_sdk::abi::guest::{Host, Offers, Plugin, PluginError};
use moonsail_sdk::http::{Access, Answer, Call, Head, HttpApp, HttpError, Route};
use moonsail_sdk::stream::ByteStream;
use serde::Deserialize;
use serde_json::json;

/// The plugin's section of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HelloConfig {
    /// The word before the name.
    #[serde(default = "hello")]
    pub greeting: String,
}

fn hello() -> String {
    "Hello".to_owned()
}

/// Answers the three routes.
#[derive(Debug)]
pub struct Hello {
    name: String,
    config: HelloConfig,
}

/// The routes by their number, in the order of [`HttpApp::routes`].
const ECHO: u32 = 2;
const ME: u32 = 3;

impl Hello {
    /// The instance `name`.
    pub fn new(name: &str, config: HelloConfig) -> Self {
        Self { name: name.to_owned(), config }
    }

    fn greet(&self, call: &Call, head: &Head) -> Answer {
        let known = Some(call.display_name.as_str()).filter(|name| !name.is_empty());
        let whom = head.param("whom").or(known).unwrap_or("world");
        Answer::full(
            200,
            "text/plain; charset=utf-8",
            format!("{}, {whom}!\n", self.config.greeting),
        )
    }
}

impl Plugin for Hello {
    type Config = HelloConfig;

    fn create(config: HelloConfig, host: Host) -> Result<Self, PluginError> {
        Ok(Self::new(host.instance_name(), config))
    }

    fn offer(self: &Arc<Self>, offers: &mut Offers) {
        offers.http(Arc::clone(self));
    }
}

moonsail_sdk::export_plugin!(Hello);

impl HttpApp for Hello {
    fn routes(&self) -> Vec<Route> {
        let Self { name, .. } = self;
        vec![
            Route::new("GET", format!("/apps/{name}/hello"), Access::None),
            Route::new("GET", format!("/apps/{name}/hello/{{whom}}"), Access::None),
            Route::new("POST", format!("/apps/{name}/echo"), Access::User).with_body(1 << 40),
            Route::new("GET", format!("/ocs/v2.php/apps/{name}/me"), Access::User),
        ]
    }

    fn handle(
        &self,
        call: Call,
        head: Head,
        body: Box<dyn ByteStream>,
    ) -> BoxFuture<'_, Result<Answer, HttpError>> {
        Box::pin(async move {
            Ok(match head.route {
                ECHO => Answer::streamed(200, "application/octet-stream", body),
                ME => {
                    let me = json!({ "id": call.user, "admin": call.admin }).to_string();
                    Answer::full(200, "application/json", me)
                }
                _ => self.greet(&call, &head),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use moonsail_sdk::stream::{Whole, collect};

    use super::*;

    fn app() -> Hello {
        Hello::new("hi", HelloConfig { greeting: hello() })
    }

    #[test]
    fn routes_lie_below_the_instance() {
        for route in app().routes() {
            let below = ["/apps/hi/", "/ocs/v2.php/apps/hi/"];
            assert!(below.iter().any(|prefix| route.pattern.starts_with(prefix)), "{route:?}");
        }
    }

    #[tokio::test]
    async fn each_route_answers() {
        let alice =
            Call { user: Some("alice".into()), display_name: "Alice".into(), ..Call::default() };
        let whom = vec![("whom".to_owned(), "moon".to_owned())];
        for (route, params, call, expected) in [
            (0, vec![], Call::default(), "Hello, world!\n"),
            (0, vec![], alice.clone(), "Hello, Alice!\n"),
            (1, whom, alice.clone(), "Hello, moon!\n"),
            (2, vec![], alice.clone(), "body"),
            (3, vec![], alice, r#"{"id":"alice","admin":false}"#),
        ] {
            let head = Head { route, params, ..Head::default() };
            let answer = app().handle(call, head, Whole::boxed("body")).await;
            let mut answer = answer.unwrap_or_else(|error| panic!("{route}: {error}"));
            let body = collect(&mut *answer.body, 99).await.unwrap();
            assert_eq!((answer.status, &body[..]), (200, expected.as_bytes()), "{route}");
        }
    }
}
