//! The SDK as it would be published: the file that `cargo package` makes, unpacked elsewhere.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::tools;

const LIMIT: Duration = Duration::from_secs(120);

/// Makes the crate, unpacks it below `folder`, and tells cargo (by a configuration in `folder`, for all
/// that is built below it) to take it for `moonsail-sdk` of the registry.
pub(crate) fn publish(folder: &Path) -> Result<()> {
    let workspace = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).canonicalize()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = folder.join("package-target");
    // Not verified: the guide builds against it, which is more.
    let mut package = Command::new(cargo);
    package
        .args(["package", "--package", "moonsail-sdk", "--no-verify", "--allow-dirty", "--offline"])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(&workspace);
    tools::require(&mut package, LIMIT)?;
    let made = std::fs::read_dir(target.join("package"))?.flatten().map(|file| file.path());
    let made = made.filter(|path| path.extension() == Some("crate".as_ref())).last();
    let made = made.context("cargo package made no .crate")?;
    tools::require(Command::new("tar").arg("-xzf").arg(&made).arg("-C").arg(folder), LIMIT)?;
    let name = made.file_stem().context("a name")?;
    let unpacked = folder.join(name);
    complete(&unpacked)?;
    let patch = format!("[patch.crates-io]\nmoonsail-sdk = {{ path = {unpacked:?} }}\n");
    std::fs::create_dir(folder.join(".cargo"))?;
    std::fs::write(folder.join(".cargo/config.toml"), patch)?;
    Ok(())
}

/// What an author needs is in it, and nothing of it points out of it.
fn complete(unpacked: &Path) -> Result<()> {
    for file in
        ["include/moonsail_plugin.h", "src/lib.rs", "src/abi/mod.rs", "build.rs", "README.md"]
    {
        ensure!(unpacked.join(file).is_file(), "{file} is not in the crate");
    }
    let manifest: toml::Table =
        std::fs::read_to_string(unpacked.join("Cargo.toml"))?.parse().context("its Cargo.toml")?;
    for key in ["description", "license", "readme", "rust-version"] {
        ensure!(manifest["package"].get(key).is_some(), "{key} is not in its Cargo.toml");
    }
    ensure!(manifest["package"].get("publish").is_none(), "it cannot be published");
    let dependencies = manifest["dependencies"].as_table().context("its dependencies")?;
    for (name, dependency) in dependencies {
        let path = dependency.get("path").is_some();
        ensure!(!path, "{name} is a dependency by its path");
        let version = dependency.is_str() || dependency.get("version").is_some();
        ensure!(version, "{name} has no version");
    }
    Ok(())
}
