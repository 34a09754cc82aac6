//! Values of scripts as JSON.
//!
//! A table may stand in itself many times over, so the result can be far larger than what the VM
//! holds; and it lies outside of the VM's memory limit. Hence the two bounds.

use mlua::{Table, Value};

use crate::modules::args;

/// How deep values may be nested.
pub(crate) const DEPTH: usize = 64;
/// Bytes of a text.
pub(crate) const MOST: usize = 8 << 20;
/// Values in a text.
const VALUES: usize = 1_000_000;

/// A value as JSON. `name` is what errors call it.
///
/// # Errors
/// In a sentence that names the place.
pub(crate) fn encode(value: &Value, name: &str) -> Result<Vec<u8>, String> {
    let mut writer = Writer { text: Vec::new(), values: 0, path: vec![name.to_owned()] };
    writer.value(value)?;
    Ok(writer.text)
}

struct Writer {
    text: Vec<u8>,
    values: usize,
    path: Vec<String>,
}

impl Writer {
    fn error(&self, problem: &str) -> String {
        format!("{} {problem}", self.path.concat())
    }

    fn value(&mut self, value: &Value) -> Result<(), String> {
        self.values += 1;
        if self.values > VALUES || self.text.len() > MOST {
            return Err(format!("too large: at most {MOST} bytes and {VALUES} values"));
        }
        match value {
            Value::Nil => self.text.extend(b"null"),
            null if null.is_null() => self.text.extend(b"null"),
            Value::Boolean(it) => self.text.extend(it.to_string().as_bytes()),
            Value::Integer(it) => self.text.extend(it.to_string().as_bytes()),
            Value::Number(it) => match serde_json::Number::from_f64(*it) {
                Some(number) => self.text.extend(number.to_string().as_bytes()),
                None => return Err(self.error("is not finite")),
            },
            Value::String(it) => match it.to_str() {
                Ok(it) => self.string(&it)?,
                Err(_) => return Err(self.error("is not UTF-8")),
            },
            Value::Table(it) => return self.table(it),
            other => {
                let kind = args::kind(other);
                let article = if kind.starts_with("a ") { "" } else { "a " };
                return Err(self.error(&format!("is {article}{kind}, which JSON cannot hold")));
            }
        }
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), String> {
        if self.text.len() + text.len() > MOST {
            return Err(format!("too large: at most {MOST} bytes and {VALUES} values"));
        }
        serde_json::to_writer(&mut self.text, text).map_err(|error| error.to_string())
    }

    fn table(&mut self, table: &Table) -> Result<(), String> {
        if self.path.len() > DEPTH {
            return Err(format!("nested more than {DEPTH} deep"));
        }
        let length = table.raw_len();
        // A table with a metatable of ours that is empty is an array; the metatable is compared by VM.
        let marked = table.metatable().is_some_and(|it| is_marker(&it));
        if length == 0 && !marked {
            return self.object(table);
        }
        self.text.push(b'[');
        let mut count = 0;
        for at in 1..=length {
            let value: Value = table.raw_get(at).map_err(|error| error.to_string())?;
            count += usize::from(!value.is_nil());
            if at > 1 {
                self.text.push(b',');
            }
            self.path.push(format!("[{at}]"));
            self.value(&value)?;
            self.path.pop();
        }
        if table.pairs::<Value, Value>().take(length + 1).count() != count || count != length {
            return Err(self.error("is neither an array nor an object"));
        }
        self.text.push(b']');
        Ok(())
    }

    fn object(&mut self, table: &Table) -> Result<(), String> {
        let mut members = Vec::new();
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair.map_err(|error| error.to_string())?;
            let Value::String(key) = key else {
                return Err(self.error("is neither an array nor an object"));
            };
            match key.to_str() {
                Ok(key) => members.push((key.to_owned(), value)),
                Err(_) => return Err(self.error("has a key that is not UTF-8")),
            }
        }
        members.sort_by(|a, b| a.0.cmp(&b.0));
        self.text.push(b'{');
        for (at, (key, value)) in members.iter().enumerate() {
            if at > 0 {
                self.text.push(b',');
            }
            self.path.push(format!(".{key}"));
            self.string(key)?;
            self.text.push(b':');
            self.value(value)?;
            self.path.pop();
        }
        self.text.push(b'}');
        Ok(())
    }
}

/// Whether it is mlua's metatable for arrays: locked, and with nothing else in it.
fn is_marker(metatable: &Table) -> bool {
    matches!(metatable.raw_get("__metatable"), Ok(Value::Boolean(false)))
}
