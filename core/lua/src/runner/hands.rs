//! `t`: what a test does things with. The script on the stage has a VM of its own.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use mlua::{Function, Lua, Result, Table, Value};

use super::stage::{Plan, Stage};
use super::{Rules, fakes};
use crate::data::Data;
use crate::error::Fault;
use crate::modules::MODULES;
use crate::script::duration;
use crate::services::{Fakes, Services};
use crate::site::{Grants, Site};

/// What one test has in its hands.
pub(super) struct Hands {
    /// The folder of the test's file.
    pub(super) folder: PathBuf,
    /// The script that the file's first line names.
    pub(super) script: Option<String>,
    pub(super) services: Arc<Services>,
    pub(super) fakes: Fakes,
    pub(super) rules: Arc<dyn Rules>,
    stage: Mutex<Option<Arc<Stage>>>,
}

fn refusal(text: impl Into<String>) -> mlua::Error {
    mlua::Error::runtime(text.into())
}

/// Something on the stage. It has a task of its own, so that what the script's VM does is not counted
/// against the test's.
async fn apart<T: Send + 'static>(
    work: impl Future<Output = std::result::Result<T, Fault>> + Send + 'static,
) -> Result<T> {
    let done = tokio::spawn(work).await.map_err(|error| refusal(error.to_string()))?;
    done.map_err(|fault| refusal(fault.message))
}

impl Hands {
    pub(super) fn new(folder: PathBuf, script: Option<String>, rules: Arc<dyn Rules>) -> Arc<Self> {
        let (services, fakes) = Services::for_tests();
        Arc::new(Self { folder, script, services, fakes, rules, stage: Mutex::default() })
    }

    /// Loads a script, or another one.
    async fn load(&self, path: &str, options: &Data) -> Result<()> {
        let mut plan = Plan::of(self.folder.join(path));
        for (name, value) in options.fields().unwrap_or_default() {
            match (name.as_str(), value) {
                ("name", Data::Text(name)) => plan.name.clone_from(name),
                ("config", config) if config.fields().is_some() => plan.config = config.clone(),
                ("allow", Data::List(list)) => {
                    plan.allow = list.iter().filter_map(Data::text).map(str::to_owned).collect();
                }
                ("secrets", secrets) if secrets.fields().is_some() => {
                    let named = secrets.fields().unwrap_or_default().iter();
                    let text = |(name, value): &(String, Data)| {
                        Some((name.clone(), value.text()?.to_owned()))
                    };
                    plan.secrets = named.filter_map(text).collect();
                }
                (name, value) => {
                    return Err(refusal(format!(
                        "t.script: option '{name}' cannot be a {}; there are name, config, allow, secrets",
                        value.kind()
                    )));
                }
            }
        }
        let (services, fakes) = (Arc::clone(&self.services), self.fakes.clone());
        let rules = Arc::clone(&self.rules);
        let load = async move { Stage::load(&plan, &services, &fakes, &rules).await };
        let stage = apart(load).await?;
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(stage));
        Ok(())
    }

    fn loaded(&self) -> Option<Arc<Stage>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The script on the stage; if there is none yet, the one of the first line.
    async fn stage(&self) -> Result<Arc<Stage>> {
        if self.loaded().is_none() {
            let Some(script) = self.script.clone() else {
                return Err(refusal(
                    "there is no script yet: t.script(\"../my-script.lua\"), or `-- script: \
                     ../my-script.lua` as the file's first line",
                ));
            };
            self.load(&script, &Data::Null).await?;
        }
        self.loaded().ok_or_else(|| refusal("there is no script"))
    }

    /// The table that the test gets.
    pub(super) fn table(self: &Arc<Self>, lua: &Lua) -> Result<Table> {
        let t = lua.create_table()?;
        let hands = Arc::clone(self);
        let script = move |_: Lua, (path, options): (String, Value)| {
            let hands = Arc::clone(&hands);
            async move { hands.load(&path, &data("t.script", &options)?).await }
        };
        t.raw_set("script", lua.create_async_function(script)?)?;
        let hands = Arc::clone(self);
        let fire = move |lua: Lua, (event, fields): (String, Value)| {
            let hands = Arc::clone(&hands);
            async move {
                let fields = data("t.fire", &fields)?;
                let stage = hands.stage().await?;
                let said = apart(async move { stage.fire(&event, &fields).await }).await?;
                said.to_data().to_lua(&lua)
            }
        };
        t.raw_set("fire", lua.create_async_function(fire)?)?;
        let hands = Arc::clone(self);
        let request = move |lua: Lua, (method, path, fields): (String, String, Value)| {
            let hands = Arc::clone(&hands);
            async move {
                let fields = data("t.request", &fields)?;
                let stage = hands.stage().await?;
                let ask = async move { stage.request(&method, &path, &fields).await };
                apart(ask).await?.to_data().to_lua(&lua)
            }
        };
        t.raw_set("request", lua.create_async_function(request)?)?;
        t.raw_set("clock", self.clock(lua)?)?;
        t.raw_set("kv", self.kv(lua)?)?;
        t.raw_set("eq", lua.create_function(equal)?)?;
        t.raw_set("ok", lua.create_function(holds)?)?;
        t.raw_set("fails", fails(lua)?)?;
        fakes::add_to(lua, &t, &self.fakes)?;
        t.set_readonly(true);
        Ok(t)
    }

    fn clock(self: &Arc<Self>, lua: &Lua) -> Result<Table> {
        let clock = lua.create_table()?;
        let fakes = self.fakes.clone();
        let set = move |_: &Lua, time: Value| {
            fakes.clock.set(fakes::time(&time)?);
            Ok(())
        };
        clock.raw_set("set", lua.create_function(set)?)?;
        let hands = Arc::clone(self);
        let advance = move |_: Lua, time: Value| {
            let hands = Arc::clone(&hands);
            async move {
                let time = duration(&data("t.clock.advance", &time)?);
                let time = time.ok_or_else(|| {
                    refusal("t.clock.advance takes a time such as \"5m\" or \"1h30m\"")
                })?;
                match hands.loaded() {
                    Some(stage) => apart(async move { stage.advance(time).await }).await,
                    None => {
                        hands.fakes.clock.advance(time);
                        Ok(())
                    }
                }
            }
        };
        clock.raw_set("advance", lua.create_async_function(advance)?)?;
        Ok(clock)
    }

    /// What the script keeps, by the functions of `moon.kv`.
    fn kv(self: &Arc<Self>, lua: &Lua) -> Result<Table> {
        let Some(module) = MODULES.iter().find(|module| module.name == "moon.kv") else {
            return Err(refusal("there is no moon.kv"));
        };
        let kv = lua.create_table()?;
        for item in module.items {
            let (hands, name, open) = (Arc::clone(self), item.name, module.open);
            let call = move |lua: Lua, values: mlua::MultiValue| {
                let hands = Arc::clone(&hands);
                async move {
                    let script = hands.stage().await?.site().script.clone();
                    let grants = Grants::new(["kv"]);
                    let site = Site::new(&script, grants, Arc::clone(&hands.services));
                    let function: Function = open(&lua, &site)?.raw_get(name)?;
                    function.call_async::<mlua::MultiValue>(values).await
                }
            };
            kv.raw_set(name, lua.create_async_function(call)?)?;
        }
        Ok(kv)
    }
}

