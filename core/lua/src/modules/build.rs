//! Making a module's table.

use std::future::Future;
use std::sync::Arc;

use mlua::{FromLuaMulti, IntoLua, IntoLuaMulti, Lua, MultiValue, Result, Table};

use super::args::Args;
use crate::site::Site;

/// A module's table while it is filled.
pub(crate) struct Builder<'a> {
    lua: &'a Lua,
    site: &'a Site,
    module: &'static str,
    table: Table,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(lua: &'a Lua, site: &'a Site, module: &'static str) -> Result<Self> {
        Ok(Self { lua, site, module, table: lua.create_table()? })
    }

    fn call(&self, name: &str) -> Arc<str> {
        format!("{}.{name}", self.module).into()
    }

    /// A function that answers at once.
    pub(crate) fn function<R: IntoLuaMulti>(
        self,
        name: &str,
        work: impl Fn(&Lua, &Site, Args) -> Result<R> + Send + Sync + 'static,
    ) -> Result<Self> {
        let (call, site) = (self.call(name), self.site.clone());
        let function = self.lua.create_function(move |lua, values: MultiValue| {
            work(lua, &site, Args::new(&call, values))
        })?;
        self.value(name, function)
    }

    /// A function that may wait.
    pub(crate) fn waiting<R, F>(
        self,
        name: &str,
        work: impl Fn(Lua, Site, Args) -> F + Send + Sync + 'static,
    ) -> Result<Self>
    where
        R: IntoLuaMulti,
        F: Future<Output = Result<R>> + Send + 'static,
    {
        let (call, site) = (self.call(name), self.site.clone());
        let function = self.lua.create_async_function(move |lua, values: MultiValue| {
            work(lua, site.clone(), Args::new(&call, values))
        })?;
        self.value(name, function)
    }

    /// Anything else.
    pub(crate) fn value(self, name: &str, value: impl IntoLua) -> Result<Self> {
        self.table.raw_set(name, value)?;
        Ok(self)
    }

    /// The table, as it is.
    pub(crate) fn table(self) -> Table {
        self.table
    }
}

/// An expected failure: nil, and why.
pub(crate) fn failed<T: FromLuaMulti>(lua: &Lua, problem: impl AsRef<str>) -> Result<T> {
    T::from_lua_multi((mlua::Nil, problem.as_ref()).into_lua_multi(lua)?, lua)
}

/// `Ok` as it is, `Err` as nil and why.
pub(crate) fn or_failed(
    lua: &Lua,
    answer: std::result::Result<impl IntoLua, impl AsRef<str>>,
) -> Result<MultiValue> {
    match answer {
        Ok(value) => value.into_lua_multi(lua),
        Err(problem) => failed(lua, problem),
    }
}
