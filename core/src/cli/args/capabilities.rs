//! The arguments of `capabilities`.

use clap::Args;

use super::{JsonArgs, uid};
use crate::ids::Uid;

const CAPABILITIES_HELP: &str = "\
Each line is a key, its value, and the extension that has set it; - is the server itself. Extensions
have their say in the order of server.toml. An extension whose patch no app could read is named on
standard error, with the key, and the exit code is 4.";

/// Whose capabilities.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = CAPABILITIES_HELP)]
pub struct CapabilitiesArgs {
    /// What this user's apps are told; without it, what everybody is told
    #[arg(long, value_name = "USER", value_parser = uid)]
    pub user: Option<Uid>,
    #[command(flatten)]
    /// For whom.
    pub output: JsonArgs,
}
