//! `moon.metrics`: figures of a script among the server's.

use mlua::{Lua, Result, Table, Value};

use super::args::{Args, Given};
use super::build::Builder;
use super::{ItemDoc, Module};
use crate::services::{Sample, SampleKind};
use crate::site::Site;

/// Labels of a figure.
const LABELS: usize = 4;
/// Bytes of a label's value.
const LONGEST: usize = 128;

/// See [`Module`].
pub(super) const MODULE: Module = Module {
    name: "moon.metrics",
    doc: "Figures on the admin listener's `/metrics`, as `moonsail_script_NAME` with the label `script`. Names \
          are made of `a-z`, `0-9` and `_`. At most four labels, whose values are few: no user ids, no paths.",
    items: &[
        ItemDoc {
            name: "count",
            signature: "(name: string, by: number?, labels: { [string]: string }?) -> ()",
            doc: "Adds to a counter, 1 if nothing is given; never less than 0.",
            grant: "",
        },
        ItemDoc {
            name: "gauge",
            signature: "(name: string, value: number, labels: { [string]: string }?) -> ()",
            doc: "Sets what rises and falls.",
            grant: "",
        },
        ItemDoc {
            name: "observe",
            signature: "(name: string, value: number, labels: { [string]: string }?) -> ()",
            doc: "Puts one of many observations, such as seconds, into a histogram.",
            grant: "",
        },
    ],
    open,
};

fn open(lua: &Lua, site: &Site) -> Result<Table> {
    Ok(Builder::new(lua, site, MODULE.name)?
        .function("count", |_, site, args| record(site, SampleKind::Counter, args))?
        .function("gauge", |_, site, args| record(site, SampleKind::Gauge, args))?
        .function("observe", |_, site, args| record(site, SampleKind::Histogram, args))?
        .table())
}

fn record(site: &Site, kind: SampleKind, mut args: Args) -> Result<()> {
    let name = word(&args.take("name"))?;
    let value = match kind {
        SampleKind::Counter => {
            let by = args.take("by").or_none();
            let number = by.as_ref().map_or(Ok(1.0), Given::number)?;
            match by {
                Some(by) if number < 0.0 => return Err(by.bad("must not be less than 0")),
                _ => number,
            }
        }
        _ => args.take("value").number()?,
    };
    let mut labels = Vec::new();
    if let Some(given) = args.take("labels").or_none() {
        for pair in given.table()?.pairs::<Value, Value>() {
            let (Value::String(name), Value::String(value)) = pair? else {
                return Err(given.bad("must hold strings by name"));
            };
            let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
            if !is_word(&name) || name == "script" || value.len() > LONGEST {
                return Err(given.bad(format!(
                    "has the label {name:?}: names are [a-z_][a-z0-9_]* and not \"script\", values have at \
                     most {LONGEST} bytes"
                )));
            }
            labels.push((name, value));
        }
        if labels.len() > LABELS {
            return Err(given.bad(format!("has more than {LABELS} labels")));
        }
    }
    labels.sort();
    let sample = Sample { script: &site.script, name: &name, kind, value, labels: &labels };
    site.services.metrics.record(&sample).map_err(|problem| args.error(problem))
}

fn word(given: &Given) -> Result<String> {
    let name = given.text()?;
    match is_word(&name) {
        true => Ok(name),
        false => {
            Err(given
                .bad(format!("is {name:?}; names are [a-z_][a-z0-9_]*, at most 64 characters")))
        }
    }
}

fn is_word(name: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    name.len() <= 64
        && name.bytes().all(good)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
}

#[cfg(test)]
mod tests {
    use crate::modules::testing::Bench;

    #[tokio::test]
    async fn figures_have_names_and_labels() {
        let bench = Bench::new(&[]);
        bench
            .check(
                "moon.metrics",
                &[
                    ("metrics.count('logins', nil, { result = 'ok', a = 'b' }) metrics.count('logins', 2)", ""),
                    ("metrics.gauge('queue', -1.5) metrics.observe('seconds', 0.25)", ""),
                    ("metrics.count('Logins')", "moon.metrics.count: parameter 'name' is \"Logins\"; names are"),
                    ("metrics.count('9')", "names are [a-z_][a-z0-9_]*"),
                    ("metrics.count('a', -1)", "parameter 'by' must not be less than 0"),
                    ("metrics.gauge('a', 1/0)", "parameter 'value' is not finite"),
                    ("metrics.gauge('a')", "parameter 'value' must be a number, got nil"),
                    ("metrics.gauge('a', 1, { x = 1 })", "parameter 'labels' must hold strings by name"),
                    ("metrics.gauge('a', 1, { script = 'x' })", "has the label \"script\""),
                    ("metrics.gauge('a', 1, { a = '', b = '', c = '', d = '', e = '' })", "has more than 4 labels"),
                ],
            )
            .await;
        assert_eq!(
            bench.fakes.metrics.samples(),
            [
                "Counter logins{a=\"b\",result=\"ok\"} 1",
                "Counter logins{} 2",
                "Gauge queue{} -1.5",
                "Histogram seconds{} 0.25"
            ]
        );
    }
}
