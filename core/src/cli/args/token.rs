//! The arguments of `token`.

use clap::{Args, Subcommand};

use super::units::{self, Expiry};
use super::{JsonArgs, uid};
use crate::ids::Uid;
use crate::path::DavPath;

pub(super) const TOKEN_HELP: &str = "\
Examples:
  moonsail token add alice \"backup of the laptop\"
  moonsail token add alice scanner --folder Scans --expires 90d
  moonsail token list alice
  moonsail token revoke alice 7";

/// `moonsail token …`
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub enum TokenVerb {
    /// Make an app password and print it, once
    Add(TokenAdd),
    /// List the app passwords of a user
    List(TokenList),
    /// Make an app password void at once
    Revoke(TokenId),
    /// Ask the app to remove its files from the device, and make its password void
    Wipe(TokenId),
}

/// `token add`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct TokenAdd {
    /// User id
    #[arg(value_name = "USER", value_parser = uid)]
    pub user: Uid,
    /// Name by which to recognise it later
    #[arg(value_name = "LABEL")]
    pub label: String,
    /// May read and not write
    #[arg(long)]
    pub read_only: bool,
    /// The one folder it may touch, below the user's files
    #[arg(long, value_name = "PATH", value_parser = DavPath::from_decoded)]
    pub folder: Option<DavPath>,
    /// When it ends: 12h, 90d, 2w, or a date (2027-01-31, the end of that day in UTC)
    #[arg(long, value_name = "WHEN", value_parser = units::expiry)]
    pub expires: Option<Expiry>,
    #[command(flatten)]
    /// For whom.
    pub output: JsonArgs,
}

/// `token list`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct TokenList {
    /// User id
    #[arg(value_name = "USER", value_parser = uid)]
    pub user: Uid,
    #[command(flatten)]
    /// For whom.
    pub output: JsonArgs,
}

/// An app password.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct TokenId {
    /// User id
    #[arg(value_name = "USER", value_parser = uid)]
    pub user: Uid,
    /// Number of the app password, as `token list` shows it
    #[arg(value_name = "ID", value_parser = clap::value_parser!(i64).range(1..))]
    pub id: i64,
}
