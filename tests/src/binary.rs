//! Finds the server's binary, and builds it once a run.
//!
//! `MOONSAIL_BIN` names a binary that is taken as it is. Otherwise `cargo build -p moonsail` makes
//! one with the profile of `MOONSAIL_PROFILE` (default `release`: real clients upload hundreds of
//! megabytes, which a debug build hashes far too slowly).

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

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
    let profile = std::env::var("MOONSAIL_PROFILE").unwrap_or_else(|_| "release".to_owned());
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // What cargo tells a test about its own package must not reach the build: ring's build script
    // watches these variables, and everything above it would be compiled once more.
    for (name, _) in std::env::vars_os() {
        let own = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        if name.to_str().is_some_and(|name| own.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }
    let output = command
        .args(["build", "--package", "moonsail", "--bin", "moonsail", "--profile", &profile])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stderr(Stdio::inherit())
        .output()
        .context("cargo could not be started")?;
    if !output.status.success() {
        bail!("cargo build -p moonsail --profile {profile} failed");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "moonsail")
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .context("cargo built no executable called moonsail")
}
