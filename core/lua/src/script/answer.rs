//! What handlers answer: typed values that only `moon` makes, so that a stray `true` decides nothing.

use mlua::{Lua, MultiValue, Table, UserData, Value};

use crate::data::Data;

/// Which answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No opinion.
    Next,
    /// It may happen; of logins: the password is right.
    Ok,
    /// It must not happen; of logins: the password is wrong.
    Deny,
    /// It cannot be decided now.
    Tempfail,
    /// The account may not log in.
    Disabled,
    /// The password is right and must be changed.
    Expired,
    /// It happens with other values.
    Replace,
    /// The answer to the request.
    Respond,
    /// The answer to an OCS request.
    Ocs,
}

impl Kind {
    /// How it is written in a script.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Next => "moon.next",
            Self::Ok => "moon.ok",
            Self::Deny => "moon.deny",
            Self::Tempfail => "moon.tempfail",
            Self::Disabled => "moon.disabled",
            Self::Expired => "moon.expired",
            Self::Replace => "moon.replace",
            Self::Respond => "moon.respond",
            Self::Ocs => "moon.ocs",
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Which.
    pub kind: Kind,
    /// What comes with it: fields, or null.
    pub data: Data,
}

impl UserData for Answer {}

/// What a handler returned.
#[derive(Debug, Clone, PartialEq)]
pub enum Returned {
    /// An answer; nothing, `nil` and `moon.next` are [`Kind::Next`].
    Answer(Answer),
    /// Values that are no answer.
    Values(Vec<Data>),
}

impl Returned {
    /// Reads what a call has returned.
    ///
    /// # Errors
    /// What it is instead.
    pub fn read(values: &MultiValue) -> Result<Self, String> {
        match values.front() {
            None | Some(Value::Nil) => {
                Ok(Self::Answer(Answer { kind: Kind::Next, data: Data::Null }))
            }
            Some(Value::UserData(found)) if found.is::<Answer>() => {
                let answer = found.borrow::<Answer>().map_err(|error| error.to_string())?;
                Ok(Self::Answer(answer.clone()))
            }
            Some(_) => {
                Ok(Self::Values(values.iter().map(Data::from_lua).collect::<Result<_, _>>()?))
            }
        }
    }
}

fn answer(kind: Kind, data: Data) -> Answer {
    Answer { kind, data }
}

fn data_of(what: &str, value: &Value) -> mlua::Result<Data> {
    Data::from_lua(value).map_err(|got| mlua::Error::runtime(format!("{what}: got {got}")))
}

/// A message, as the first argument of `what`.
fn message(what: &str, value: &Value) -> mlua::Result<Data> {
    match data_of(what, value)? {
        Data::Text(text) => Ok(Data::Text(text)),
        other => Err(mlua::Error::runtime(format!(
            "{what}: the message must be a string, got {}",
            other.kind()
        ))),
    }
}

fn fields(what: &str, value: &Value) -> mlua::Result<Data> {
    let data = data_of(what, value)?;
    match data.fields() {
        Some(_) => Ok(data),
        None => Err(mlua::Error::runtime(format!(
            "{what} takes a table with fields, got {}",
            data.kind()
        ))),
    }
}

fn map(pairs: impl IntoIterator<Item = (&'static str, Data)>) -> Data {
    Data::Map(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Adds the answers to `moon`.
pub(super) fn add_to(lua: &Lua, moon: &Table) -> mlua::Result<()> {
    for (name, kind) in
        [("next", Kind::Next), ("disabled", Kind::Disabled), ("expired", Kind::Expired)]
    {
        moon.raw_set(name, answer(kind, Data::Null))?;
    }
    let ok = |_: &Lua, given: Value| match given {
        Value::Nil => Ok(answer(Kind::Ok, Data::Null)),
        given => Ok(answer(Kind::Ok, fields("moon.ok", &given)?)),
    };
    moon.raw_set("ok", lua.create_function(ok)?)?;
    let deny = |_: &Lua, (text, status): (Value, Option<u16>)| {
        let text = message("moon.deny", &text)?;
        let status = status.map_or(Data::Null, |status| Data::Int(status.into()));
        Ok(answer(Kind::Deny, map([("message", text), ("status", status)])))
    };
    moon.raw_set("deny", lua.create_function(deny)?)?;
    let tempfail = |_: &Lua, text: Value| {
        Ok(answer(Kind::Tempfail, map([("message", message("moon.tempfail", &text)?)])))
    };
    moon.raw_set("tempfail", lua.create_function(tempfail)?)?;
    let replace =
        |_: &Lua, given: Value| Ok(answer(Kind::Replace, fields("moon.replace", &given)?));
    moon.raw_set("replace", lua.create_function(replace)?)?;
    let block = |_: &Lua, minutes: u32| {
        let secs = Data::Int(i64::from(minutes) * 60);
        Ok(answer(Kind::Replace, map([("block_secs", secs)])))
    };
    moon.raw_set("block", lua.create_function(block)?)?;
    let respond =
        |_: &Lua, given: Value| Ok(answer(Kind::Respond, fields("moon.respond", &given)?));
    moon.raw_set("respond", lua.create_function(respond)?)?;
    let redirect = |_: &Lua, url: Value| {
        let headers = map([("location", message("moon.redirect", &url)?)]);
        Ok(answer(Kind::Respond, map([("headers", headers), ("status", Data::Int(302))])))
    };
    moon.raw_set("redirect", lua.create_function(redirect)?)?;
    let ocs = |_: &Lua, given: Value| Ok(answer(Kind::Ocs, fields("moon.ocs", &given)?));
    moon.raw_set("ocs", lua.create_function(ocs)?)
}
