//! Values that cross between Luau and Rust, without a thread to the VM they come from.

use mlua::{IntoLua, Lua, Table, Value};

/// How deep tables may be nested.
const DEPTH: usize = 32;
/// How many values one answer may have, so that a table that is shared a million times is refused.
const VALUES: usize = 100_000;
/// Largest whole number that a Luau number holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A value.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Data {
    /// `nil`, or `moon.null` where a key is to be there.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Number(f64),
    /// Text in UTF-8.
    Text(String),
    /// A string that is no UTF-8.
    Bytes(Vec<u8>),
    /// A table with the keys 1 to n. An empty table is one, too; [`Data::fields`] takes it.
    List(Vec<Data>),
    /// A table with text for keys, sorted by them.
    Map(Vec<(String, Data)>),
}

impl Data {
    /// What messages call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) | Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::Bytes(_) => "string that is no UTF-8",
            Self::List(_) => "list",
            Self::Map(_) => "table",
        }
    }

    /// The fields of a table; `None` if it is none.
    pub fn fields(&self) -> Option<&[(String, Data)]> {
        match self {
            Self::Map(fields) => Some(fields),
            Self::List(list) if list.is_empty() => Some(&[]),
            _ => None,
        }
    }

    /// A field of a table; `None` if there is no such field.
    pub fn get(&self, name: &str) -> Option<&Data> {
        self.fields()?.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Bytes of a string, whether they are UTF-8 or not.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A copy of a value of a script.
    ///
    /// # Errors
    /// What is no data (functions, userdata, threads), goes round in circles, or is too large.
    pub fn from_lua(value: &Value) -> Result<Self, String> {
        read(value, 0, &mut 0)
    }

    /// The value in a VM.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn to_lua(&self, lua: &Lua) -> mlua::Result<Value> {
        Ok(match self {
            Self::Null => Value::Nil,
            Self::Bool(value) => Value::Boolean(*value),
            #[expect(clippy::cast_precision_loss, reason = "Luau has no other numbers")]
            Self::Int(value) => Value::Number(*value as f64),
            Self::Number(value) => Value::Number(*value),
            Self::Text(text) => text.as_str().into_lua(lua)?,
            Self::Bytes(bytes) => Value::String(lua.create_string(bytes)?),
            Self::List(list) => {
                let table = lua.create_table_with_capacity(list.len(), 0)?;
                for value in list {
                    table.raw_push(value.to_lua_inside(lua)?)?;
                }
                Value::Table(table)
            }
            Self::Map(fields) => {
                let table = lua.create_table_with_capacity(0, fields.len())?;
                for (name, value) in fields {
                    table.raw_set(name.as_str(), value.to_lua_inside(lua)?)?;
                }
                Value::Table(table)
            }
        })
    }

    /// In a table a nil would be no entry at all.
    fn to_lua_inside(&self, lua: &Lua) -> mlua::Result<Value> {
        match self {
            Self::Null => Ok(Value::NULL),
            other => other.to_lua(lua),
        }
    }
}

impl From<serde_json::Value> for Data {
    fn from(json: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => Self::Int(int),
                (None, Some(float)) => Self::Number(float),
                (None, None) => Self::Text(number.to_string()),
            },
            Json::String(text) => Self::Text(text),
            Json::Array(list) => Self::List(list.into_iter().map(Into::into).collect()),
            Json::Object(fields) => {
                Self::Map(fields.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
        }
    }
}

impl TryFrom<&Data> for serde_json::Value {
    type Error = String;

    /// Numbers that JSON has not and strings that are no UTF-8 are refused.
    fn try_from(data: &Data) -> Result<Self, String> {
        Ok(match data {
            Data::Null => Self::Null,
            Data::Bool(value) => Self::Bool(*value),
            Data::Int(value) => Self::from(*value),
            Data::Number(value) => serde_json::Number::from_f64(*value)
                .map(Self::Number)
                .ok_or_else(|| format!("{value} is no number of JSON"))?,
            Data::Text(text) => Self::from(text.as_str()),
            Data::Bytes(_) => return Err("a string that is no UTF-8 is none of JSON".to_owned()),
            Data::List(list) => {
                Self::Array(list.iter().map(Self::try_from).collect::<Result<_, _>>()?)
            }
            Data::Map(fields) => {
                let field = |(name, value): &(String, Data)| {
                    Ok::<_, String>((name.clone(), Self::try_from(value)?))
                };
                Self::Object(fields.iter().map(field).collect::<Result<_, _>>()?)
            }
        })
    }
}