pub(super) fn data(what: &str, value: &Value) -> Result<Data> {
    Data::from_lua(value).map_err(|got| refusal(format!("{what}: got {got}")))
}

/// As a failing test shows it.
fn shown(data: &Data) -> String {
    match serde_json::Value::try_from(data) {
        Ok(json) => json.to_string(),
        Err(_) => format!("{data:?}"),
    }
}

/// `t.eq(got, expected, what)`: of tables, all that is in them.
fn equal(_: &Lua, (got, expected, what): (Value, Value, Option<String>)) -> Result<()> {
    let (got, expected) = (data("t.eq", &got)?, data("t.eq", &expected)?);
    if got == expected {
        return Ok(());
    }
    let what = what.map(|what| format!("{what}: ")).unwrap_or_default();
    Err(refusal(format!("{what}expected {}, got {}", shown(&expected), shown(&got))))
}

/// `t.ok(value, what)`.
fn holds(_: &Lua, (value, what): (Value, Option<String>)) -> Result<()> {
    match value {
        Value::Nil | Value::Boolean(false) => {
            Err(refusal(what.unwrap_or_else(|| "expected something that holds".to_owned())))
        }
        _ => Ok(()),
    }
}

/// `t.fails(function, part)`: it fails, and the message has this in it.
fn fails(lua: &Lua) -> Result<Function> {
    let fails = |_: Lua, (function, part): (Function, Option<String>)| async move {
        let part = part.unwrap_or_default();
        match function.call_async::<()>(()).await {
            Ok(()) => Err(refusal("expected an error, got none")),
            Err(error) if error.to_string().contains(&part) => Ok(()),
            Err(error) => Err(refusal(format!("expected an error with \"{part}\", got: {error}"))),
        }
    };
    lua.create_async_function(fails)
}
