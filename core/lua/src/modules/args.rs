//! What a function was given, read with errors that name the function, the parameter, what is
//! expected and what came. Nothing is coerced: an id `"012345"` stays a text, and a number where a text is
//! due is an error.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mlua::{Error, LuaString, MultiValue, Result, Table, Value};
use zeroize::Zeroizing;

use crate::duration;
use crate::secret::Secret;

/// The arguments of one call, taken in order.
pub(crate) struct Args {
    call: Arc<str>,
    values: VecDeque<Value>,
}

impl Args {
    pub(crate) fn new(call: &Arc<str>, values: MultiValue) -> Self {
        Self { call: Arc::clone(call), values: values.into_iter().collect() }
    }

    /// The same, of a function without a name of its own yet.
    pub(crate) fn of(call: &str, values: MultiValue) -> Self {
        Self::new(&Arc::from(call), values)
    }

    /// The next argument; nil where there is none.
    pub(crate) fn take(&mut self, name: &str) -> Given {
        let value = self.values.pop_front().unwrap_or(Value::Nil);
        Given { call: Arc::clone(&self.call), name: name.to_owned(), value }
    }

    /// An error of this call: `moon.kv.set: …`.
    pub(crate) fn error(&self, problem: impl std::fmt::Display) -> Error {
        Error::runtime(format!("{}: {problem}", self.call))
    }

    /// What the call is called.
    pub(crate) fn call(&self) -> &Arc<str> {
        &self.call
    }
}

/// An argument, or a field of one.
pub(crate) struct Given {
    call: Arc<str>,
    name: String,
    value: Value,
}

/// What a value is, for error texts.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::UserData(it) if it.is::<Secret>() => "a secret",
        Value::Integer(_) => "number",
        Value::LightUserData(_) => "null",
        other => other.type_name(),
    }
}

impl Given {
    pub(crate) fn wrong(&self, expected: &str) -> Error {
        let Self { call, name, value } = self;
        Error::runtime(format!(
            "{call}: parameter '{name}' must be {expected}, got {}",
            kind(value)
        ))
    }

    /// An error about a value of the right type.
    pub(crate) fn bad(&self, problem: impl std::fmt::Display) -> Error {
        Error::runtime(format!("{}: parameter '{}' {problem}", self.call, self.name))
    }

    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    /// A value inside of it.
    pub(crate) fn field(&self, name: &str, value: Value) -> Self {
        Self { call: Arc::clone(&self.call), name: format!("{}.{name}", self.name), value }
    }

    pub(crate) fn into_value(self) -> Value {
        self.value
    }

    /// `None` for nil.
    pub(crate) fn or_none(self) -> Option<Self> {
        (!self.value.is_nil()).then_some(self)
    }

    /// A string of any bytes.
    pub(crate) fn bytes(&self) -> Result<LuaString> {
        match &self.value {
            Value::String(text) => Ok(text.clone()),
            _ => Err(self.wrong("a string")),
        }
    }

    /// A string in UTF-8.
    pub(crate) fn text(&self) -> Result<String> {
        let bytes = self.bytes()?;
        match bytes.to_str() {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(self.bad("is not UTF-8")),
        }
    }

    /// A string, or a secret.
    pub(crate) fn sensitive(&self) -> Result<Zeroizing<Vec<u8>>> {
        if let Value::UserData(data) = &self.value
            && let Ok(secret) = data.borrow::<Secret>()
        {
            return Ok(Zeroizing::new(secret.reveal().to_vec()));
        }
        match &self.value {
            Value::String(text) => Ok(Zeroizing::new(text.as_bytes().to_vec())),
            _ => Err(self.wrong("a string or a secret")),
        }
    }

    pub(crate) fn boolean(&self) -> Result<bool> {
        match self.value {
            Value::Boolean(it) => Ok(it),
            _ => Err(self.wrong("a boolean")),
        }
    }

    /// A finite number.
    pub(crate) fn number(&self) -> Result<f64> {
        match self.value {
            Value::Integer(it) => Ok(it as f64),
            Value::Number(it) if it.is_finite() => Ok(it),
            Value::Number(_) => Err(self.bad("is not finite")),
            _ => Err(self.wrong("a number")),
        }
    }

