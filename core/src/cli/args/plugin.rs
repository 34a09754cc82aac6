//! The arguments of `plugin`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::JsonArgs;

pub(super) const PLUGIN_HELP: &str = "\
Examples:
  moonsail plugin inspect target/release/libmoonsail_auth_ldap.so
  moonsail plugin test libmine.so --plugin-config '{\"path\": \"users\"}' --login alice
  moonsail plugin list
  moonsail plugin reload ldap
  moonsail plugin header > moonsail_plugin.h

A plugin that is inspected or tested is loaded into this process and runs with your rights.";

/// `moonsail plugin …`
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub enum PluginVerb {
    /// Show what a library says of itself: name, version, interface, what it offers, its schema
    Inspect(PluginInspect),
    /// Load a library, start it and run the conformance suites of what it offers. Exit code 4 if a
    /// case fails
    Test(PluginTest),
    /// List the plugins that run, with their calls and failures
    List(JsonArgs),
    /// Load a plugin anew from its file, beside the copy in use; no request fails
    Reload(PluginName),
    /// Print moonsail_plugin.h, which is all that a plugin in C or C++ needs
    Header,
}

/// `plugin inspect`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct PluginInspect {
    /// The library
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    /// For whom.
    pub output: JsonArgs,
}

/// `plugin test`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct PluginTest {
    /// The library
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Its configuration as a JSON object; {tmp} in it stands for a new empty folder
    #[arg(long = "plugin-config", value_name = "JSON", default_value = "{}")]
    pub plugin_config: String,
    /// A login that an authenticator knows; its password is asked for, or read from the first line
    /// of standard input
    #[arg(long, value_name = "LOGIN")]
    pub login: Option<String>,
}

/// A running plugin.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct PluginName {
    /// Name of the instance in server.toml
    #[arg(value_name = "NAME")]
    pub name: String,
}
