//! [`load`]: from layers to settings, or to everything that is wrong with them.

use std::path::PathBuf;

use figment::value::Value;

use super::checker::Checker;
use super::errors::{ConfigError, ConfigErrors, Place, Problem};
use super::layers::{Layers, Overrides, Surroundings, variable_of};
use super::settings::{RawSettings, Settings};
use super::shape;

/// A configuration and where it comes from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the server runs with.
    pub settings: Settings,
    /// The file that was read; `None` if the one inside the program was used.
    pub file: Option<PathBuf>,
    /// Every key with its value, in the order of `server.toml`.
    pub values: Vec<Effective>,
    /// What works and should not stay.
    pub warnings: Vec<ConfigError>,
}

/// A key, the value it has, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// Dotted path.
    pub key: String,
    /// Text, number, boolean or list of texts, as written.
    pub value: serde_json::Value,
    /// Where it was written.
    pub place: Place,
}

/// Reads file, environment and flags, and checks them together.
///
/// # Errors
/// [`ConfigErrors`]: all faults that were found, each with its place and remedy.
pub fn load(flags: &Overrides) -> Result<Loaded, ConfigErrors> {
    load_in(flags, &Surroundings::of_process())
}

pub(crate) fn load_in(flags: &Overrides, around: &Surroundings) -> Result<Loaded, ConfigErrors> {
    let defaults = Value::serialize(RawSettings::default()).expect("plain structs serialise");
    let layers = Layers::read(flags, around, &defaults)?;
    let mut written = layers.merged();
    let findings = shape::inspect(
        &mut written,
        defaults.as_dict().expect("a struct is a dict"),
        &RawSettings::tables(),
    );

    let mut errors = layers.errors.clone();
    for (key, near) in findings.unknown {
        errors.push(unknown(&layers, key, near));
    }
    errors.extend(findings.mistyped.into_iter().map(|problem| placed(&layers, problem)));

    let raw: RawSettings = Value::from(written).deserialize().map_err(|error| ConfigError {
        place: layers.place_of_fault(&error.path.join(".")),
        key: Some(error.path.join(".")),
        text: error.kind.to_string(),
    })?;
    let mut see = Checker::new(|key| layers.base(key));
    let settings = raw.check(&mut see);
    let (problems, warnings) = (see.problems, see.warnings);
    errors.extend(problems.into_iter().map(|problem| placed(&layers, problem)));
    if !errors.is_empty() {
        return Err(ConfigErrors(errors));
    }
    Ok(Loaded {
        settings,
        values: flat(&raw)
            .into_iter()
            .map(|(key, value)| Effective { place: layers.place(&key), key, value })
            .collect(),
        warnings: warnings.into_iter().map(|problem| placed(&layers, problem)).collect(),
        file: layers.file.as_ref().map(|(path, _)| path.clone()),
    })
}

/// Every key with its default value, in the order of `server.toml`.
pub fn defaults() -> Vec<(String, serde_json::Value)> {
    flat(&RawSettings::default())
}

/// The same with the keys of lists of sections, as `plugin.name`: all that `server.toml` documents.
pub fn documented() -> Vec<(String, serde_json::Value)> {
    let mut all = defaults();
    let tables = Value::from(RawSettings::tables());
    let items = serde_json::to_value(tables).expect("plain structs serialise");
    all.retain(|(key, _)| items.get(key).is_none());
    flatten(String::new(), items, &mut all);
    all
}

fn placed(layers: &Layers, problem: Problem) -> ConfigError {
    let place = layers.place_of_fault(&problem.key);
    ConfigError { place, key: Some(problem.key), text: problem.text }
}

fn unknown(layers: &Layers, key: String, near: Option<String>) -> ConfigError {
    let place = layers.place_of_fault(&key);
    let remedy = match (near, &place) {
        (Some(near), Place::Env(name)) => {
            // The variable of an unknown section names a key in it, too.
            let rest = name.get(variable_of(&key).len()..).unwrap_or_default();
            format!("perhaps {}{rest} is meant", variable_of(&near))
        }
        (Some(near), _) => format!("perhaps {near} is meant"),
        (None, Place::Env(_)) => "unset it; server.toml of the program lists all keys".to_owned(),
        (None, _) => "remove it; server.toml of the program lists all keys".to_owned(),
    };
    ConfigError { place, key: Some(key), text: format!("no such key; {remedy}") }
}

/// All keys as dotted paths, with their values.
fn flat(raw: &RawSettings) -> Vec<(String, serde_json::Value)> {
    let mut out = Vec::new();
    let mut value = serde_json::to_value(raw).expect("plain structs serialise");
    if let Some(plugins) = value.get_mut("plugin") {
        *plugins = super::plugins::shown(plugins);
    }
    let scripts = value.get_mut("script").and_then(serde_json::Value::as_array_mut);
    for script in scripts.into_iter().flatten() {
        if let Some(secrets) = script.get_mut("secrets") {
            *secrets = super::plugins::shown(secrets);
        }
    }
    flatten(String::new(), value, &mut out);
    out
}

fn flatten(path: String, value: serde_json::Value, out: &mut Vec<(String, serde_json::Value)>) {
    match value {
        serde_json::Value::Object(members) if !members.is_empty() || path.is_empty() => {
            for (name, value) in members {
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                flatten(path, value, out);
            }
        }
        value => out.push((path, value)),
    }
}
