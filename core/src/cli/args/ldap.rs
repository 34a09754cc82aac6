//! `moonsail ldap` as clap reads it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to find out about a directory.
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub enum LdapVerb {
    /// Show what a provider makes of a login: filter, entry, groups, account, times
    Explain(ExplainArgs),
    /// Show whose account would change how with another configuration; changes nothing
    #[command(after_help = DIFF_HELP)]
    Diff(DiffArgs),
}

const DIFF_HELP: &str = "\
Lists all accounts of each provider in auth.chain, with this configuration and with the other one:

  moonsail --config /etc/moonsail.toml ldap diff new.toml

An account is kept by its provider's immutable id. A login under `becomes another account` would not find
its files any more: that is what a changed id_attribute does to everybody.";

/// A login to explain.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ExplainArgs {
    /// What somebody types to log in
    #[arg(value_name = "LOGIN")]
    pub login: String,
    /// Print JSON for scripts
    #[arg(long)]
    pub json: bool,
}

/// A configuration to compare with.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DiffArgs {
    /// The other configuration
    #[arg(value_name = "NEW.toml")]
    pub new: PathBuf,
    /// Print JSON for scripts
    #[arg(long)]
    pub json: bool,
}
