//! A script that answers requests.

use std::sync::Arc;

use bytes::Bytes;
use moonsail_lua::mlua::{self, Lua, Table};
use moonsail_lua::script::{Access as Asked, Answer as Said, Kind, Returned};
use moonsail_lua::{Data, Fault, Trouble};
use moonsail_sdk::BoxFuture;
use moonsail_sdk::auth;
use moonsail_sdk::http::{Access, Answer, Call, Head, HttpApp, HttpError, Route};
use moonsail_sdk::stream::{ByteStream, Whole};

use super::answer::{NoAnswer, response};
use super::argument::common;
use super::generation::{Generation, Place, Question};
use super::slot::Slot;

/// The field that becomes the message of an OCS envelope (`docs/extend/routes.md`).
const MESSAGE_FIELD: &str = "ocs-message";

/// The routes of one generation. What was found by its routes is answered by it: in the one after it
/// the same number may be a route that only administrators may ask.
struct Routes {
    slot: Arc<Slot>,
    generation: Arc<Generation>,
}

/// A script as who answers requests, if it does.
pub(super) fn app(slot: &Arc<Slot>) -> Option<Arc<dyn HttpApp>> {
    let generation = slot.current();
    let has = !generation.registered().registered.routes.is_empty();
    has.then(|| Arc::new(Routes { slot: Arc::clone(slot), generation }) as _)
}

impl HttpApp for Routes {
    fn routes(&self) -> Vec<Route> {
        let loaded = self.generation.registered();
        let route = |route: &moonsail_lua::script::Route| {
            let base = if route.ocs { "/ocs/v2.php/apps" } else { "/apps" };
            Route {
                method: route.method.clone(),
                pattern: format!("{base}/{}{}", self.slot.name(), route.pattern),
                access: match route.access {
                    Asked::None => Access::None,
                    Asked::User => Access::User,
                    Asked::Admin => Access::Admin,
                },
                max_body: route.max_body,
            }
        };
        loaded.registered.routes.iter().map(route).collect()
    }

    fn handle(
        &self,
        call: Call,
        head: Head,
        body: Box<dyn ByteStream>,
    ) -> BoxFuture<'_, Result<Answer, HttpError>> {
        Box::pin(async move {
            let (slot, generation) = (&self.slot, &self.generation);
            let loaded = generation.registered();
            let number = usize::try_from(head.route).unwrap_or(usize::MAX);
            let Some(route) = loaded.registered.routes.get(number) else {
                return Err(HttpError::Failed("there is no such route".to_owned()));
            };
            let body = whole(body, route.max_body).await?;
            let event = if route.ocs { "ocs.route" } else { "http.route" };
            let question = Question {
                place: Place::Route(number),
                request_id: &call.request_id,
                event,
                background: false,
            };
            let asked =
                auth::Call { request_id: call.request_id.clone(), remote_ip: call.remote_ip };
            let argument = |lua: &Lua| request(lua, event, &asked, &call, &head, &body);
            let returned = slot.ask(generation, &question, argument).await;
            let returned = returned.map_err(|fault| match fault.trouble {
                Trouble::Wall | Trouble::Memory => HttpError::Unavailable(fault.message),
                _ => HttpError::Failed(fault.message),
            })?;
            answer(returned, route.ocs).map_err(|why| match why {
                NoAnswer::Later(why) => HttpError::Unavailable(why),
                NoAnswer::Wrong(why) => {
                    let message = format!("{}:{}: {why}", generation.shown(), route.line);
                    slot.failed(
                        event,
                        &call.request_id,
                        &Fault::new(Trouble::Script, message.clone()),
                    );
                    HttpError::Failed(message)
                }
            })
        })
    }
}

/// The body, which the route has bounded.
async fn whole(mut body: Box<dyn ByteStream>, most: u64) -> Result<Vec<u8>, HttpError> {
    let mut all = Vec::new();
    if most == 0 {
        return Ok(all);
    }
    while let Some(piece) = body.next().await? {
        all.extend_from_slice(&piece);
    }
    Ok(all)
}

