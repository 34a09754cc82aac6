//! The flags of `backup` and `restore`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::JsonArgs;

/// What follows the flags in the help of `backup`.
pub(super) const BACKUP_HELP: &str = "\
The first backup into a folder copies everything, later ones what has changed; each is whole by
itself, with plain files, the index and a manifest, in a folder named by its time. It is what the
server had at one moment. A running server makes it, so the folder must be writable for its user.

Examples:
  moonsail backup /mnt/backup --keep 14
  moonsail backup verify /mnt/backup
  moonsail backup verify /mnt/backup/2026-11-24T11-20-05Z";

/// What follows the flags in the help of `restore`.
pub(super) const RESTORE_HELP: &str = "\
Restores into the data folder of the configuration or of --data, which must be absent or empty.
Apps find out that a backup was restored, and bring back what is newer on their devices.

Examples:
  moonsail restore /mnt/backup --verify
  moonsail --data /srv/moonsail restore /mnt/backup/2026-11-24T11-20-05Z";

/// `backup`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct BackupArgs {
    /// Verify instead of making one.
    #[command(subcommand)]
    pub verb: Option<BackupVerb>,
    /// Folder of backups; made if there is none
    #[arg(value_name = "DIR", required = true)]
    pub dir: Option<PathBuf>,
    /// Keep the newest N backups and remove older ones [default: keep all]
    #[arg(long, value_name = "N", value_parser = keep)]
    pub keep: Option<usize>,
    #[command(flatten)]
    /// For whom.
    pub output: JsonArgs,
}

/// `backup …`
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub enum BackupVerb {
    /// Compare a backup with its manifest, byte by byte. Exit code 4 if something differs
    Verify(VerifyArgs),
}

/// `backup verify`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct VerifyArgs {
    /// Folder of backups, of which the newest is verified, or one backup in it
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    #[command(flatten)]
    /// For whom.
    pub output: JsonArgs,
}

/// `restore`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RestoreArgs {
    /// Folder of backups, of which the newest is restored, or one backup in it
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Compare each file with its checksum on the way; sizes always are
    #[arg(long)]
    pub verify: bool,
    #[command(flatten)]
    /// For whom.
    pub output: JsonArgs,
}

fn keep(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "a number from 1: the newest backup always stays".to_owned())
}
