//! The command line as clap reads it: every verb, its flags and its help.
//!
//! Passwords are never arguments: `ps` would show them to everybody on the machine.

mod backup;
mod capabilities;
pub mod ldap;
mod plugin;
mod scan;
mod script;
mod token;
mod user;

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};

pub use backup::{BackupArgs, BackupVerb, RestoreArgs, VerifyArgs};
pub use capabilities::CapabilitiesArgs;
pub use plugin::{PluginInspect, PluginName, PluginTest, PluginVerb};
pub use scan::ScanArgs;
pub use script::{
    ScriptCheck, ScriptFire, ScriptKind, ScriptName, ScriptNew, ScriptTest, ScriptTop, ScriptTypes,
    ScriptVerb,
};
pub use token::{TokenAdd, TokenId, TokenList, TokenVerb};
pub use user::{UserAdd, UserDelete, UserName, UserPasswd, UserQuota, UserShow, UserVerb};

use super::units;
use crate::config::Overrides;
use crate::ids::Uid;

/// What follows the list of verbs in the help.
const AFTER_HELP: &str = "\
Examples:
  moonsail                                     serve from ./server.toml, or with the defaults
  moonsail user add alice --admin              make a user; asks for the password
  moonsail --data /srv/moonsail token list bob
  moonsail check --config /etc/moonsail.toml   is this configuration good?
  moonsail fsck                                is every file what it was when it was stored?
  moonsail backup /mnt/backup --keep 14        while the server runs

Verbs other than serve, check, ldap, restore, plugin inspect, test and header, and script new, check,
test, fire and types go to the server that uses the data folder, and bite on its next request; if none runs
they work on the folder themselves. Run them as the server's user or as root.

Exit codes:
  0  done
  1  failed; standard error says why
  2  the command line or the configuration is wrong
  3  another process uses the data folder
  4  problems were found or files are missing (fsck, backup, restore, capabilities, plugin
     test, script check, script test)

Settings come from server.toml, MOONSAIL_* environment variables and flags; later ones win.";

/// A file server that the Nextcloud apps use as if it were a Nextcloud server.
#[derive(Debug, Parser)]
#[command(name = "moonsail", version, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Flags that every verb takes, before or behind it.
#[derive(Debug, Clone, Default, Args)]
struct Global {
    /// Configuration to read instead of server.toml in the working folder
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder with everything the server keeps (data_dir)
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<String>,
}

/// Flags of `serve`, which the bare command takes as well.
#[derive(Debug, Clone, Default, Args)]
struct ServeArgs {
    /// Where to listen for TLS (server.listen); "" for nowhere
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Where to listen for plain HTTP from this machine and proxies (server.listen_http); "" for
    /// nowhere
    #[arg(long, value_name = "ADDR:PORT")]
    listen_http: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT; SIGHUP reloads (the default without a verb)
    #[command(name = "serve")]
    Serve(ServeArgs),
    #[command(flatten)]
    Other(Verb),
}

/// What to do, without the flags that belong to the configuration.
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub enum Verb {
    /// Serve. Built from the bare command or from `serve`.
    #[command(skip)]
    Serve,
    /// Validate the configuration, show what is in force, start nothing
    Check(JsonArgs),
    /// Make, show and change users
    #[command(subcommand, after_help = user::USER_HELP)]
    User(UserVerb),
    /// Make, show and change groups
    #[command(subcommand)]
    Group(GroupVerb),
    /// Make, show and revoke app passwords: what apps and scripts log in with
    #[command(subcommand, after_help = token::TOKEN_HELP)]
    Token(TokenVerb),
    /// Show what apps are told that the server can do, and which extension says so
    Capabilities(CapabilitiesArgs),
    /// Ask directories and other providers of accounts what they make of people
    #[command(subcommand)]
    Ldap(ldap::LdapVerb),
    /// Verify every file against the index: sizes and checksums. Exit code 4 if something differs
    #[command(after_help = FSCK_HELP)]
    Fsck(JsonArgs),
    /// Take over now what others have changed on the disk. Exit code 4 if something cannot be served
    #[command(after_help = scan::SCAN_HELP)]
    Scan(ScanArgs),
    /// Inspect, test, list and reload native plugins; print the header for those in C
    #[command(subcommand, after_help = plugin::PLUGIN_HELP)]
    Plugin(PluginVerb),
    /// Write, check, test, list and reload scripts in Lua
    #[command(subcommand, after_help = script::SCRIPT_HELP)]
    Script(ScriptVerb),
    /// Make a backup of everything, also while the server runs, or verify one
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = backup::BACKUP_HELP)]
    Backup(BackupArgs),
    /// Make an empty data folder what it was when a backup was made
    #[command(after_help = backup::RESTORE_HELP)]
    Restore(RestoreArgs),
}

