//! What the top level of a script registers: handlers, routes, timers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mlua::{Function, Lua, Table, Value};

use crate::data::Data;

/// What becomes of an event when a handler fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// It is refused.
    Deny,
    /// The handler counts as without an opinion.
    Allow,
}

/// A handler, by `moon.on`.
#[derive(Debug, Clone)]
pub struct Handler {
    /// The event, or a family (`file.*`).
    pub event: String,
    /// Higher ones are asked first.
    pub priority: i32,
    /// The most it may take, waiting included; `None` for what the event's class says.
    pub timeout: Option<Duration>,
    /// What its errors mean; `None` for what the event's class says.
    pub on_error: Option<OnError>,
    /// The line of `moon.on`.
    pub line: usize,
    /// What is called.
    pub function: Function,
}

/// Who may ask a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    None,
    /// Whoever is logged in.
    User,
    /// Administrators.
    Admin,
}

/// A route, by `moon.route`.
#[derive(Debug, Clone)]
pub struct Route {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// Below `/apps/<script>`, or below `/ocs/v2.php/apps/<script>` if `ocs`: `/notes/{id}`.
    pub pattern: String,
    /// Whether it answers OCS.
    pub ocs: bool,
    /// Who may ask.
    pub access: Access,
    /// The largest body in bytes.
    pub max_body: u64,
    /// The most it may take, waiting included.
    pub timeout: Option<Duration>,
    /// The line of `moon.route`.
    pub line: usize,
    /// What is called.
    pub function: Function,
}

/// A timer, by `moon.every`.
#[derive(Debug, Clone)]
pub struct Timer {
    /// How often it runs.
    pub every: Duration,
    /// The line of `moon.every`.
    pub line: usize,
    /// What is called.
    pub function: Function,
}

/// All that a script has registered.
#[derive(Debug, Clone, Default)]
pub struct Registered {
    /// Handlers, in order.
    pub handlers: Vec<Handler>,
    /// Routes, in order.
    pub routes: Vec<Route>,
    /// Timers, in order.
    pub timers: Vec<Timer>,
}

impl Registered {
    /// What must be the same in each VM of a script, to say so if it is not.
    pub fn shape(&self) -> Vec<String> {
        let handlers = self.handlers.iter().map(|it| format!("{} at line {}", it.event, it.line));
        let routes = self
            .routes
            .iter()
            .map(|it| format!("{} {} at line {}", it.method, it.pattern, it.line));
        let timers = self.timers.iter().map(|it| format!("timer at line {}", it.line));
        handlers.chain(routes).chain(timers).collect()
    }
}

/// Whether an event may be listened to; the error says what was perhaps meant.
pub type EventCheck = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// Where registrations are collected, while the top level runs.
#[derive(Clone, Default)]
pub(super) struct Register(Arc<Mutex<Option<Registered>>>);

impl Register {
    pub(super) fn open() -> Self {
        Self(Arc::new(Mutex::new(Some(Registered::default()))))
    }

    /// Ends the registration.
    pub(super) fn close(&self) -> Registered {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }

    fn add(&self, what: &str, add: impl FnOnce(&mut Registered)) -> mlua::Result<()> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(open) => add(open),
            None => {
                return Err(refusal(format!("{what} only counts at the top level of a script")));
            }
        }
        Ok(())
    }
}

fn refusal(text: impl Into<String>) -> mlua::Error {
    mlua::Error::runtime(text.into())
}

/// The line of the script that called the function of ours that is running.
fn line(lua: &Lua) -> usize {
    lua.inspect_stack(1, |debug| debug.current_line()).flatten().unwrap_or_default()
}

/// The options of a call, each known one once.
struct Options<'a> {
    what: &'static str,
    fields: Vec<(String, Data)>,
    known: &'a [&'static str],
}

impl<'a> Options<'a> {
    fn read(
        what: &'static str,
        table: Option<&Table>,
        known: &'a [&'static str],
    ) -> mlua::Result<Self> {
        let data = match table {
            None => Data::List(Vec::new()),
            Some(table) => Data::from_lua(&Value::Table(table.clone()))
                .map_err(|got| refusal(format!("{what}: the options have {got}")))?,
        };
        let fields = data.fields().map(<[_]>::to_vec);
        let fields = fields.ok_or_else(|| refusal(format!("{what}: options are named")))?;
        for (name, _) in &fields {
            if !known.contains(&name.as_str()) {
                let known = known.join(", ");
                return Err(refusal(format!(
                    "{what}: there is no option '{name}'; there are {known}"
                )));
            }
        }
        Ok(Self { what, fields, known })
    }

    fn get(&self, name: &str) -> Option<&Data> {
        debug_assert!(self.known.contains(&name), "a known option");
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    fn wrong(&self, name: &str, wanted: &str, got: &Data) -> mlua::Error {
        let got = got.text().map_or_else(|| got.kind().to_owned(), |text| format!("\"{text}\""));
        refusal(format!("{}: option '{name}' must be {wanted}, got {got}", self.what))
    }

    fn int(
        &self,
        name: &str,
        wanted: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> mlua::Result<Option<i64>> {
        match self.get(name) {
            None => Ok(None),
            Some(Data::Int(value)) if range.contains(value) => Ok(Some(*value)),
            Some(other) => Err(self.wrong(name, wanted, other)),
        }
    }

    fn time(&self, name: &str) -> mlua::Result<Option<Duration>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let time = duration(value).filter(|time| !time.is_zero());
        time.map(Some)
            .ok_or_else(|| self.wrong(name, "a time such as \"500ms\", \"5s\" or \"10m\"", value))
    }

    fn one_of<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> mlua::Result<Option<T>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let found = choices.iter().find(|(word, _)| value.text() == Some(word));
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        found.map(|(_, it)| Some(*it)).ok_or_else(|| self.wrong(name, &words.join(" or "), value))
    }
}

