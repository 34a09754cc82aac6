//! Secrets: where they come from, and who can read the files they are in.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use moonsail_sdk::secret::Secret;
use serde::Deserialize;

/// A secret as written in `server.toml`: `{ file = "…" }`, `{ env = "…" }` or the text itself.
/// It is never written back, so it has no `Serialize`.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum SecretSource {
    /// What a file holds, without the line end behind it.
    File(SecretFile),
    /// What an environment variable holds.
    Env(SecretEnv),
    /// The secret itself.
    Plain(String),
}

/// `{ file = "…" }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretFile {
    file: PathBuf,
}

/// `{ env = "…" }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretEnv {
    env: String,
}

/// Why a secret is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(PathBuf, #[source] io::Error),
    /// Every account of the machine can read the file.
    #[error("{0} can be read by everybody on this machine; run: chmod 600 {0}")]
    WorldReadable(PathBuf),
    /// The environment has no such variable, or its value is not UTF-8.
    #[error("the environment variable {0} is not set, or is not UTF-8")]
    NotInEnvironment(String),
    /// Nothing is in there.
    #[error("the secret is empty")]
    Empty,
}

impl SecretSource {
    /// Fetches the secret. A relative file is looked for below `base`; `env` looks up a variable
    /// of the environment.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn resolve(
        &self,
        base: &Path,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Secret, SecretError> {
        let text = match self {
            Self::Plain(text) => text.clone(),
            Self::Env(SecretEnv { env: name }) => env(name)
                .and_then(|value| value.into_string().ok())
                .ok_or_else(|| SecretError::NotInEnvironment(name.clone()))?,
            Self::File(SecretFile { file }) => {
                let path = base.join(file);
                let unreadable = |error| SecretError::Unreadable(path.clone(), error);
                if exposure(&path).map_err(unreadable)? == Exposure::World {
                    return Err(SecretError::WorldReadable(path));
                }
                let text = std::fs::read_to_string(&path).map_err(unreadable)?;
                text.trim_end_matches(['\r', '\n']).to_owned()
            }
        };
        if text.is_empty() { Err(SecretError::Empty) } else { Ok(Secret::new(text)) }
    }
}

/// Who can read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// Its owner alone.
    Owner,
    /// Its group as well.
    Group,
    /// Every account of the machine.
    World,
}

/// Who can read the file at `path` (links are followed), by its permission bits.
///
/// # Errors
/// If it cannot be looked at.
pub fn exposure(path: &Path) -> io::Result<Exposure> {
    let mode = std::fs::metadata(path)?.permissions().mode();
    Ok(match (mode & 0o004 != 0, mode & 0o040 != 0) {
        (true, _) => Exposure::World,
        (false, true) => Exposure::Group,
        (false, false) => Exposure::Owner,
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    fn file_with_mode(mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "hunter2\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn exposure_is_the_widest_reader() {
        for (mode, expected) in [
            (0o600, Exposure::Owner),
            (0o640, Exposure::Group),
            (0o644, Exposure::World),
            (0o604, Exposure::World),
            (0o620, Exposure::Owner),
        ] {
            let (_folder, path) = file_with_mode(mode);
            assert_eq!(exposure(&path).unwrap(), expected, "{mode:o}");
        }
    }

    #[test]
    fn secrets_come_from_text_file_or_environment() {
        #[derive(Deserialize)]
        struct Config {
            key: SecretSource,
        }
        let (folder, path) = file_with_mode(0o600);
        let (open, _) = file_with_mode(0o644);
        let env = |name: &str| (name == "PW").then(|| OsString::from("from env"));
        for (base, value, expected) in [
            (folder.path(), "\"plain\"", Ok("plain")),
            (folder.path(), "{ file = \"secret\" }", Ok("hunter2")),
            (Path::new("/"), &*format!("{{ file = {path:?} }}"), Ok("hunter2")),
            (folder.path(), "{ env = \"PW\" }", Ok("from env")),
            (folder.path(), "{ env = \"OTHER\" }", Err("OTHER")),
            (folder.path(), "{ file = \"none\" }", Err("cannot be read")),
            (folder.path(), "\"\"", Err("empty")),
            (open.path(), "{ file = \"secret\" }", Err("chmod 600")),
        ] {
            use figment::providers::{Format, Toml};
            let text = format!("key = {value}");
            let config: Config = figment::Figment::from(Toml::string(&text)).extract().unwrap();
            match (config.key.resolve(base, env), expected) {
                (Ok(secret), Ok(text)) => assert_eq!(secret.reveal(), text, "{value}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (got, _) => panic!("{value}: {got:?}"),
            }
        }
    }
}
