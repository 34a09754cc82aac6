//! `expected.toml`: what clients are known to report.

use anyhow::{Context, Result};

/// A warning that is known, and why it is left.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) suite: String,
    pub(crate) text: String,
}

fn document() -> Result<toml::Table> {
    Ok(include_str!("expected.toml").parse()?)
}

/// How many tests a suite of litmus runs.
pub(crate) fn tests(suite: &str) -> Result<u64> {
    let count = document()?["litmus"]["tests"].get(suite).and_then(toml::Value::as_integer);
    Ok(count.with_context(|| format!("no count for {suite} in expected.toml"))?.try_into()?)
}

/// The known warnings.
pub(crate) fn known() -> Result<Vec<Known>> {
    let document = document()?;
    let list = document.get("known").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    list.iter()
        .map(|entry| {
            let text = |key: &str| -> Result<String> {
                let value = entry.get(key).and_then(toml::Value::as_str);
                Ok(value.with_context(|| format!("a known entry without {key}"))?.to_owned())
            };
            text("reason")?;
            Ok(Known { suite: text("suite")?, text: text("text")? })
        })
        .collect()
}
