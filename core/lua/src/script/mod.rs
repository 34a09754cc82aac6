//! A script file in a VM: its module `moon`, what its top level has registered, and its answers.
//!
//! | part | what it holds |
//! |---|---|
//! | [`register`] | `moon.on`, `moon.route`, `moon.every` |
//! | [`answer`] | `moon.ok`, `moon.deny` and the other answers |
//! | [`dialect`] | what other Luas have and Luau has not |

pub mod answer;
pub mod dialect;
pub mod doc;
pub mod register;

use std::path::PathBuf;
use std::time::Duration;

use mlua::{Lua, Table, Value};

pub use answer::{Answer, Kind, Returned};
use register::Register;
pub use register::{Access, EventCheck, Handler, OnError, Registered, Route, Timer, duration};

use crate::context;
use crate::data::Data;
use crate::error::{Fault, Trouble};
use crate::modules::MODULES;
use crate::secret::Secret;
use crate::site::Site;
use crate::vm::{Library, Vm, VmLimits};

/// A script as it is to be loaded.
pub struct Source {
    /// What messages call the file: `scripts/auth.lua`.
    pub shown: String,
    /// Its text.
    pub text: Vec<u8>,
    /// Its section `[script.config]`.
    pub config: Data,
    /// Its secrets by name, as `moon.secret` gives them.
    pub secrets: Vec<(String, String)>,
    /// Its name, and what it may do.
    pub site: Site,
    /// The folder that it requires files from, and what messages call it.
    pub folder: (PathBuf, String),
    /// Which events there are.
    pub events: EventCheck,
    /// What its VM may use.
    pub limits: VmLimits,
}

/// A script in a VM of its own.
#[derive(Clone)]
pub struct Loaded {
    /// The VM.
    pub vm: Vm,
    /// What it has registered.
    pub registered: Registered,
    /// The files that it has required.
    pub files: Vec<PathBuf>,
}

impl Source {
    /// Makes a VM and runs the file's top level in it.
    ///
    /// # Errors
    /// [`Fault`] with file and line.
    pub async fn load(&self) -> Result<Loaded, Fault> {
        let vm = Vm::new(self.limits)?;
        let register = Register::open();
        let environment = vm.environment()?;
        let modules = self.modules(vm.lua(), &register);
        let modules = modules.map_err(|error| Fault::new(Trouble::Script, error.to_string()))?;
        let library = Library::new(&self.folder.0, &self.folder.1);
        vm.set_require(&environment, &modules, &library)?;
        let name = self.site.script.clone();
        vm.set_print(move |line| {
            tracing::info!(script = &*name, request = context::current().request_id, "{line}");
        });
        let ran = vm.run(&self.shown, &self.text, &environment).await;
        let registered = register.close();
        library.seal();
        ran?;
        Ok(Loaded { vm, registered, files: library.loaded() })
    }

    /// What the script finds by `require`.
    fn modules(&self, lua: &Lua, register: &Register) -> mlua::Result<Table> {
        let modules = lua.create_table()?;
        for module in MODULES {
            let table = (module.open)(lua, &self.site)?;
            table.set_readonly(true);
            modules.raw_set(module.name, table)?;
        }
        let moon = lua.create_table()?;
        moon.raw_set("null", Value::NULL)?;
        moon.raw_set("script", &*self.site.script)?;
        let config = self.config.to_lua(lua)?;
        if let Value::Table(config) = &config {
            freeze(config)?;
        }
        moon.raw_set("config", config)?;
        answer::add_to(lua, &moon)?;
        register::add_to(lua, &moon, register, &self.events)?;
        moon.raw_set("sleep", lua.create_async_function(sleep)?)?;
        self.add_secret(lua, &moon)?;
        moon.set_readonly(true);
        modules.raw_set("moon", moon)?;
        Ok(modules)
    }

    fn add_secret(&self, lua: &Lua, moon: &Table) -> mlua::Result<()> {
        let (secrets, site) = (self.secrets.clone(), self.site.clone());
        let secret = move |_: &Lua, name: String| match secrets.iter().find(|(it, _)| *it == name) {
            Some((_, value)) => Ok(Secret::new(&name, value.as_str(), &site)),
            None => Err(mlua::Error::runtime(format!(
                "moon.secret: there is no secret '{name}'; add it to [script.secrets] in server.toml, as \
                 {name} = {{ file = \"…\" }} or {{ env = \"…\" }}"
            ))),
        };
        moon.raw_set("secret", lua.create_function(secret)?)
    }
}

fn freeze(table: &Table) -> mlua::Result<()> {
    for pair in table.pairs::<Value, Value>() {
        if let (_, Value::Table(inner)) = pair? {
            freeze(&inner)?;
        }
    }
    table.set_readonly(true);
    Ok(())
}

async fn sleep(_: Lua, time: Value) -> mlua::Result<()> {
    let time = Data::from_lua(&time).ok().as_ref().and_then(duration);
    let wrong = || mlua::Error::runtime("moon.sleep takes a time such as \"500ms\" or \"2s\"");
    tokio::time::sleep(time.filter(|time| *time <= Duration::from_secs(3_600)).ok_or_else(wrong)?)
        .await;
    Ok(())
}
