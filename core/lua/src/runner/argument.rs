//! The table that a handler gets, from plain data.

use std::sync::Arc;

use mlua::{Lua, Table, Value};

use crate::data::Data;
use crate::secret::Secret;
use crate::site::Site;

/// Fields that the server hands over as secrets.
const SECRET: [&str; 4] = ["password", "token", "old", "new"];

/// The fields that every event has, if `given` does not say otherwise, and those of `given`. Of logins,
/// passwords and tokens become secrets. `content` becomes `read` and `sha256`.
pub(super) fn table(lua: &Lua, site: &Site, event: &str, given: &Data) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("event", event)?;
    table.raw_set("id", "test")?;
    #[expect(clippy::cast_precision_loss, reason = "Luau has no other numbers")]
    table.raw_set("time", site.services.clock.millis() as f64 / 1000.0)?;
    table.raw_set("remote_ip", "192.0.2.1")?;
    for (name, value) in given.fields().unwrap_or_default() {
        let is_secret = event.starts_with("auth.") && SECRET.contains(&name.as_str());
        match value.bytes() {
            Some(text) if is_secret => {
                table.raw_set(name.as_str(), Secret::new(name, text, site))?;
            }
            Some(content) if name == "content" && event == "file.before_commit" => {
                add_content(lua, &table, content)?;
            }
            _ => table.raw_set(name.as_str(), without_nulls(lua, value)?)?,
        }
    }
    Ok(table)
}

/// A null of an event is nil in a handler, at every depth.
fn without_nulls(lua: &Lua, value: &Data) -> mlua::Result<Value> {
    let Some(fields) = value.fields().filter(|fields| !fields.is_empty()) else {
        return value.to_lua(lua);
    };
    let table = lua.create_table()?;
    for (name, value) in fields {
        table.raw_set(name.as_str(), without_nulls(lua, value)?)?;
    }
    Ok(Value::Table(table))
}

fn add_content(lua: &Lua, table: &Table, content: &[u8]) -> mlua::Result<()> {
    let content: Arc<[u8]> = content.into();
    let from = Arc::clone(&content);
    let read = move |lua: &Lua, (offset, count): (usize, Option<usize>)| {
        let rest = from.get(offset..).unwrap_or_default();
        lua.create_string(&rest[..rest.len().min(count.unwrap_or(1 << 20).min(1 << 20))])
    };
    table.raw_set("read", lua.create_function(read)?)?;
    let sha256 =
        move |_: &Lua, ()| Ok(hex::encode(ring::digest::digest(&ring::digest::SHA256, &content)));
    table.raw_set("sha256", lua.create_function(sha256)?)
}