/// A span of time: a number of seconds, or text such as `500ms`, `1h30m`.
pub fn duration(value: &Data) -> Option<Duration> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "so many seconds are refused")]
        Data::Int(secs) => crate::duration::from_seconds(*secs as f64),
        Data::Number(secs) => crate::duration::from_seconds(*secs),
        Data::Text(text) => crate::duration::parse(text),
        _ => None,
    }
}

/// Adds the functions that register to `moon`.
pub(super) fn add_to(
    lua: &Lua,
    moon: &Table,
    register: &Register,
    check: &EventCheck,
) -> mlua::Result<()> {
    let (to, check) = (register.clone(), Arc::clone(check));
    let on = move |lua: &Lua, (event, second, third): (Value, Value, Value)| {
        let (options, function) =
            with_options("moon.on(event, [options,] function)", second, third)?;
        let event = named("moon.on", "the event", &event)?;
        check(&event).map_err(|why| refusal(format!("moon.on: {why}")))?;
        let options =
            Options::read("moon.on", options.as_ref(), &["priority", "timeout", "on_error"])?;
        let priority =
            options.int("priority", "a whole number from -1000 to 1000", -1000..=1000)?;
        if priority.is_some() && event.starts_with("auth.") {
            return Err(refusal(
                "moon.on: logins are asked in the order of auth.chain, without priorities",
            ));
        }
        let handler = Handler {
            event,
            priority: priority.and_then(|it| i32::try_from(it).ok()).unwrap_or(0),
            timeout: options.time("timeout")?,
            on_error: options
                .one_of("on_error", &[("deny", OnError::Deny), ("allow", OnError::Allow)])?,
            line: line(lua),
            function,
        };
        to.add("moon.on", |all| all.handlers.push(handler))
    };
    moon.raw_set("on", lua.create_function(on)?)?;
    let to = register.clone();
    let route = move |lua: &Lua, (method, pattern, third, fourth): (Value, Value, Value, Value)| {
        let (options, function) =
            with_options("moon.route(method, pattern, [options,] function)", third, fourth)?;
        let known = ["auth", "max_body", "timeout", "ocs"];
        let options = Options::read("moon.route", options.as_ref(), &known)?;
        let access = [("none", Access::None), ("user", Access::User), ("admin", Access::Admin)];
        let max_body = options.int("max_body", "bytes, at most 8 MiB", 0..=8 << 20)?;
        let ocs = match options.get("ocs") {
            None => false,
            Some(Data::Bool(ocs)) => *ocs,
            Some(other) => return Err(options.wrong("ocs", "true or false", other)),
        };
        let method = named("moon.route", "the method", &method)?;
        let takes_body = matches!(method.as_str(), "POST" | "PUT" | "PATCH");
        let usual = if takes_body { 1 << 20 } else { 0 };
        let route = Route {
            pattern: named("moon.route", "the pattern", &pattern)?,
            ocs,
            access: options.one_of("auth", &access)?.unwrap_or(Access::User),
            max_body: max_body.and_then(|it| u64::try_from(it).ok()).unwrap_or(usual),
            timeout: options.time("timeout")?,
            line: line(lua),
            method,
            function,
        };
        to.add("moon.route", |all| all.routes.push(route))
    };
    moon.raw_set("route", lua.create_function(route)?)?;
    let to = register.clone();
    let every = move |lua: &Lua, (time, function): (Value, Function)| {
        let time = Data::from_lua(&time).ok().as_ref().and_then(duration);
        let Some(every) = time.filter(|time| *time >= Duration::from_secs(1)) else {
            return Err(refusal("moon.every: the time must be at least \"1s\", such as \"5m\""));
        };
        let timer = Timer { every, line: line(lua), function };
        to.add("moon.every", |all| all.timers.push(timer))
    };
    moon.raw_set("every", lua.create_function(every)?)
}

fn with_options(
    what: &str,
    second: Value,
    third: Value,
) -> mlua::Result<(Option<Table>, Function)> {
    match (second, third) {
        (Value::Function(function), Value::Nil) => Ok((None, function)),
        (Value::Table(options), Value::Function(function)) => Ok((Some(options), function)),
        (one, other) => {
            Err(refusal(format!("{what}: got {} and {}", one.type_name(), other.type_name())))
        }
    }
}

fn named(what: &str, argument: &str, value: &Value) -> mlua::Result<String> {
    match value {
        Value::String(text) => Ok(text.to_str()?.to_owned()),
        other => {
            Err(refusal(format!("{what}: {argument} must be a string, got {}", other.type_name())))
        }
    }
}