fn request(
    lua: &Lua,
    event: &str,
    asked: &auth::Call,
    call: &Call,
    head: &Head,
    body: &[u8],
) -> mlua::Result<Table> {
    let table = common(lua, event, asked)?;
    table.raw_set("method", head.method.as_str())?;
    table.raw_set("path", head.path.as_str())?;
    table.raw_set("query", query(lua, &head.query)?)?;
    table.raw_set("query_string", head.query.as_str())?;
    let params = lua.create_table()?;
    for (name, value) in &head.params {
        params.raw_set(name.as_str(), value.as_str())?;
    }
    table.raw_set("params", params)?;
    let header = lua.create_table()?;
    for (name, value) in &head.fields {
        header.raw_set(name.as_str(), lua.create_string(value)?)?;
    }
    table.raw_set("header", header)?;
    table.raw_set("body", lua.create_string(body)?)?;
    table.raw_set("user", call.user.as_deref())?;
    table.raw_set("display_name", call.display_name.as_str())?;
    table.raw_set("admin", call.admin)?;
    table.raw_set("base_url", call.base_url.as_str())?;
    Ok(table)
}

/// The query's fields by name; of a name that is there twice, the last one.
fn query(lua: &Lua, query: &str) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let text = |part: &str| {
        let part = part.replace('+', " ");
        percent_encoding::percent_decode_str(&part).decode_utf8_lossy().into_owned()
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        table.raw_set(text(name), text(value))?;
    }
    Ok(table)
}

/// Whether the answer is one that a route may give.
pub(super) fn judge(event: &str, returned: Returned) -> Result<(), NoAnswer> {
    answer(returned, event == "ocs.route").map(drop)
}

fn answer(returned: Returned, ocs: bool) -> Result<Answer, NoAnswer> {
    let wrong = |text: String| Err(NoAnswer::Wrong(text));
    match returned {
        Returned::Answer(Said { kind: Kind::Respond, data }) => {
            let response = response(&data)?;
            if !(200..=599).contains(&response.status) {
                return wrong(format!("status {} is no answer: 200 to 599 are", response.status));
            }
            let length = response.body.len() as u64;
            let fields = response
                .headers
                .into_iter()
                .map(|(name, value)| (name, value.into_bytes()))
                .collect();
            let body = Whole::boxed(Bytes::from(response.body));
            Ok(Answer { status: response.status, fields, length: Some(length), body })
        }
        Returned::Answer(Said { kind: Kind::Ocs, data }) if ocs => envelope(&data),
        Returned::Answer(Said { kind: Kind::Deny, data }) => {
            let status = match data.get("status") {
                Some(Data::Int(status @ 400..=599)) => u16::try_from(*status).unwrap_or(403),
                _ => 403,
            };
            let text = data.get("message").and_then(Data::text).unwrap_or_default();
            Ok(match ocs {
                true => Answer::full(status, "", "").with(MESSAGE_FIELD, one_line(text)),
                false => Answer::full(status, "text/plain; charset=utf-8", text.to_owned()),
            })
        }
        Returned::Answer(Said { kind: Kind::Tempfail, data }) => {
            let why = data.get("message").and_then(Data::text).unwrap_or_default();
            Err(NoAnswer::Later(why.to_owned()))
        }
        Returned::Answer(Said { kind: Kind::Next, .. }) => Ok(Answer::full(404, "", "")),
        Returned::Answer(answer) => {
            wrong(format!("returned {}, which a route does not take", answer.kind.name()))
        }
        Returned::Values(values) => {
            let kind = values.first().map_or("nothing", Data::kind);
            wrong(format!("returned a {kind}; return moon.respond{{ status, headers, body }}"))
        }
    }
}

/// `moon.ocs{ data = …, status = 200, message = "OK" }`: what goes into the envelope, which the server
/// makes in the format that the client wants.
fn envelope(data: &Data) -> Result<Answer, NoAnswer> {
    for (name, _) in data.fields().unwrap_or_default() {
        if !["data", "status", "message"].contains(&name.as_str()) {
            let why =
                format!("moon.ocs: there is no field '{name}'; there are data, status, message");
            return Err(NoAnswer::Wrong(why));
        }
    }
    let status = match data.get("status") {
        None => 200,
        Some(Data::Int(status @ 200..=599)) => u16::try_from(*status).unwrap_or(500),
        Some(_) => return Err(NoAnswer::Wrong("moon.ocs: status must be 200 to 599".to_owned())),
    };
    let inner = data.get("data").cloned().unwrap_or(Data::List(Vec::new()));
    let inner = serde_json::Value::try_from(&inner).map_err(NoAnswer::Wrong)?;
    let answer = Answer::full(status, "application/json; charset=utf-8", inner.to_string());
    Ok(match data.get("message").map(Data::text) {
        None => answer,
        Some(Some(message)) => answer.with(MESSAGE_FIELD, one_line(message)),
        Some(None) => {
            return Err(NoAnswer::Wrong("moon.ocs: message must be a string".to_owned()));
        }
    })
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
