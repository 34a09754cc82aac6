//! `moon.log`: lines in the server's log, with the request that they belong to.

use mlua::{Lua, Result, Table, Value};

use super::args::{self, Args};
use super::build::Builder;
use super::{ItemDoc, Module};
use crate::services::{Level, Record};
use crate::site::Site;

/// Bytes of a message or a field that are logged.
const LONGEST: usize = 4096;
/// Fields of a line.
const FIELDS: usize = 32;

const SIGNATURE: &str = "(message: string, fields: { [string]: any }?) -> ()";

/// See [`Module`].
pub(super) const MODULE: Module = Module {
    name: "moon.log",
    doc: "Lines in the server's log. The script and the request are noted by themselves. Fields are strings, \
          numbers or booleans, at most 32; a secret is logged as `***`. Texts over 4096 bytes are cut.",
    items: &[
        ItemDoc {
            name: "debug",
            signature: SIGNATURE,
            doc: "What only its author needs to know.",
            grant: "",
        },
        ItemDoc { name: "info", signature: SIGNATURE, doc: "What was done.", grant: "" },
        ItemDoc {
            name: "warn",
            signature: SIGNATURE,
            doc: "What somebody should look at.",
            grant: "",
        },
        ItemDoc { name: "error", signature: SIGNATURE, doc: "What failed.", grant: "" },
    ],
    open,
};

fn open(lua: &Lua, site: &Site) -> Result<Table> {
    let mut builder = Builder::new(lua, site, MODULE.name)?;
    for level in [Level::Debug, Level::Info, Level::Warn, Level::Error] {
        builder = builder.function(level.name(), move |_, site, args| write(site, level, args))?;
    }
    Ok(builder.table())
}

fn write(site: &Site, level: Level, mut args: Args) -> Result<()> {
    let message = cut(&args.take("message").bytes()?.as_bytes());
    let mut fields = Vec::new();
    if let Some(given) = args.take("fields").or_none() {
        for pair in given.table()?.pairs::<Value, Value>() {
            let (name, value) = pair?;
            let Value::String(name) = name else {
                return Err(given.wrong("a table with named fields"));
            };
            let name = cut(&name.as_bytes());
            let value = match &value {
                Value::String(text) => cut(&text.as_bytes()),
                Value::Boolean(it) => it.to_string(),
                Value::Integer(it) => it.to_string(),
                Value::Number(it) => it.to_string(),
                Value::UserData(_) if args::kind(&value) == "a secret" => "***".to_owned(),
                other => {
                    let kind = args::kind(other);
                    return Err(given.bad(format!(
                        "must hold strings, numbers and booleans; '{name}' is a {kind}"
                    )));
                }
            };
            fields.push((name, value));
        }
        if fields.len() > FIELDS {
            return Err(given.bad(format!("has more than {FIELDS} fields")));
        }
    }
    fields.sort();
    let script = &site.script;
    site.services.log.write(&Record { script, level, message: &message, fields: &fields });
    Ok(())
}

/// A text as one line of the log: not too long, and without what would begin another.
fn cut(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST)]);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use crate::modules::testing::Bench;

    #[tokio::test]
    async fn lines_have_a_level_and_fields() {
        let bench = Bench::new(&[]);
        bench
            .check(
                "moon.log",
                &[
                    ("log.info('hello', { b = 1, a = 'x\\ny', c = true })", ""),
                    ("log.debug('a') log.warn('b') log.error('c')", ""),
                    ("log.info(string.rep('x', 5000))", ""),
                    ("log.info(5)", "moon.log.info: parameter 'message' must be a string, got number"),
                    ("log.warn('a', { x = {} })", "moon.log.warn: parameter 'fields' must hold strings, numbers and booleans; 'x' is a table"),
                    ("log.warn('a', 'b')", "parameter 'fields' must be a table, got string"),
                    ("log.warn('a', { 1 })", "must be a table with named fields"),
                ],
            )
            .await;
        let lines = bench.fakes.log.lines();
        assert_eq!(lines[..4], ["info hello a=x y b=1 c=true", "debug a", "warn b", "error c"]);
        assert_eq!(lines[4].len(), 4096 + "info ".len());
        assert_eq!(lines.len(), 5);
    }
}
