//! The layers a configuration is made of: a file, the environment, flags. Later ones win.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};

use super::errors::{ConfigError, Place};
use super::lines;

/// The file at the top of the repository, which a server without a file of its own runs with.
pub(crate) const EMBEDDED: &str = include_str!("../../../server.toml");
/// The name that is looked for in the working folder.
const FILE_NAME: &str = "server.toml";
/// How the names of our environment variables begin.
const PREFIX: &str = "MOONSAIL_";
/// The variable that names the file, as `--config` does.
const FILE_VARIABLE: &str = "MOONSAIL_CONFIG";

/// What the command line says about the configuration. It wins over environment and file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--config`: the file to read instead of `server.toml` in the working folder.
    pub config: Option<PathBuf>,
    /// `--data`: `data_dir`.
    pub data_dir: Option<String>,
    /// `--listen`: `server.listen`.
    pub listen: Option<String>,
    /// `--listen-http`: `server.listen_http`.
    pub listen_http: Option<String>,
}

/// What a load reads besides its flags; tests make their own.
pub(crate) struct Surroundings {
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) folder: PathBuf,
}

impl Surroundings {
    /// The process's own.
    pub(crate) fn of_process() -> Self {
        // Without a working folder (it was removed) relative paths stay relative.
        Self {
            env: std::env::vars_os().collect(),
            folder: std::env::current_dir().unwrap_or_default(),
        }
    }
}

/// All layers in one, with the text of the file for line numbers.
pub(crate) struct Layers {
    figment: Figment,
    folder: PathBuf,
    /// The file and its text; `None` if the embedded one is used.
    pub(crate) file: Option<(PathBuf, String)>,
    /// Variables that are not text.
    pub(crate) errors: Vec<ConfigError>,
}

impl Layers {
    /// Reads all layers. `defaults` tells of which type an environment variable's value is.
    pub(crate) fn read(
        flags: &Overrides,
        around: &Surroundings,
        defaults: &Value,
    ) -> Result<Self, ConfigError> {
        let file = find_file(flags, around)?;
        let figment = match &file {
            Some((path, text)) => Figment::from(Layer {
                metadata: Metadata::from("file", Source::File(path.clone())),
                dict: parse(text).map_err(|fault| fault.in_file(path))?,
            }),
            None => Figment::from(Layer {
                metadata: Metadata::named("default"),
                dict: parse(EMBEDDED).map_err(|fault| fault.in_file(Path::new("(built in)")))?,
            }),
        };
        let mut layers = Self { figment, folder: around.folder.clone(), file, errors: Vec::new() };
        layers.add_env(around, defaults);
        for (flag, key, value) in [
            ("--data", "data_dir", &flags.data_dir),
            ("--listen", "server.listen", &flags.listen),
            ("--listen-http", "server.listen_http", &flags.listen_http),
        ] {
            if let Some(text) = value {
                layers.add("flag", flag, key, Value::from(text.as_str()));
            }
        }
        Ok(layers)
    }

