//! A shipped script with fakes around it, and its events fired one by one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use moonsail_lua::mlua::{Function, Table, Value};
use moonsail_lua::script::{Answer, Kind, Loaded, Returned, Source};
use moonsail_lua::services::{Fakes, HttpAnswer};
use moonsail_lua::{Budget, Data, Grants, Secret, Services, Site, VmLimits};
use serde_json::{Value as Json, json};

const BUDGET: Budget = Budget { cpu: Duration::from_secs(2), wall: Duration::from_secs(10) };

/// Where the scripts are.
pub(crate) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts");

/// The events that shipped scripts may listen to, as the server has them.
const EVENTS: [&str; 17] = [
    "server.load",
    "server.unload",
    "auth.password",
    "auth.token",
    "auth.lookup",
    "login.success",
    "user.load",
    "file.before_upload",
    "file.before_commit",
    "file.before_delete",
    "file.before_move",
    "file.before_copy",
    "file.before_mkdir",
    "capabilities",
    "file.uploaded",
    "file.moved",
    "file.*",
];

/// A script that is loaded.
pub(crate) struct Desk {
    pub(crate) fakes: Fakes,
    pub(crate) loaded: Loaded,
    site: Site,
}

/// Loads `scripts/NAME.lua`; the error is what the administrator would read.
pub(crate) async fn try_load(
    name: &str,
    config: Json,
    allow: &[&str],
    secrets: &[(&str, &str)],
) -> Result<Desk, String> {
    let file = Path::new(FOLDER).join(format!("{name}.lua"));
    let text = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    load_text(name, text, config, allow, secrets).await
}

/// The same with a script of this text.
pub(crate) async fn load_text(
    name: &str,
    text: Vec<u8>,
    config: Json,
    allow: &[&str],
    secrets: &[(&str, &str)],
) -> Result<Desk, String> {
    let (services, fakes) = Services::for_tests();
    let site = Site::new(name, Grants::new(allow.iter().copied()), services);
    let source = Source {
        shown: format!("scripts/{name}.lua"),
        text,
        config: config.into(),
        secrets: secrets.iter().map(|(name, it)| ((*name).into(), (*it).into())).collect(),
        site: site.clone(),
        folder: (FOLDER.into(), "scripts".into()),
        events: Arc::new(|event| match EVENTS.contains(&event) {
            true => Ok(()),
            false => Err(format!("there is no event \"{event}\"")),
        }),
        limits: VmLimits::default(),
    };
    let loaded = source.load().await.map_err(|fault| fault.message)?;
    Ok(Desk { fakes, loaded, site })
}

/// The same, which must work.
pub(crate) async fn load(
    name: &str,
    config: Json,
    allow: &[&str],
    secrets: &[(&str, &str)],
) -> Desk {
    try_load(name, config, allow, secrets).await.unwrap_or_else(|error| panic!("{error}"))
}

impl Desk {
    /// What it has registered: events, then routes.
    pub(crate) fn registered(&self) -> Vec<String> {
        let all = &self.loaded.registered;
        let routes = all.routes.iter().map(|it| format!("{} {}", it.method, it.pattern));
        all.handlers.iter().map(|it| it.event.clone()).chain(routes).collect()
    }

    /// An answer of a server that the script asks next.
    pub(crate) fn answers(&self, start: &str, status: u16, body: &str) {
        let answer = HttpAnswer { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
        self.fakes.http.answer(start, Ok(answer));
    }

    /// The body of the request that the script has sent last.
    pub(crate) fn sent(&self) -> Json {
        let requests = self.fakes.http.requests();
        let body = &requests.last().expect("a request").body;
        serde_json::from_slice(body).expect("JSON")
    }

    fn handler(&self, event: &str) -> &Function {
        let found = self.loaded.registered.handlers.iter().find(|it| it.event == event);
        &found.unwrap_or_else(|| panic!("nobody listens to {event}")).function
    }

    fn table(&self, event: &str, fields: Json) -> Table {
        let mut fields = fields;
        fields["event"] = json!(event);
        match Data::from(fields).to_lua(self.loaded.vm.lua()) {
            Ok(Value::Table(table)) => table,
            other => panic!("no fields: {other:?}"),
        }
    }

    async fn call(&self, function: &Function, argument: Table) -> Returned {
        let values = self.loaded.vm.call(function, argument, BUDGET).await;
        let values = values.unwrap_or_else(|fault| panic!("{}", fault.message));
        Returned::read(&values).expect("an answer")
    }

    /// Fires an event.
    pub(crate) async fn fire(&self, event: &str, fields: Json) -> Returned {
        self.call(self.handler(event), self.table(event, fields)).await
    }

    /// Fires an event whose field `secret` is one.
    pub(crate) async fn login(&self, event: &str, fields: Json, secret: (&str, &str)) -> Returned {
        let table = self.table(event, fields);
        let hidden = Secret::new(secret.0, secret.1, &self.site);
        table.raw_set(secret.0, hidden).expect("a field");
        self.call(self.handler(event), table).await
    }

    /// Fires `file.before_commit` for a file with this content.
    pub(crate) async fn commit(&self, path: &str, content: &[u8]) -> Returned {
        let event = "file.before_commit";
        let table = self.table(event, json!({ "path": path, "size": content.len() }));
        let content = content.to_vec();
        let read = move |lua: &moonsail_lua::mlua::Lua, (offset, count): (usize, usize)| {
            let rest = content.get(offset..).unwrap_or_default();
            lua.create_string(&rest[..count.min(rest.len())])
        };
        let read = self.loaded.vm.lua().create_function(read).expect("a function");
        table.raw_set("read", read).expect("a field");
        self.call(self.handler(event), table).await
    }

    /// Asks a route as `user`: status, headers and JSON of the answer.
    pub(crate) async fn ask(
        &self,
        route: &str,
        user: &str,
        request: Json,
    ) -> (u16, Vec<(String, Data)>, Json) {
        let mut fields =
            json!({ "user": user, "params": {}, "query": {}, "header": {}, "body": "" });
        for (name, value) in request.as_object().expect("an object") {
            fields[name] = value.clone();
        }
        if !fields["body"].is_string() {
            fields["body"] = json!(fields["body"].to_string());
        }
        let routes = &self.loaded.registered.routes;
        let found = routes.iter().find(|it| format!("{} {}", it.method, it.pattern) == route);
        let function = &found.unwrap_or_else(|| panic!("no route {route}")).function;
        match self.call(function, self.table("http.route", fields)).await {
            Returned::Answer(Answer { kind: Kind::Respond, data }) => {
                let status = match data.get("status") {
                    Some(Data::Int(status)) => u16::try_from(*status).expect("a status"),
                    other => panic!("{other:?}"),
                };
                let headers = data.get("headers").and_then(Data::fields).unwrap_or_default();
                let body = data.get("body").and_then(Data::bytes).unwrap_or(b"null");
                let body = serde_json::from_slice(body).expect("JSON");
                (status, headers.to_vec(), body)
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The kind of an answer.
pub(crate) fn kind(returned: &Returned) -> Kind {
    match returned {
        Returned::Answer(answer) => answer.kind,
        Returned::Values(values) => panic!("no answer: {values:?}"),
    }
}

/// What came with it, as JSON.
pub(crate) fn data(returned: &Returned) -> Json {
    match returned {
        Returned::Answer(answer) => Json::try_from(&answer.data).expect("JSON"),
        Returned::Values(values) => panic!("no answer: {values:?}"),
    }
}