fn read(value: &Value, depth: usize, count: &mut usize) -> Result<Data, String> {
    *count += 1;
    if *count > VALUES {
        return Err(format!("a table with more than {VALUES} values"));
    }
    Ok(match value {
        value if value.is_null() => Data::Null,
        Value::Nil => Data::Null,
        Value::Boolean(value) => Data::Bool(*value),
        Value::Integer(value) => Data::Int(*value),
        Value::Number(value) => number(*value),
        Value::String(text) => match text.to_str() {
            Ok(text) => Data::Text(text.to_owned()),
            Err(_) => Data::Bytes(text.as_bytes().to_vec()),
        },
        Value::Table(_) if depth == DEPTH => {
            return Err(format!("tables nested more than {DEPTH} deep"));
        }
        Value::Table(table) => table_of(table, depth + 1, count)?,
        other => return Err(format!("a {}", other.type_name())),
    })
}

#[expect(clippy::cast_possible_truncation, reason = "whole and within the exact range")]
fn number(value: f64) -> Data {
    match value.fract() == 0.0 && value.abs() <= EXACT {
        true => Data::Int(value as i64),
        false => Data::Number(value),
    }
}

/// Read raw, so no code of the script runs.
fn table_of(table: &Table, depth: usize, count: &mut usize) -> Result<Data, String> {
    let length = table.raw_len();
    let mut list = Vec::new();
    let mut fields: Vec<(String, Data)> = Vec::new();
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair.map_err(|error| error.to_string())?;
        match key {
            Value::String(name) => {
                let name = name.to_str().map_err(|_| "a key that is no UTF-8".to_owned())?;
                let value = read(&value, depth, count);
                let value = value.map_err(|what| format!("{what} in field '{name}'"))?;
                fields.push((name.to_owned(), value));
            }
            Value::Integer(_) | Value::Number(_) if fields.is_empty() => {
                list.push(read(&value, depth, count)?);
            }
            Value::Integer(_) | Value::Number(_) => {
                return Err("a table with both numbers and names for keys".to_owned());
            }
            other => return Err(format!("a table with a {} for a key", other.type_name())),
        }
    }
    match (list.is_empty(), fields.is_empty()) {
        (true, false) => {
            fields.sort_by(|one, other| one.0.cmp(&other.0));
            Ok(Data::Map(fields))
        }
        (_, true) if list.len() == length => in_order(table, length, depth, count),
        (_, true) => Err("a list with holes in it".to_owned()),
        (false, false) => Err("a table with both numbers and names for keys".to_owned()),
    }
}

/// Pairs need not come in the order of the keys.
fn in_order(table: &Table, length: usize, depth: usize, count: &mut usize) -> Result<Data, String> {
    *count = count.saturating_sub(length);
    let mut list = Vec::with_capacity(length);
    for at in 1..=length {
        let value: Value = table.raw_get(at).map_err(|error| error.to_string())?;
        list.push(read(&value, depth, count)?);
    }
    Ok(Data::List(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eval(source: &str) -> Result<Data, String> {
        let lua = Lua::new();
        lua.globals().set("null", Value::NULL).unwrap();
        Data::from_lua(&lua.load(source).eval::<Value>().unwrap())
    }

    #[test]
    fn what_is_data_comes_over() {
        let map = |fields: &[(&str, Data)]| {
            Data::Map(
                fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            )
        };
        for (source, expected) in [
            ("nil", Data::Null),
            ("null", Data::Null),
            ("'012345'", Data::Text("012345".into())),
            ("'\\255'", Data::Bytes(vec![255])),
            ("3", Data::Int(3)),
            ("3.5", Data::Number(3.5)),
            ("2^60", Data::Int(1 << 60)),
            ("2^70", Data::Number(2f64.powi(70))),
            ("{}", Data::List(vec![])),
            ("{1, 'a'}", Data::List(vec![Data::Int(1), Data::Text("a".into())])),
            (
                "{b = true, a = {x = null}}",
                map(&[("a", map(&[("x", Data::Null)])), ("b", Data::Bool(true))]),
            ),
        ] {
            assert_eq!(eval(source), Ok(expected), "{source}");
        }
    }

    #[test]
    fn what_is_none_is_refused_by_name() {
        for (source, why) in [
            ("{1, a = 2}", "both numbers and names"),
            ("{a = print}", "a function in field 'a'"),
            ("{[{}] = 1}", "a table for a key"),
            ("{[3] = 1}", "holes"),
            ("(function() local t = {} t.t = t return t end)()", "more than 32 deep"),
        ] {
            let error = eval(source).unwrap_err();
            assert!(error.contains(why), "{source}: {error}");
        }
    }

    #[test]
    fn a_shared_table_is_no_bomb() {
        let source = "local t = {} for i = 1, 20 do t = {t, t, t, t} end return t";
        assert!(eval(source).unwrap_err().contains("more than 100000 values"));
    }

    #[test]
    fn what_goes_in_comes_back() {
        let lua = Lua::new();
        let json = serde_json::json!({"a": [1, "x", {"b": null}], "c": false, "d": 1.5});
        let data = Data::from(json.clone());
        let back = Data::from_lua(&data.to_lua(&lua).unwrap()).unwrap();
        assert_eq!(serde_json::Value::try_from(&back).unwrap(), json);
    }
}
