//! A plugin that does not fit stops the start, with one line that says why and what to do.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use e2e::Server;

use crate::{sample, section};

/// What the server says when it does not start.
fn refusal(config: &str) -> Result<String> {
    let mut server = Server::prepare(config, &[])?;
    match server.restart() {
        Ok(()) => anyhow::bail!("it starts with {config}"),
        Err(error) => Ok(format!("{error:#}\n{}", server.log_tail(50))),
    }
}

#[track_caller]
fn refused(config: &str, parts: &[&str]) -> Result<()> {
    let said = refusal(config)?;
    let line = said.lines().find(|line| parts.iter().all(|part| line.contains(part)));
    ensure!(line.is_some(), "no line has {parts:?}:\n{said}");
    Ok(())
}

/// A library of one C file.
fn c_library(folder: &Path, name: &str, source: &str) -> Result<PathBuf> {
    let (c, so) = (folder.join(format!("{name}.c")), folder.join(format!("{name}.so")));
    std::fs::write(&c, source)?;
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&so)
        .arg(&c)
        .status()
        .context("cc is missing")?;
    ensure!(status.success(), "{name} does not compile");
    Ok(so)
}

/// An entry that begins as one and is wrong in one place.
fn entry(magic: &str, size: &str, major: u16) -> String {
    format!(
        "#include <stdint.h>\n\
         struct entry {{ uint32_t magic, size; uint16_t major, minor; uint32_t flags; void *rest[12]; }};\n\
         const struct entry moonsail_plugin_entry_v1 = {{ {magic}, {size}, {major}, 0, 0, {{0}} }};\n"
    )
}

#[test]
fn files_that_are_no_plugins_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("text.so"), "not a library")?;
    let text = c_library(folder.path(), "plain", "int nothing;")?;
    for (path, parts) in [
        (at("missing.so"), vec!["missing.so", "cannot be read", "No such file"]),
        (folder.path().to_owned(), vec!["no regular file"]),
        (at("text.so"), vec!["text.so", "no library for this machine", "file too short"]),
        (text, vec!["plain.so", "not a plugin", "moonsail_plugin_entry_v1"]),
    ] {
        refused(&section("x", &path, "", ""), &parts)?;
    }
    Ok(())
}

#[test]
fn entries_that_do_not_fit_are_refused_before_any_code_of_theirs_runs() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, magic, size, major, parts) in [
        ("magic", "1", "sizeof(struct entry)", 1, vec!["magic is 0x00000001"]),
        ("old", "0x4E435031u", "sizeof(struct entry)", 0, vec!["version 0", "version 1"]),
        ("new", "0x4E435031u", "sizeof(struct entry)", 2, vec!["version 2", "moonsail-sdk"]),
        ("small", "0x4E435031u", "16", 1, vec!["16 bytes", "build it again"]),
    ] {
        let path = c_library(folder.path(), name, &entry(magic, size, major))?;
        refused(&section("x", &path, "", ""), &parts)?;
    }
    Ok(())
}

#[test]
fn a_plugin_refuses_its_configuration_in_its_own_words() -> Result<()> {
    let path = sample()?;
    for (config, more, parts) in [
        ("greting = \"x\"", "", vec!["sample-plugin", "greting", "unknown field", "`greeting`"]),
        ("greeting = 7", "", vec!["greeting: invalid type: integer `7`"]),
        ("greeting = \"\"", "", vec!["greeting: must not be empty"]),
        ("greeting = \"panic\"", "", vec!["it panicked: in create"]),
        ("at_start = \"fail\"", "", vec!["does not start: the start was to fail"]),
        ("", "provides = [\"files\"]", vec!["does not offer \"files\"", "auth, capabilities"]),
        ("", "provides = [\"file\"]", vec!["plugin.provides", "perhaps \"files\""]),
        ("", "sha256 = \"00\"", vec!["plugin.sha256", "64 hex digits"]),
        ("users = { a = { file = \"none\" } }", "", vec!["plugin.config", "none cannot be read"]),
    ] {
        refused(&section("x", &path, more, config), &parts).context(config)?;
    }
    let pin = format!("sha256 = \"{}\"", "0".repeat(64));
    refused(&section("x", &path, &pin, ""), &["SHA-256", "change sha256"])?;
    let hang = format!(
        "plugins.start_timeout_secs = 1\n{}",
        section("x", &path, "", "at_start = \"hang\"")
    );
    refused(&hang, &["no answer within 1 seconds", "start_timeout_secs"])
}

#[test]
fn a_file_that_everybody_can_write_to_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("sample.so");
    std::fs::copy(sample()?, &path)?;
    std::fs::set_permissions(&path, Permissions::from_mode(0o666))?;
    refused(&section("x", &path, "", ""), &["can be written to by everybody", "chmod o-w"])?;
    std::fs::set_permissions(&path, Permissions::from_mode(0o644))?;
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777))?;
    let above = folder.path().display().to_string();
    refused(&section("x", &path, "", ""), &[&above, "chmod o-w"])
}

#[test]
fn names_in_the_configuration_are_checked() -> Result<()> {
    let path = sample()?;
    for (config, parts) in [
        (section("No Name", &path, "", ""), vec!["plugin.name", "\"No Name\""]),
        (section("x", "".as_ref(), "", ""), vec!["plugin.path"]),
        (
            section("x", &path, "", "") + &section("x", &path, "", ""),
            vec!["plugin.name", "a second time"],
        ),
        (
            format!("auth.chain = [\"plugin:samples\"]\n{}", section("sample", &path, "", "")),
            vec!["auth.chain", "perhaps \"plugin:sample\""],
        ),
        (
            "[[plugin]]\nname = \"x\"\npth = \"y\"\n".to_owned(),
            vec!["plugin.pth", "plugin.path is meant"],
        ),
        ("plugin = \"x\"\n".to_owned(), vec!["plugin", "expected sections [[plugin]]"]),
    ] {
        refused(&config, &parts).context(config)?;
    }
    Ok(())
}

/// The plugin in C, which says of itself that a panic in it would end the server.
#[test]
fn one_whose_panics_end_the_server_is_refused_where_the_owner_is_strict() -> Result<()> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let source = std::fs::read_to_string(root.join("plugins/demo-c/demo.c"))?;
    let header = root.join("plugins/sdk/include/moonsail_plugin.h").display().to_string();
    let source = source.replace("\"moonsail_plugin.h\"", &format!("\"{header}\""));
    let aborts = source.replace("    MOONSAIL_FLAG_RELOADABLE,", "    MOONSAIL_FLAG_PANIC_ABORT,");
    ensure!(aborts != source, "the flags are not where they were");
    let folder = tempfile::tempdir()?;
    let path = c_library(folder.path(), "aborts", &aborts)?;
    let plugin = section("x", &path, "", "users = { demo = \"x\" }");
    refused(
        &format!("plugins.strict = true\n{plugin}"),
        &["demo-c", "panic = \"abort\"", "plugins.strict refuses", "panic = \"unwind\""],
    )?;
    let server = Server::start_with(&plugin, &[])?;
    let warned = server.log_about("a panic in this plugin ends the server");
    ensure!(warned.contains("demo-c"), "{warned}");
    server.finish()
}
