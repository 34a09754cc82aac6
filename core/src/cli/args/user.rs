//! The arguments of `user`.

use clap::{Args, Subcommand};

use super::units::{self, Quota};
use super::{JsonArgs, PasswordArgs, uid};
use crate::ids::Uid;

pub(super) const USER_HELP: &str = "\
Examples:
  moonsail user add alice --admin --group family
  pass show moonsail/bob | moonsail user add bob --quota 50GB --password-stdin
  moonsail user quota bob unlimited
  moonsail user list --json";

/// `moonsail user …`
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub enum UserVerb {
    /// Make a user
    Add(UserAdd),
    /// List all users
    List(JsonArgs),
    /// Show one user
    Show(UserShow),
    /// Set a new password; ends the user's browser sessions
    Passwd(UserPasswd),
    /// Lock a user out; files stay
    Disable(UserName),
    /// Let a disabled user in again
    Enable(UserName),
    /// Remove a user with app passwords and files; the name is never given again
    Delete(UserDelete),
    /// Set how much a user may store
    Quota(UserQuota),
}

/// A user.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct UserName {
    /// User id
    #[arg(value_name = "NAME", value_parser = uid)]
    pub name: Uid,
}

/// `user delete`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct UserDelete {
    /// User id
    #[arg(value_name = "NAME", value_parser = uid)]
    pub name: Uid,
    /// Do not ask for confirmation; needed where there is no terminal
    #[arg(long, short)]
    pub yes: bool,
}

/// `user add`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct UserAdd {
    /// User id: letters, digits and _ . @ -, for ever
    #[arg(value_name = "NAME", value_parser = uid)]
    pub name: Uid,
    /// Name that people see; the user id if not given
    #[arg(long, value_name = "TEXT")]
    pub display_name: Option<String>,
    /// Mail address
    #[arg(long, value_name = "ADDRESS")]
    pub email: Option<String>,
    /// Make the user an administrator
    #[arg(long)]
    pub admin: bool,
    /// How much the user may store: 10GB, 512MiB, unlimited; default_quota_bytes if not given
    #[arg(long, value_name = "SIZE", value_parser = units::quota)]
    pub quota: Option<Quota>,
    /// Group to join, made if there is none; may be given several times
    #[arg(long = "group", value_name = "GROUP")]
    pub groups: Vec<String>,
    #[command(flatten)]
    /// Where the password comes from.
    pub password: PasswordArgs,
}

/// `user show`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct UserShow {
    /// User id
    #[arg(value_name = "NAME", value_parser = uid)]
    pub name: Uid,
    #[command(flatten)]
    /// For whom.
    pub output: JsonArgs,
}

/// `user passwd`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct UserPasswd {
    /// User id
    #[arg(value_name = "NAME", value_parser = uid)]
    pub name: Uid,
    #[command(flatten)]
    /// Where the password comes from.
    pub password: PasswordArgs,
}

/// `user quota`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct UserQuota {
    /// User id
    #[arg(value_name = "NAME", value_parser = uid)]
    pub name: Uid,
    /// 10GB, 512MiB, 1.5TB, unlimited
    #[arg(value_name = "SIZE", value_parser = units::quota)]
    pub quota: Quota,
}
