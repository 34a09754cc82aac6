//! The arguments of `scan`.

use clap::Args;

pub(super) const SCAN_HELP: &str = "\
Not needed as a rule: a running server sees changes below data/files within a second or two, and
looks at everything when it starts. Prints a line for each thing that cannot be served (symbolic
links, names that are not UTF-8 in NFC): the path below data/files, why, and what to do.";

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ScanArgs {
    /// Only the files of this user
    pub user: Option<String>,
    /// Print JSON for scripts
    #[arg(long)]
    pub json: bool,
}
