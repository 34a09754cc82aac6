//! From an event to the table that a handler gets.

use std::sync::Arc;

use moonsail_lua::Data;
use moonsail_lua::mlua::{self, Lua, Table};
use moonsail_lua::services::{Clock as _, SystemClock};
use sha2::{Digest as _, Sha256};

use crate::hooks::{Call, Content, EVENTS, Fields, Value};

/// Largest piece that a handler reads at once.
const PIECE: usize = 1 << 20;

/// The fields that every argument has.
pub(super) fn common(lua: &Lua, event: &str, call: &Call) -> mlua::Result<Table> {
    let table = lua.create_table_with_capacity(0, 12)?;
    table.raw_set("event", event)?;
    table.raw_set("id", call.request_id.as_str())?;
    #[expect(clippy::cast_precision_loss, reason = "exact for three hundred thousand years")]
    table.raw_set("time", SystemClock.millis() as f64 / 1000.0)?;
    if let Some(ip) = call.remote_ip {
        table.raw_set("remote_ip", ip.to_string())?;
    }
    Ok(table)
}

/// The argument of a hook's event: `node.id` is `ev.node.id`.
pub(super) fn of_event(
    lua: &Lua,
    call: &Call,
    event: &str,
    fields: &Fields,
    content: Option<&Arc<dyn Content>>,
) -> mlua::Result<Table> {
    let table = common(lua, event, call)?;
    // `ev.header["x"]` is no error where there are no header fields at all.
    let spec = EVENTS.iter().find(|spec| spec.name == event);
    for family in spec.into_iter().flat_map(|spec| spec.fields) {
        if let Some(family) = family.name.strip_suffix(".*") {
            table.raw_set(family, lua.create_table()?)?;
        }
    }
    for (name, value) in fields.iter() {
        let value = lua_value(lua, value)?;
        match name.split_once('.') {
            None => table.raw_set(name, value)?,
            Some((outer, inner)) => {
                let nested: Option<Table> = table.raw_get(outer)?;
                let nested = match nested {
                    Some(nested) => nested,
                    None => {
                        let nested = lua.create_table()?;
                        table.raw_set(outer, &nested)?;
                        nested
                    }
                };
                nested.raw_set(inner, value)?;
            }
        }
    }
    if let Some(content) = content {
        add_content(lua, &table, content)?;
    }
    Ok(table)
}

fn lua_value(lua: &Lua, value: &Value) -> mlua::Result<mlua::Value> {
    match value {
        Value::Null => Ok(mlua::Value::Nil),
        Value::Bool(value) => Ok(mlua::Value::Boolean(*value)),
        Value::Int(value) => Data::Int(*value).to_lua(lua),
        Value::Text(text) => Ok(mlua::Value::String(lua.create_string(text)?)),
        Value::List(list) => {
            Ok(mlua::Value::Table(lua.create_sequence_from(list.iter().cloned())?))
        }
    }
}

/// `ev.read(offset, count)` and `ev.sha256()`.
fn add_content(lua: &Lua, table: &Table, content: &Arc<dyn Content>) -> mlua::Result<()> {
    let from = Arc::clone(content);
    let read = move |lua: Lua, (offset, count): (u64, Option<usize>)| {
        let from = Arc::clone(&from);
        async move {
            let count = count.unwrap_or(PIECE).min(PIECE);
            let piece = from.read_at(offset, count).await.map_err(mlua::Error::external)?;
            lua.create_string(&piece)
        }
    };
    table.raw_set("read", lua.create_async_function(read)?)?;
    let from = Arc::clone(content);
    let sha256 = move |_: Lua, ()| {
        let from = Arc::clone(&from);
        async move {
            let (mut hash, mut at) = (Sha256::new(), 0);
            while at < from.size() {
                let piece = from.read_at(at, PIECE).await.map_err(mlua::Error::external)?;
                if piece.is_empty() {
                    break;
                }
                at += piece.len() as u64;
                hash.update(&piece);
                // Hashing is work of ours, not of the script: others get their turn in between.
                tokio::task::yield_now().await;
            }
            Ok(hex::encode(hash.finalize()))
        }
    };
    table.raw_set("sha256", lua.create_async_function(sha256)?)
}
