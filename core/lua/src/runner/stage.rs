//! A script on fakes: loaded as the server loads it, and asked as the server asks.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mlua::{Function, Lua, MultiValue, Table};

use super::{Rules, argument};
use crate::context::{Context, within};
use crate::data::Data;
use crate::error::{Fault, Trouble};
use crate::script::{Loaded, Returned, Route, Source, dialect};
use crate::services::{Fakes, Services};
use crate::site::{Grants, Site};
use crate::vm::{Budget, VmLimits};

/// What a handler may use: what the server allows in the background.
const BUDGET: Budget = Budget { cpu: Duration::from_millis(500), wall: Duration::from_secs(10) };

/// Timers that one jump of the clock runs at most.
const MOST_TICKS: usize = 10_000;

/// A script that is to be put on the stage.
#[derive(Clone, Default)]
pub struct Plan {
    /// The file.
    pub path: PathBuf,
    /// The name it has in `server.toml`.
    pub name: String,
    /// What it may do.
    pub allow: Vec<String>,
    /// `moon.config`.
    pub config: Data,
    /// Secrets by name.
    pub secrets: Vec<(String, String)>,
}

impl Plan {
    /// A file, named by itself, without anything.
    pub fn of(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        Self { path, name: name.unwrap_or_default(), ..Self::default() }
    }
}

/// What a script has said.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// `next`, `ok`, `deny` and so on; `value` for what is no answer of `moon`.
    pub kind: &'static str,
    /// What came with it.
    pub data: Data,
    /// The values of `value`.
    pub values: Vec<Data>,
}

impl Said {
    fn of(returned: Returned) -> Self {
        match returned {
            Returned::Answer(answer) => {
                let kind = answer.kind.name();
                let kind = kind.strip_prefix("moon.").unwrap_or(kind);
                Self { kind, data: answer.data, values: Vec::new() }
            }
            Returned::Values(values) => Self { kind: "value", data: Data::Null, values },
        }
    }

    /// No opinion.
    fn next() -> Self {
        Self { kind: "next", data: Data::Null, values: Vec::new() }
    }

    /// As one table: `kind`, the answer's fields beside it, `value` and `values` of values.
    pub fn to_data(&self) -> Data {
        let mut fields = vec![("kind".to_owned(), Data::Text(self.kind.to_owned()))];
        let beside = self.data.fields().unwrap_or_default().iter();
        fields.extend(beside.filter(|(name, _)| name != "kind").cloned());
        if let Some(first) = self.values.first() {
            fields.push(("value".to_owned(), first.clone()));
            fields.push(("values".to_owned(), Data::List(self.values.clone())));
        }
        Data::Map(fields)
    }
}

/// A script on fakes.
pub struct Stage {
    loaded: Loaded,
    shown: String,
    site: Site,
    fakes: Fakes,
    rules: Arc<dyn Rules>,
    /// When each timer runs next, in milliseconds of the fake clock.
    due: Mutex<Vec<i64>>,
}