    fn add_env(&mut self, around: &Surroundings, defaults: &Value) {
        let mut variables: Vec<_> = around
            .env
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?, value)))
            .filter(|(name, _)| name.starts_with(PREFIX) && *name != FILE_VARIABLE)
            .collect();
        variables.sort_unstable();
        for (name, value) in variables {
            let key = name[PREFIX.len()..].to_ascii_lowercase().replace("__", ".");
            let Some(text) = value.to_str() else {
                self.errors.push(ConfigError {
                    place: Place::Env(name.to_owned()),
                    key: Some(key),
                    text: "expected text in UTF-8".to_owned(),
                });
                continue;
            };
            let value = typed(text, defaults.find_ref(&key));
            self.add("env", name, &key, value);
        }
    }

    fn add(&mut self, kind: &'static str, name: &str, key: &str, value: Value) {
        let metadata = Metadata::from(kind, Source::Custom(name.to_owned()));
        let dict = figment::util::nest(key, value).into_dict().unwrap_or_default();
        let figment = std::mem::take(&mut self.figment);
        self.figment = figment.merge(Layer { metadata, dict });
    }

    /// What all layers say together.
    pub(crate) fn merged(&self) -> Dict {
        self.figment.find_value("").ok().and_then(Value::into_dict).unwrap_or_default()
    }

    /// Where the value of `key` was written.
    pub(crate) fn place(&self, key: &str) -> Place {
        let Some(metadata) = self.figment.find_metadata(key) else { return Place::Default };
        match (&*metadata.name, &metadata.source) {
            (_, Some(Source::File(_))) => self.in_file(key),
            ("env", Some(Source::Custom(name))) => Place::Env(name.clone()),
            ("flag", Some(Source::Custom(name))) => Place::Flag(name.clone()),
            _ => Place::Default,
        }
    }

    /// Where to mend a fault of `key`: where its value was written, else in the file.
    pub(crate) fn place_of_fault(&self, key: &str) -> Place {
        match self.place(key) {
            Place::Default => self.in_file(key),
            place => place,
        }
    }

    fn in_file(&self, key: &str) -> Place {
        self.file.as_ref().map_or(Place::Default, |(path, text)| {
            Place::File(path.clone(), lines::line_of(text, key))
        })
    }

    /// The folder that a relative path in `key` starts from: the one of the file in which it is
    /// written, else the working folder.
    pub(crate) fn base(&self, key: &str) -> PathBuf {
        // What is in a list has no path of its own.
        let lists = ["plugin", "mount", "script"];
        let list = |list: &&str| key.strip_prefix(*list).is_some_and(|rest| rest.starts_with('.'));
        let key = lists.into_iter().find(list).unwrap_or(key);
        let Some(Source::File(path)) =
            self.figment.find_metadata(key).and_then(|metadata| metadata.source.clone())
        else {
            return self.folder.clone();
        };
        path.parent().map_or_else(|| self.folder.clone(), Path::to_path_buf)
    }
}

/// The name of the environment variable of a key.
pub(crate) fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "__"))
}

/// The file to read and its text: the one that was named, else `server.toml` in the working folder
/// if there is one.
fn find_file(
    flags: &Overrides,
    around: &Surroundings,
) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let variable = around.env.iter().find(|(name, _)| name == FILE_VARIABLE);
    let named = flags.config.clone().or_else(|| variable.map(|(_, value)| value.into()));
    let must_exist = named.is_some();
    let path = around.folder.join(named.unwrap_or_else(|| FILE_NAME.into()));
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => Ok(None),
        Err(error) => Err(ConfigError {
            place: Place::File(path, None),
            key: None,
            text: format!("cannot be read ({error}); name a readable file with --config"),
        }),
    }
}

/// A value of the environment as the type that the key has by default; as text if it has none, so
/// that the key is reported and not the type.
fn typed(text: &str, default: Option<&Value>) -> Value {
    match default {
        Some(Value::Num(..)) => text.parse::<u64>().map_or_else(|_| text.into(), Value::from),
        Some(Value::Bool(..)) => text.parse::<bool>().map_or_else(|_| text.into(), Value::from),
        Some(Value::Array(..)) if text.trim_start().starts_with('[') => {
            let dict = parse(&format!("list = {text}"));
            dict.ok().and_then(|mut dict| dict.remove("list")).unwrap_or_else(|| text.into())
        }
        Some(Value::Array(..)) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::from(items.collect::<Vec<_>>())
        }
        _ => text.into(),
    }
}

/// A fault of syntax.
struct Syntax {
    line: Option<usize>,
    text: String,
}

impl Syntax {
    fn in_file(self, path: &Path) -> ConfigError {
        ConfigError {
            place: Place::File(path.to_owned(), self.line),
            key: None,
            text: format!("not valid TOML: {}", self.text),
        }
    }
}

/// Parses TOML.
fn parse(text: &str) -> Result<Dict, Syntax> {
    let mut profiles = Toml::string(text).data().map_err(|error| {
        let whole = error.to_string();
        // "TOML parse error at line 3, column 5", three lines that show it, then what is wrong.
        let line = whole
            .split_once("at line ")
            .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        let cause: Vec<&str> = whole
            .lines()
            .filter(|line| !line.contains('|') && !line.contains("at line "))
            .collect();
        let text = if cause.is_empty() { whole.clone() } else { cause.join("; ") };
        Syntax { line, text }
    })?;
    Ok(profiles.remove(&Profile::Default).unwrap_or_default())
}

/// One layer with its name.
struct Layer {
    metadata: Metadata,
    dict: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}
