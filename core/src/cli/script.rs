//! `moonsail script …`

mod check;
mod new;
mod test;
mod types;

use std::path::Path;

use jiff::Timestamp;
use moonsail_lua::runner::{Plan, Said, Stage};
use moonsail_lua::{Data, Fault};
use serde_json::Value;

use super::args::{ScriptFire, ScriptTop, ScriptVerb};
use super::exit::{self, Exit};
use super::out;
use super::session::{Folder, Session};
use super::table::{print, text};
use crate::app::commands::{Command, ScriptCommand};
use crate::config::{self, Overrides, Script};
use crate::ext::lua;

pub(super) fn run(flags: &Overrides, verb: ScriptVerb) -> Exit {
    let done = match verb {
        ScriptVerb::List(output) => listed(flags, output.json),
        ScriptVerb::Top(top) => topped(flags, &top),
        ScriptVerb::Reload(name) => reloaded(flags, name.name),
        ScriptVerb::Check(check) => check::run(flags, &check),
        ScriptVerb::Test(test) => test::run(&test),
        ScriptVerb::Fire(fire) => fired(flags, &fire),
        ScriptVerb::New(new) => new::run(&new),
        ScriptVerb::Types(types) => types::run(&types),
    };
    match done {
        Ok(()) => Exit(exit::OK),
        Err(exit) => exit,
    }
}

fn states(flags: &Overrides, command: ScriptCommand) -> Result<Value, Exit> {
    Session::open(flags)?.run(Command::Script(command), Folder::There)
}

fn texts(list: &Value) -> String {
    let all: Vec<String> = list.as_array().into_iter().flatten().map(text).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(",") }
}

fn listed(flags: &Overrides, as_json: bool) -> Result<(), Exit> {
    let scripts = states(flags, ScriptCommand::List)?;
    if as_json {
        out::json(&scripts);
        return Ok(());
    }
    let head = ["NAME", "EVENTS", "ROUTES", "GENERATION", "CALLS", "FAILURES", "STATE", "FILE"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for script in scripts.as_array().into_iter().flatten() {
        let state = match (&script["degraded"], &script["shadow"]) {
            (Value::Bool(true), _) => "degraded",
            (_, Value::Bool(true)) => "shadow",
            _ => "runs",
        };
        rows.push(vec![
            text(&script["name"]),
            texts(&script["events"]),
            texts(&script["routes"]),
            text(&script["generation"]),
            text(&script["calls"]),
            text(&script["failures"]),
            state.to_owned(),
            text(&script["path"]),
        ]);
    }
    print(&rows);
    Ok(())
}

/// The runs of all scripts in the order of time; of the latest, `top.last`.
fn topped(flags: &Overrides, top: &ScriptTop) -> Result<(), Exit> {
    let scripts = states(flags, ScriptCommand::List)?;
    let scripts = scripts.as_array().map(Vec::as_slice).unwrap_or_default();
    let wanted = |script: &&Value| top.name.as_deref().is_none_or(|name| script["name"] == name);
    if let Some(name) = &top.name
        && !scripts.iter().any(|script| script["name"] == **name)
    {
        out::error(format_args!("there is no script {name:?}"));
        return Err(Exit(exit::FAILURE));
    }
    let mut runs = Vec::new();
    for script in scripts.iter().filter(wanted) {
        for run in script["runs"].as_array().into_iter().flatten() {
            let mut run = run.clone();
            run["script"] = script["name"].clone();
            runs.push(run);
        }
    }
    runs.sort_by_key(|run| run["time"].as_i64());
    let runs = runs.split_off(runs.len().saturating_sub(top.last));
    if top.output.json {
        out::json(&Value::Array(runs));
        return Ok(());
    }
    let head = ["TIME", "SCRIPT", "EVENT", "ANSWER", "MICROS", "ERROR"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for run in &runs {
        let time = run["time"].as_i64().and_then(|at| Timestamp::from_millisecond(at).ok());
        let time = time.map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string());
        rows.push(vec![
            time.unwrap_or_default(),
            text(&run["script"]),
            text(&run["event"]),
            text(&run["decision"]),
            text(&run["micros"]),
            text(&run["error"]),
        ]);
    }
    print(&rows);
    Ok(())
}

fn reloaded(flags: &Overrides, name: String) -> Result<(), Exit> {
    let scripts = states(flags, ScriptCommand::Reload { name: name.clone() })?;
    let mut scripts = scripts.as_array().into_iter().flatten();
    let state = scripts.find(|script| script["name"] == *name).unwrap_or(&Value::Null);
    out::line(format_args!("{name} was loaded anew: generation {}.", text(&state["generation"])));
    Ok(())
}

/// The scripts of `server.toml`; what is wrong with it is printed.
fn sections(flags: &Overrides) -> Result<Vec<Script>, Exit> {
    match config::load(flags) {
        Ok(loaded) => Ok(loaded.settings.script),
        Err(errors) => {
            out::error(errors);
            Err(Exit(exit::CONFIGURATION))
        }
    }
}

/// What a file is given: what its section says, or nothing.
fn plan_of(file: &Path, sections: &[Script]) -> Plan {
    let same = |one: &Path| {
        let real = one.canonicalize();
        real.is_ok() && real.ok() == file.canonicalize().ok()
    };
    match sections.iter().find(|section| same(&section.path)) {
        Some(section) => Plan { path: file.to_owned(), ..lua::plan(section) },
        None => Plan::of(file),
    }
}

/// Does something with scripts, where no server is.
fn offline<T>(work: impl Future<Output = T>) -> Result<T, Exit> {
    match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => Ok(runtime.block_on(work)),
        Err(error) => {
            out::error(format_args!("the runtime cannot be started: {error}"));
            Err(Exit(exit::FAILURE))
        }
    }
}

fn failed(fault: &Fault) -> Exit {
    out::error(&fault.message);
    fault.traceback.lines().for_each(|line| out::note(format_args!("  {line}")));
    Exit(exit::FAILURE)
}

fn fired(flags: &Overrides, fire: &ScriptFire) -> Result<(), Exit> {
    let fields: Value = match serde_json::from_str(&fire.fields) {
        Ok(fields @ Value::Object(_)) => fields,
        Ok(_) => {
            return Err(wrong("the event's fields are a JSON object, as in {\"path\": \"a\"}"));
        }
        Err(error) => return Err(wrong(&format!("the event's fields are no JSON: {error}"))),
    };
    let plan = plan_of(&fire.script, &sections(flags)?);
    let said = offline(async {
        let stage = lua::stage(&plan).await?;
        ask(&stage, &fire.event, fields.into()).await
    })?;
    let said = said.map_err(|fault| failed(&fault))?;
    match Value::try_from(&said.to_data()) {
        Ok(json) => out::json(&json),
        Err(why) => {
            out::error(format_args!("the answer cannot be shown as JSON: {why}"));
            return Err(Exit(exit::FAILURE));
        }
    }
    Ok(())
}

fn wrong(text: &str) -> Exit {
    out::error(text);
    Exit(exit::CONFIGURATION)
}

async fn ask(stage: &Stage, event: &str, fields: Data) -> Result<Said, Fault> {
    if !matches!(event, "http.route" | "ocs.route") {
        return stage.fire(event, &fields).await;
    }
    let field = |name: &str| fields.get(name).and_then(Data::text).unwrap_or_default().to_owned();
    let (method, path) = (field("method"), field("path"));
    let method = if method.is_empty() { "GET" } else { &method };
    stage.request(method, &path, &fields).await
}