impl Stage {
    /// Loads a script, and tells it `server.load`.
    ///
    /// # Errors
    /// [`Fault`] with file and line; of one in another Lua's dialect with what to write instead.
    pub async fn load(
        plan: &Plan,
        services: &Arc<Services>,
        fakes: &Fakes,
        rules: &Arc<dyn Rules>,
    ) -> Result<Self, Fault> {
        let shown = shown(&plan.path);
        let text = std::fs::read(&plan.path)
            .map_err(|error| Fault::new(Trouble::Syntax, format!("{shown}: {error}")))?;
        let folder = plan.path.parent().filter(|path| !path.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        let site = Site::new(&plan.name, Grants::new(plan.allow.clone()), Arc::clone(services));
        let check = Arc::clone(rules);
        let source = Source {
            shown: shown.clone(),
            text,
            // As in the server, where a section that is missing is an empty one.
            config: match &plan.config {
                Data::Null => Data::List(Vec::new()),
                config => config.clone(),
            },
            secrets: plan.secrets.clone(),
            site: site.clone(),
            folder: (folder.clone(), folder.display().to_string()),
            events: Arc::new(move |event| check.check(event)),
            limits: VmLimits::default(),
        };
        let loaded = source.load().await.map_err(|mut fault| {
            let text = String::from_utf8_lossy(&source.text);
            if let Some(advice) = dialect::advice(&text, &fault) {
                fault.message = format!("{}. {advice}", fault.message);
            }
            fault
        })?;
        let now = services.clock.millis();
        let due = loaded.registered.timers.iter().map(|timer| now + millis(timer.every)).collect();
        let (fakes, rules) = (fakes.clone(), Arc::clone(rules));
        let stage = Self { loaded, shown, site, fakes, rules, due: Mutex::new(due) };
        stage.fire("server.load", &Data::Map(vec![("generation".into(), Data::Int(1))])).await?;
        Ok(stage)
    }

    /// What it has registered: events, routes, timers, each with its line.
    pub fn shape(&self) -> Vec<String> {
        self.loaded.registered.shape()
    }

    /// Where it is.
    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// Asks the handlers of an event, as the server does: by priority, until one has an opinion.
    ///
    /// # Errors
    /// [`Fault`]: the script's, there is no such event, or the server would not take the answer.
    pub async fn fire(&self, event: &str, fields: &Data) -> Result<Said, Fault> {
        let known = match event.ends_with('*') {
            false => self.rules.check(event),
            true => Err(format!("\"{event}\" is a family; fire one of its events")),
        };
        known.map_err(|why| Fault::new(Trouble::Script, why))?;
        let mut handlers: Vec<_> = self.loaded.registered.handlers.iter().collect();
        handlers.sort_by_key(|handler| -handler.priority);
        let mut last = Said::next();
        for handler in handlers {
            let is_meant = match handler.event.strip_suffix('*') {
                Some(family) => self.rules.is_change(event) && event.starts_with(family),
                None => handler.event == event,
            };
            if !is_meant {
                continue;
            }
            let make = |lua: &Lua| argument::table(lua, &self.site, event, fields);
            let returned = self.ask(event, &handler.function, handler.timeout, make).await?;
            let user = fields.get("user").and_then(Data::text).unwrap_or_default();
            self.judged(event, user, handler.line, &returned)?;
            let said = Said::of(returned);
            if said.kind != "next" {
                last = said;
                if !self.rules.is_for_all(event) {
                    break;
                }
            }
        }
        Ok(last)
    }

    /// Asks a route: the path is the one below `/apps/<script>`. `fields` may have `query`, `header`,
    /// `body`, `user`, `admin`.
    ///
    /// # Errors
    /// [`Fault`]: the script's, there is no such route, or the server would not take the answer.
    pub async fn request(&self, method: &str, path: &str, fields: &Data) -> Result<Said, Fault> {
        let routes = self.loaded.registered.routes.iter();
        let mut found = routes.filter(|route| route.method == method);
        let found = found.find_map(|route| Some((route, params(&route.pattern, path)?)));
        let Some((route, params)) = found else {
            let why = format!("{}: there is no route {method} {path}", self.shown);
            return Err(Fault::new(Trouble::Script, why));
        };
        let event = event_of(route);
        let mut all = vec![
            ("method".to_owned(), Data::Text(method.to_owned())),
            ("path".to_owned(), Data::Text(path.to_owned())),
            ("params".to_owned(), Data::Map(params)),
            ("query".to_owned(), Data::List(Vec::new())),
            ("header".to_owned(), Data::List(Vec::new())),
            ("body".to_owned(), Data::Text(String::new())),
            ("admin".to_owned(), Data::Bool(false)),
            ("base_url".to_owned(), Data::Text("https://moonsail.example".to_owned())),
        ];
        all.extend(fields.fields().unwrap_or_default().iter().cloned());
        let all = Data::Map(all);
        let make = |lua: &Lua| argument::table(lua, &self.site, event, &all);
        let returned = self.ask(event, &route.function, route.timeout, make).await?;
        self.judged(event, "", route.line, &returned)?;
        Ok(Said::of(returned))
    }

    /// Moves the clock, and runs the timers that are due on the way, each at its time.
    ///
    /// # Errors
    /// [`Fault`] of the first timer that has one.
    pub async fn advance(&self, by: Duration) -> Result<(), Fault> {
        let end = self.site.services.clock.millis() + millis(by);
        for _ in 0..MOST_TICKS {
            let next = {
                let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
                due.iter().copied().enumerate().min_by_key(|(_, at)| *at)
            };
            let Some((number, at)) = next.filter(|(_, at)| *at <= end) else { break };
            let timer = &self.loaded.registered.timers[number];
            self.fakes.clock.set(at);
            self.due.lock().unwrap_or_else(PoisonError::into_inner)[number] =
                at + millis(timer.every);
            let make = |lua: &Lua| argument::table(lua, &self.site, "timer", &Data::Null);
            self.ask("timer", &timer.function, None, make).await?;
        }
        self.fakes.clock.set(end);
        Ok(())
    }

    async fn ask(
        &self,
        event: &str,
        function: &Function,
        timeout: Option<Duration>,
        argument: impl FnOnce(&Lua) -> mlua::Result<Table>,
    ) -> Result<Returned, Fault> {
        let vm = &self.loaded.vm;
        let argument =
            argument(vm.lua()).map_err(|error| Fault::new(Trouble::Script, error.to_string()))?;
        let budget = Budget { wall: timeout.unwrap_or(BUDGET.wall), ..BUDGET };
        let context = Context { request_id: "test".into(), event: event.into(), depth: 0 };
        let read = |_: &Lua, values: MultiValue| {
            Returned::read(&values)
                .map_err(|got| Fault::new(Trouble::Script, format!("{event} returned {got}")))
        };
        let call = vm.call_into(function, argument, budget, read);
        within(Arc::new(context), call).await
    }

    fn judged(
        &self,
        event: &str,
        user: &str,
        line: usize,
        returned: &Returned,
    ) -> Result<(), Fault> {
        let judged = self.rules.judge(event, user, returned);
        let place = |why| format!("{}:{line}: {event}: {why}", self.shown);
        judged.map_err(|why| Fault::new(Trouble::Script, place(why)))
    }
}

fn event_of(route: &Route) -> &'static str {
    if route.ocs { "ocs.route" } else { "http.route" }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}

