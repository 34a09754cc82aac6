//! A script in a VM with fakes, for the tests of modules.

use std::sync::Arc;

use mlua::{IntoLua, Lua, MultiValue, Value};

use super::MODULES;
use crate::services::{Fakes, Services};
use crate::site::{Grants, Site};

/// Where a test's code runs, with a plain `require` of the modules.
pub(crate) struct Bench {
    pub(crate) lua: Lua,
    pub(crate) site: Site,
    pub(crate) fakes: Fakes,
}

impl Bench {
    pub(crate) fn new(grants: &[&str]) -> Self {
        let (services, fakes) = Services::for_tests();
        let site = Site::new("test", Grants::new(grants.iter().copied()), services);
        Self::at(site, fakes)
    }

    /// With other services.
    pub(crate) fn with(grants: &[&str], services: Arc<Services>) -> Self {
        let site = Site::new("test", Grants::new(grants.iter().copied()), services);
        Self::at(site, Fakes::default())
    }

    /// Another VM of the same load.
    pub(crate) fn at(site: Site, fakes: Fakes) -> Self {
        let lua = Lua::new();
        let at = site.clone();
        let require = lua
            .create_function(move |lua, name: String| {
                let module = MODULES.iter().find(|it| it.name == name);
                let module =
                    module.ok_or_else(|| mlua::Error::runtime(format!("no module {name}")))?;
                (module.open)(lua, &at)
            })
            .expect("a function");
        lua.globals().set("require", require).expect("a global");
        Self { lua, site, fakes }
    }

    pub(crate) fn set(&self, name: &str, value: impl IntoLua) {
        self.lua.globals().set(name, value).expect("a global");
    }

    pub(crate) async fn try_run(&self, code: &str) -> mlua::Result<MultiValue> {
        self.lua.load(code).set_name("@test.lua").eval_async().await
    }

    #[track_caller]
    pub(crate) fn run(&self, code: &str) -> impl Future<Output = MultiValue> {
        let caller = std::panic::Location::caller();
        async move {
            self.try_run(code).await.unwrap_or_else(|error| panic!("{caller}: {code}: {error}"))
        }
    }

    /// What `code` returns, as `tostring` shows it, with commas.
    pub(crate) async fn text(&self, code: &str) -> String {
        let values = self.run(code).await;
        let shown: Vec<String> = values.iter().map(shown).collect();
        shown.join(", ")
    }

    /// The error that `code` ends with; empty if it has none.
    pub(crate) async fn error(&self, code: &str) -> String {
        self.try_run(code).await.err().map(|error| error.to_string()).unwrap_or_default()
    }

    /// Runs rows of code with what it returns, or with a part of its error.
    #[track_caller]
    pub(crate) fn check<'a>(
        &self,
        module: &str,
        rows: &'a [(&'a str, &'a str)],
    ) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        let short = module.trim_start_matches("moon.");
        let prefix = format!("local {short} = require('{module}') ");
        async move {
            for (code, expected) in rows {
                let code = format!("{prefix}{code}");
                let (got, fits) = match self.try_run(&code).await {
                    Ok(values) => {
                        let shown: Vec<String> = values.iter().map(shown).collect();
                        let shown = shown.join(", ");
                        let fits = shown == *expected;
                        (shown, fits)
                    }
                    Err(error) => {
                        let error = error.to_string();
                        let fits = !expected.is_empty() && error.contains(expected);
                        (error, fits)
                    }
                };
                assert!(fits, "{caller}: {code}\n  got: {got}\n  expected: {expected}");
            }
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => format!("{number}"),
        Value::Integer(number) => format!("{number}"),
        other => other.to_string().unwrap_or_default(),
    }
}
