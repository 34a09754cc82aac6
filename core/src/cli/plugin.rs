//! `moonsail plugin …`

use std::path::Path;

use moonsail_sdk::HEADER;
use serde_json::{Value, json};

use super::args::{PluginInspect, PluginTest, PluginVerb};
use super::exit::{self, Exit};
use super::out;
use super::password;
use super::session::{Folder, Session};
use super::table::{print, text};
use crate::app::commands::{Command, PluginCommand};
use crate::config::Overrides;
use crate::ext::plugin::{Trial, inspect};

pub(super) fn run(flags: &Overrides, verb: PluginVerb) -> Exit {
    let done = match verb {
        PluginVerb::Inspect(PluginInspect { file, output }) => {
            return shown(&file, output.json);
        }
        PluginVerb::Test(test) => return tested(test),
        PluginVerb::Header => {
            out::text(HEADER);
            Ok(())
        }
        PluginVerb::List(output) => listed(flags, output.json),
        PluginVerb::Reload(name) => reloaded(flags, name.name),
    };
    match done {
        Ok(()) => Exit(exit::OK),
        Err(exit) => exit,
    }
}

fn shown(file: &Path, as_json: bool) -> Exit {
    let inspected = match inspect(file) {
        Ok(inspected) => inspected,
        Err(error) => {
            out::error(error);
            return Exit(exit::FAILURE);
        }
    };
    let facts = &inspected.facts;
    let schema: Value = serde_json::from_str(&facts.config_schema).unwrap_or(Value::Null);
    if as_json {
        out::json(&json!({
            "name": facts.name,
            "version": facts.version,
            "abi": format!("{}.{}", facts.abi.0, facts.abi.1),
            "sdk": facts.sdk,
            "build": facts.build,
            "panic_aborts": facts.panic_aborts,
            "reloadable": facts.reloadable,
            "sha256": inspected.sha256,
            "config_schema": schema,
        }));
        return Exit(exit::OK);
    }
    let yes = |flag| if flag { "yes" } else { "no" }.to_owned();
    let abi = format!("{}.{}", facts.abi.0, facts.abi.1);
    print(&[
        vec!["name".into(), facts.name.clone()],
        vec!["version".into(), facts.version.clone()],
        vec!["interface".into(), abi],
        vec!["sdk".into(), facts.sdk.clone()],
        vec!["build".into(), facts.build.clone()],
        vec!["a panic ends the server".into(), yes(facts.panic_aborts)],
        vec!["can be reloaded".into(), yes(facts.reloadable)],
        vec!["sha256".into(), inspected.sha256.clone()],
    ]);
    if schema != Value::Null {
        out::line("configuration:");
        out::line(serde_json::to_string_pretty(&schema).unwrap_or_default());
    }
    Exit(exit::OK)
}

fn tested(test: PluginTest) -> Exit {
    let known = match test.login {
        None => None,
        Some(login) => match password::known(&login) {
            Ok(password) => Some((login, password)),
            Err(exit) => return exit,
        },
    };
    let trial = Trial { file: test.file, config_json: test.plugin_config, known };
    match trial.run(&mut |line| out::line(line)) {
        Ok(true) => Exit(exit::OK),
        Ok(false) => Exit(exit::PROBLEMS),
        Err(error) => {
            out::error(error);
            Exit(exit::FAILURE)
        }
    }
}

fn listed(flags: &Overrides, as_json: bool) -> Result<(), Exit> {
    let session = Session::open(flags)?;
    let plugins = session.run(Command::Plugin(PluginCommand::List), Folder::There)?;
    if as_json {
        out::json(&plugins);
        return Ok(());
    }
    let head = ["NAME", "PLUGIN", "OFFERS", "GENERATION", "CALLS", "FAILURES", "FILE"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for plugin in plugins.as_array().into_iter().flatten() {
        let offers: Vec<String> =
            plugin["offers"].as_array().into_iter().flatten().map(text).collect();
        rows.push(vec![
            text(&plugin["name"]),
            text(&plugin["plugin"]),
            offers.join(","),
            text(&plugin["generation"]),
            text(&plugin["calls"]),
            text(&plugin["failures"]),
            text(&plugin["path"]),
        ]);
    }
    print(&rows);
    Ok(())
}

fn reloaded(flags: &Overrides, name: String) -> Result<(), Exit> {
    let session = Session::open(flags)?;
    let command = PluginCommand::Reload { name: name.clone() };
    let state = session.run(Command::Plugin(command), Folder::There)?;
    out::line(format_args!(
        "{name} was loaded anew: {}, generation {}.",
        text(&state["plugin"]),
        text(&state["generation"])
    ));
    Ok(())
}