/// What messages call a file: as short as it was given.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// What the places of a pattern stand for in a path; `None` if it is another path. The last place may
/// end in `*` and then stands for all that is left.
fn params(pattern: &str, path: &str) -> Option<Vec<(String, Data)>> {
    let mut found = Vec::new();
    let mut rest = path.trim_start_matches('/');
    let parts: Vec<&str> = pattern.trim_start_matches('/').split('/').collect();
    for (number, part) in parts.iter().enumerate() {
        let place = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        if let Some(all) = place.and_then(|place| place.strip_suffix('*')) {
            found.push((all.to_owned(), Data::Text(rest.to_owned())));
            return Some(found);
        }
        let is_last = number + 1 == parts.len();
        let (segment, after) = match rest.split_once('/') {
            Some((_, _)) if is_last => return None,
            Some(split) => split,
            None if is_last => (rest, ""),
            None => return None,
        };
        match place {
            Some(_) if segment.is_empty() => return None,
            Some(place) => found.push((place.to_owned(), Data::Text(segment.to_owned()))),
            None if *part == segment => {}
            None => return None,
        }
        rest = after;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_places() {
        for (pattern, path, expected) in [
            ("/notes", "/notes", Some(vec![])),
            ("/notes", "/notes/1", None),
            ("/notes/{id}", "/notes/7", Some(vec![("id", "7")])),
            ("/notes/{id}", "/notes/", None),
            ("/notes/{id}", "/notes", None),
            ("/n/{id}/x", "/n/7/x", Some(vec![("id", "7")])),
            ("/files/{path*}", "/files/a/b", Some(vec![("path", "a/b")])),
        ] {
            let expected = expected.map(|all: Vec<(&str, &str)>| {
                let text = |(name, value): &(&str, &str)| {
                    ((*name).to_owned(), Data::Text((*value).to_owned()))
                };
                all.iter().map(text).collect::<Vec<_>>()
            });
            assert_eq!(params(pattern, path), expected, "{pattern} {path}");
        }
    }
}
