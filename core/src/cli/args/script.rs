//! The arguments of `script`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::JsonArgs;

pub(super) const SCRIPT_HELP: &str = "\
Examples:
  moonsail script new office-hours --kind rules
  moonsail script check                          every [[script]] of server.toml
  moonsail script test scripts/tests/*.lua --junit report.xml
  moonsail script fire file.before_upload '{\"path\": \"a.exe\"}' --script scripts/office-hours.lua
  moonsail script list
  moonsail script top office-hours
  moonsail script reload office-hours

list, top and reload ask the running server. check, test, fire, new and types need none, reach no other
machine and change nothing on the server: scripts run there with fakes.";

/// `moonsail script …`
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub enum ScriptVerb {
    /// List the scripts that run, with what they listen to, their calls and failures
    List(JsonArgs),
    /// Show the last runs: event, answer, time, error
    Top(ScriptTop),
    /// Load a script anew from its file; one that does not load leaves the old one in service
    Reload(ScriptName),
    /// Load scripts as the server would, without one. Exit code 4 if something is wrong
    Check(ScriptCheck),
    /// Run the tests of scripts, with fakes for all that they reach. Exit code 4 if one fails
    Test(ScriptTest),
    /// Ask a script about an event, with fakes, and print its answer as JSON
    Fire(ScriptFire),
    /// Write a script and a test for it, to begin with
    New(ScriptNew),
    /// Write what editors need to complete and check scripts: moon.d.luau, moon.meta.lua
    Types(ScriptTypes),
}

/// `script types`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct ScriptTypes {
    /// The folder, as in scripts/types
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// `script top`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct ScriptTop {
    /// Only the runs of this script
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// How many, the latest ones
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub last: usize,
    #[command(flatten)]
    /// For whom.
    pub output: JsonArgs,
}

/// A running script.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct ScriptName {
    /// Its name in server.toml
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// `script check`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct ScriptCheck {
    /// Files; without any, all that server.toml names. A file that it names is given its section
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// `script test`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct ScriptTest {
    /// Files with tests: test("name", function(t) … end)
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Also write the results as JUnit's XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// `script fire`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct ScriptFire {
    /// The event, as in auth.password, or http.route
    #[arg(value_name = "EVENT")]
    pub event: String,
    /// Its fields as a JSON object. http.route takes method, path, and what the request has
    #[arg(value_name = "JSON", default_value = "{}")]
    pub fields: String,
    /// The script's file. If server.toml names it, it gets its section
    #[arg(long, value_name = "FILE")]
    pub script: PathBuf,
}

/// `script new`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct ScriptNew {
    /// Its name: letters a-z, digits, - and _
    #[arg(value_name = "NAME")]
    pub name: String,
    /// What it is for
    #[arg(long, value_enum, default_value_t = ScriptKind::Rules)]
    pub kind: ScriptKind,
}

/// What a new script is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScriptKind {
    /// Who may log in
    Auth,
    /// What may be uploaded
    Rules,
    /// A page or an interface of its own
    Route,
    /// What apps are told that the server can do
    Capabilities,
}