const FSCK_HELP: &str = "\
Reads every file and changes none. May run beside the server, which then does the reading; files
that change meanwhile are looked at again. Prints a line for each problem: the path below
data/files, what is wrong, and what to do.";

/// The choice between people and scripts as readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct JsonArgs {
    /// Print JSON for scripts
    #[arg(long)]
    pub json: bool,
}

/// Where a new password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct PasswordArgs {
    /// Read the password from the first line of standard input instead of asking for it
    #[arg(long)]
    pub password_stdin: bool,
}

/// `moonsail group …`
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub enum GroupVerb {
    /// Make a group
    Add(GroupName),
    /// List all groups
    List(JsonArgs),
    /// Show the members of a group
    Show(GroupShow),
    /// Remove a group; its members stay
    Delete(GroupName),
    /// Add a user to a group
    Join(GroupMember),
    /// Take a user out of a group
    Leave(GroupMember),
}

/// A group.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct GroupName {
    /// Name of the group
    #[arg(value_name = "GROUP")]
    pub group: String,
}

/// `group show`
#[derive(Debug, PartialEq, Eq, Args)]
pub struct GroupShow {
    /// Name of the group
    #[arg(value_name = "GROUP")]
    pub group: String,
    #[command(flatten)]
    /// For whom.
    pub output: JsonArgs,
}

/// A group and a user.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct GroupMember {
    /// Name of the group
    #[arg(value_name = "GROUP")]
    pub group: String,
    /// User id
    #[arg(value_name = "USER", value_parser = uid)]
    pub user: Uid,
}

impl Cli {
    /// Reads the command line of the process. Help, version and wrong usage end the process.
    pub fn from_process() -> (Overrides, Verb) {
        Self::parse().split().unwrap_or_else(|error| error.exit())
    }

    /// The flags that belong to the configuration, and the verb.
    fn split(self) -> Result<(Overrides, Verb), clap::Error> {
        let Self { global, serve: bare, command } = self;
        let (serve, verb) = match command {
            None => (bare, Verb::Serve),
            Some(Command::Serve(own)) => {
                let listen = own.listen.or(bare.listen);
                let listen_http = own.listen_http.or(bare.listen_http);
                (ServeArgs { listen, listen_http }, Verb::Serve)
            }
            Some(Command::Other(verb)) if bare.listen.is_none() && bare.listen_http.is_none() => {
                (bare, verb)
            }
            Some(Command::Other(_)) => {
                let text = "--listen and --listen-http belong to `serve`";
                return Err(Self::command().error(ErrorKind::ArgumentConflict, text));
            }
        };
        let overrides = Overrides {
            config: global.config,
            data_dir: global.data,
            listen: serve.listen,
            listen_http: serve.listen_http,
        };
        Ok((overrides, verb))
    }
}

