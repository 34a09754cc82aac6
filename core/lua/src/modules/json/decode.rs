//! JSON as values of scripts, made in the VM as they are read, so that its memory limit holds.

use std::cell::Cell;
use std::fmt;

use mlua::{Lua, LuaSerdeExt, Value};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::encode::{DEPTH, MOST};

/// The value of a text.
///
/// # Errors
/// In a sentence, if it is no JSON.
pub(crate) fn decode(lua: &Lua, text: &[u8]) -> Result<Value, String> {
    if text.len() > MOST {
        return Err(format!("too large: at most {MOST} bytes"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let depth = Cell::new(0);
    let value = Seed { lua, depth: &depth }.deserialize(&mut deserializer);
    let value = value.map_err(|error| error.to_string())?;
    deserializer.end().map_err(|error| error.to_string())?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    lua: &'a Lua,
    depth: &'a Cell<usize>,
}

impl Seed<'_> {
    fn deeper<E: serde::de::Error>(&self) -> Result<(), E> {
        self.depth.set(self.depth.get() + 1);
        match self.depth.get() > DEPTH {
            true => Err(E::custom(format_args!("nested more than {DEPTH} deep"))),
            false => Ok(()),
        }
    }

    fn up(&self) {
        self.depth.set(self.depth.get() - 1);
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::NULL)
    }

    fn visit_bool<E>(self, it: bool) -> Result<Value, E> {
        Ok(Value::Boolean(it))
    }

    fn visit_i64<E>(self, it: i64) -> Result<Value, E> {
        Ok(Value::Number(it as f64))
    }

    fn visit_u64<E>(self, it: u64) -> Result<Value, E> {
        Ok(Value::Number(it as f64))
    }

    fn visit_f64<E>(self, it: f64) -> Result<Value, E> {
        Ok(Value::Number(it))
    }

    fn visit_str<E: serde::de::Error>(self, it: &str) -> Result<Value, E> {
        self.lua.create_string(it).map(Value::String).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.deeper()?;
        let table = self.lua.create_table().map_err(A::Error::custom)?;
        let mut at = 0;
        while let Some(value) = items.next_element_seed(self)? {
            at += 1;
            table.raw_set(at, value).map_err(A::Error::custom)?;
        }
        table.set_metatable(Some(self.lua.array_metatable())).map_err(A::Error::custom)?;
        self.up();
        Ok(Value::Table(table))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        self.deeper()?;
        let table = self.lua.create_table().map_err(A::Error::custom)?;
        while let Some(key) = members.next_key::<String>()? {
            let value = members.next_value_seed(self)?;
            table.raw_set(key, value).map_err(A::Error::custom)?;
        }
        self.up();
        Ok(Value::Table(table))
    }
}