    /// A whole number within these bounds.
    pub(crate) fn integer(&self, least: i64, most: i64) -> Result<i64> {
        match self.value {
            Value::Integer(it) if (least..=most).contains(&it) => Ok(it),
            Value::Integer(_) | Value::Number(_) => {
                Err(self.bad(format!("must be a whole number from {least} to {most}")))
            }
            _ => Err(self.wrong("a number")),
        }
    }

    /// A number that counts something, at most `most`.
    pub(crate) fn count(&self, most: usize) -> Result<usize> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Ok(usize::try_from(self.integer(1, most)?).unwrap_or(1))
    }

    /// Seconds, or a text such as `"5m"`.
    pub(crate) fn duration(&self) -> Result<Duration> {
        let span = match &self.value {
            Value::String(_) => duration::parse(&self.text()?),
            Value::Integer(_) | Value::Number(_) => duration::from_seconds(self.number()?),
            _ => return Err(self.wrong("seconds or a string such as \"5m\"")),
        };
        span.ok_or_else(|| {
            self.bad("is no span of time: write seconds, or \"250ms\", \"5m\", \"1h30m\"")
        })
    }

    pub(crate) fn table(&self) -> Result<Table> {
        match &self.value {
            Value::Table(table) => Ok(table.clone()),
            _ => Err(self.wrong("a table")),
        }
    }

    /// One string, or a list of them.
    pub(crate) fn texts(&self) -> Result<Vec<String>> {
        match &self.value {
            Value::String(_) => Ok(vec![self.text()?]),
            Value::Table(table) => {
                let mut texts = Vec::new();
                for at in 1..=table.raw_len() {
                    let name = format!("{}[{at}]", self.name);
                    let given =
                        Self { call: Arc::clone(&self.call), name, value: table.raw_get(at)? };
                    texts.push(given.text()?);
                }
                let pairs = table.pairs::<Value, Value>().count();
                match pairs == texts.len() {
                    true => Ok(texts),
                    false => Err(self.bad("must be a list of strings, and has named fields")),
                }
            }
            _ => Err(self.wrong("a string or a list of strings")),
        }
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.bad(format!("must be {}, not {text:?}", words.join(" or ")))
        })
    }

    /// A table with these fields and no others; an empty one for nil.
    pub(crate) fn options(self, known: &[&str]) -> Result<Options> {
        let table = match &self.value {
            Value::Nil => None,
            Value::Table(table) => Some(table.clone()),
            _ => return Err(self.wrong("a table")),
        };
        let options = Options { call: self.call, name: self.name, table };
        options.known(known)?;
        Ok(options)
    }
}

/// Named parameters.
pub(crate) struct Options {
    call: Arc<str>,
    name: String,
    table: Option<Table>,
}

impl Options {
    pub(crate) fn take(&self, field: &str) -> Result<Given> {
        let value = self.table.as_ref().map_or(Ok(Value::Nil), |table| table.raw_get(field))?;
        Ok(Given { call: Arc::clone(&self.call), name: format!("{}.{field}", self.name), value })
    }

    /// A field that may be missing.
    pub(crate) fn maybe<T>(
        &self,
        field: &str,
        read: impl FnOnce(&Given) -> Result<T>,
    ) -> Result<Option<T>> {
        self.take(field)?.or_none().map(|given| read(&given)).transpose()
    }

    fn known(&self, known: &[&str]) -> Result<()> {
        let Some(table) = &self.table else { return Ok(()) };
        for pair in table.pairs::<Value, Value>() {
            let (key, _) = pair?;
            let name = match &key {
                Value::String(name) => name.to_string_lossy(),
                other => format!("[{}]", kind(other)),
            };
            if known.contains(&name.as_str()) {
                continue;
            }
            let near = |it: &&&str| strsim::damerau_levenshtein(it, &name) <= 2;
            let hint = known.iter().find(near).map_or_else(
                || format!("it has {}", known.join(", ")),
                |near| format!("perhaps '{near}' is meant"),
            );
            let (call, parameter) = (&self.call, &self.name);
            return Err(Error::runtime(format!(
                "{call}: parameter '{parameter}' has no field '{name}'; {hint}"
            )));
        }
        Ok(())
    }
}