fn uid(text: &str) -> Result<Uid, String> {
    Uid::parse(text).ok_or_else(|| {
        "a user id is 1 to 64 letters, digits and _ . @ -, and does not begin with a dot".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::ldap::{DiffArgs, ExplainArgs, LdapVerb};
    use super::units::{Expiry, Quota};
    use super::*;
    use crate::path::DavPath;

    #[track_caller]
    fn parse(line: &str) -> (Overrides, Verb) {
        read(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    fn read(line: &str) -> Result<(Overrides, Verb), clap::Error> {
        Cli::try_parse_from(line.split(' ')).and_then(Cli::split)
    }

    #[test]
    fn clap_finds_no_fault_in_the_definition() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_verb_is_serve_and_flags_stand_before_or_behind_the_verb() {
        for line in [
            "moonsail --config a.toml --data /d --listen [::]:1 --listen-http [::]:2",
            "moonsail serve --config a.toml --data /d --listen [::]:1 --listen-http [::]:2",
            "moonsail --config a.toml --data /d serve --listen [::]:1 --listen-http [::]:2",
            "moonsail --listen [::]:1 serve --listen-http [::]:2 --data /d --config a.toml",
        ] {
            let (flags, verb) = parse(line);
            assert_eq!(verb, Verb::Serve, "{line}");
            assert_eq!(flags.config, Some("a.toml".into()), "{line}");
            assert_eq!(flags.data_dir.as_deref(), Some("/d"), "{line}");
            assert_eq!(flags.listen.as_deref(), Some("[::]:1"), "{line}");
            assert_eq!(flags.listen_http.as_deref(), Some("[::]:2"), "{line}");
        }
        for line in ["moonsail --data /d user list", "moonsail user list --data /d"] {
            assert_eq!(parse(line).0.data_dir.as_deref(), Some("/d"), "{line}");
        }
        assert_eq!(parse("moonsail").1, Verb::Serve);
    }

    #[test]
    fn verbs_are_read() {
        let alice = || Uid::parse("alice").unwrap();
        let json = JsonArgs { json: true };
        let people = JsonArgs { json: false };
        let member = || GroupMember { group: "g".to_owned(), user: alice() };
        let group = || GroupName { group: "g".to_owned() };
        for (line, expected) in [
            ("check --json", Verb::Check(json)),
            ("fsck", Verb::Fsck(people)),
            (
                "capabilities --user alice --json",
                Verb::Capabilities(CapabilitiesArgs { user: Some(alice()), output: json }),
            ),
            (
                "ldap explain alice --json",
                Verb::Ldap(LdapVerb::Explain(ExplainArgs { login: "alice".into(), json: true })),
            ),
            (
                "ldap diff new.toml",
                Verb::Ldap(LdapVerb::Diff(DiffArgs { new: "new.toml".into(), json: false })),
            ),
            ("scan", Verb::Scan(ScanArgs { user: None, json: false })),
            (
                "scan alice --json",
                Verb::Scan(ScanArgs { user: Some("alice".to_owned()), json: true }),
            ),
            (
                "user add alice --admin --quota 10GB --group a --group b --password-stdin",
                Verb::User(UserVerb::Add(UserAdd {
                    name: alice(),
                    display_name: None,
                    email: None,
                    admin: true,
                    quota: Some(Quota(Some(10_000_000_000))),
                    groups: vec!["a".to_owned(), "b".to_owned()],
                    password: PasswordArgs { password_stdin: true },
                })),
            ),
            ("user list", Verb::User(UserVerb::List(people))),
            (
                "user show alice --json",
                Verb::User(UserVerb::Show(UserShow { name: alice(), output: json })),
            ),
            (
                "user passwd alice",
                Verb::User(UserVerb::Passwd(UserPasswd {
                    name: alice(),
                    password: PasswordArgs { password_stdin: false },
                })),
            ),
            ("user disable alice", Verb::User(UserVerb::Disable(UserName { name: alice() }))),
            ("user enable alice", Verb::User(UserVerb::Enable(UserName { name: alice() }))),
            (
                "user delete alice --yes",
                Verb::User(UserVerb::Delete(UserDelete { name: alice(), yes: true })),
            ),
            (
                "user quota alice unlimited",
                Verb::User(UserVerb::Quota(UserQuota { name: alice(), quota: Quota(None) })),
            ),
            ("group add g", Verb::Group(GroupVerb::Add(group()))),
            ("group list --json", Verb::Group(GroupVerb::List(json))),
            (
                "group show g",
                Verb::Group(GroupVerb::Show(GroupShow { group: "g".to_owned(), output: people })),
            ),
            ("group delete g", Verb::Group(GroupVerb::Delete(group()))),
            ("group join g alice", Verb::Group(GroupVerb::Join(member()))),
            ("group leave g alice", Verb::Group(GroupVerb::Leave(member()))),
            (
                "token add alice scanner --read-only --folder /Scans/ --expires 90d --json",
                Verb::Token(TokenVerb::Add(TokenAdd {
                    user: alice(),
                    label: "scanner".to_owned(),
                    read_only: true,
                    folder: Some(DavPath::from_decoded("Scans").unwrap()),
                    expires: Some(Expiry::After(std::time::Duration::from_secs(90 * 86_400))),
                    output: json,
                })),
            ),
            (
                "token list alice",
                Verb::Token(TokenVerb::List(TokenList { user: alice(), output: people })),
            ),
            (
                "token revoke alice 7",
                Verb::Token(TokenVerb::Revoke(TokenId { user: alice(), id: 7 })),
            ),
            (
                "backup /mnt/b --keep 14",
                Verb::Backup(BackupArgs {
                    verb: None,
                    dir: Some("/mnt/b".into()),
                    keep: Some(14),
                    output: people,
                }),
            ),
            (
                "backup verify /mnt/b --json",
                Verb::Backup(BackupArgs {
                    verb: Some(BackupVerb::Verify(VerifyArgs {
                        dir: "/mnt/b".into(),
                        output: json,
                    })),
                    dir: None,
                    keep: None,
                    output: people,
                }),
            ),
            (
                "restore /mnt/b --verify",
                Verb::Restore(RestoreArgs { dir: "/mnt/b".into(), verify: true, output: people }),
            ),
            (
                "script top hours --last 5",
                Verb::Script(ScriptVerb::Top(ScriptTop {
                    name: Some("hours".to_owned()),
                    last: 5,
                    output: people,
                })),
            ),
            (
                "script test a.lua b.lua --junit r.xml",
                Verb::Script(ScriptVerb::Test(ScriptTest {
                    files: vec!["a.lua".into(), "b.lua".into()],
                    junit: Some("r.xml".into()),
                })),
            ),
            (
                "script fire auth.password {} --script a.lua",
                Verb::Script(ScriptVerb::Fire(ScriptFire {
                    event: "auth.password".to_owned(),
                    fields: "{}".to_owned(),
                    script: "a.lua".into(),
                })),
            ),
            (
                "script new hours --kind auth",
                Verb::Script(ScriptVerb::New(ScriptNew {
                    name: "hours".to_owned(),
                    kind: ScriptKind::Auth,
                })),
            ),
            ("token wipe alice 7", Verb::Token(TokenVerb::Wipe(TokenId { user: alice(), id: 7 }))),
        ] {
            assert_eq!(parse(&format!("moonsail {line}")).1, expected, "{line}");
        }
    }

    #[test]
    fn wrong_usage_exits_with_the_code_of_a_wrong_configuration() {
        for line in [
            "moonsail --listen [::]:1 user list",
            "moonsail usr",
            "moonsail user add alice --password x",
            "moonsail user add ../alice",
            "moonsail user quota alice 10XB",
            "moonsail token revoke alice 0",
            "moonsail backup",
            "moonsail backup verify",
            "moonsail backup /mnt/b --keep 0",
            "moonsail restore",
            "moonsail script test",
            "moonsail script new x --kind y",
            "moonsail script fire auth.password",
            "moonsail token add alice x --folder a/../b",
            "moonsail token add alice x --expires never",
        ] {
            let error = read(line).expect_err(line);
            assert_eq!(error.exit_code(), i32::from(crate::cli::exit::CONFIGURATION), "{line}");
        }
    }
}
