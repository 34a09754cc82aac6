//! Finds the server's binary, and builds it once a run.
//!
//! `MOONSAIL_BIN` names a binary that is taken as it is. Otherwise `cargo build -p moonsail` makes
//! one with the profile of `MOONSAIL_PROFILE` (default `release`: real clients upload hundreds of
//! megabytes, which a debug build hashes far too slowly).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result, bail};

/// The path of the server's binary.
///
/// # Errors
/// When the build fails or yields no executable; the same text for each caller.
pub fn path() -> Result<PathBuf> {
    static BUILT: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| find().map_err(|error| format!("{error:#}")));
    built.clone().map_err(anyhow::Error::msg)
}

fn find() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("MOONSAIL_BIN") {
        let given = PathBuf::from(given);
        return given.canonicalize().with_context(|| format!("MOONSAIL_BIN {}", given.display()));
    }
    let built = build("moonsail", &["--bin", "moonsail"])?;
    built.into_iter().next_back().context("cargo built no executable called moonsail")
}

/// Builds a package of the repository with the profile of `MOONSAIL_PROFILE`; gives what cargo made of
/// it: its executables, or its libraries.
pub(crate) fn build(package: &str, arguments: &[&str]) -> Result<Vec<PathBuf>> {
    let profile = profile();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    forget_cargo(&mut command);
    let output = command
        .args(["build", "--package", package, "--profile", &profile])
        .args(arguments)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stderr(Stdio::inherit())
        .output()
        .context("cargo could not be started")?;
    if !output.status.success() {
        bail!("cargo build -p {package} --profile {profile} failed");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let of_package = |message: &serde_json::Value| {
        let id = message["package_id"].as_str().unwrap_or_default();
        id.contains(&format!("#{package}@")) || id.contains(&format!("/{package}#"))
    };
    let mut made = Vec::new();
    for message in messages.lines().filter_map(|line| serde_json::from_str(line).ok()) {
        let message: serde_json::Value = message;
        if message["reason"] != "compiler-artifact" || !of_package(&message) {
            continue;
        }
        let files = message["filenames"].as_array().into_iter().flatten();
        let libraries = files.filter_map(|file| file.as_str()).filter(|file| file.ends_with(".so"));
        made.extend(libraries.map(PathBuf::from));
        made.extend(message["executable"].as_str().map(PathBuf::from));
    }
    Ok(made)
}

/// The profile that everything is built with.
pub fn profile() -> String {
    std::env::var("MOONSAIL_PROFILE").unwrap_or_else(|_| "release".to_owned())
}

/// Where cargo puts what it builds of the repository.
pub fn target_dir() -> PathBuf {
    let workspace = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    workspace.join(target)
}

/// Takes what cargo tells a test about its own package out of a command's environment: ring's build
/// script watches these variables, and a build would compile everything above it once more.
pub(crate) fn forget_cargo(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let own = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        if name.to_str().is_some_and(|name| own.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }
}

/// The library of a plugin in this repository, by the name of its package. Each is built by a `cargo
/// build` of its own: beside the server, which links some of them in, it would lack its symbol.
///
/// # Errors
/// When the build fails or yields no library.
pub fn plugin(package: &str) -> Result<PathBuf> {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = built.get(package) {
        return Ok(path.clone());
    }
    let made = build(package, &["--lib", "--examples"])?;
    let path = made.into_iter().next_back();
    let path = path.with_context(|| format!("cargo built no library of {package}"))?;
    built.insert(package.to_owned(), path.clone());
    Ok(path)
}
