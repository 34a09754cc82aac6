//! `moonsail user …`

use std::io::{self, BufRead, IsTerminal};

use serde_json::Value;

use super::args::{UserAdd, UserDelete, UserVerb};
use super::exit::{self, Exit};
use super::session::{Folder, Session};
use super::table::{print, quota, size, text, time};
use super::{out, password};
use crate::app::commands::{Command, NewAccount, NewQuota, UserCommand};
use crate::config::Overrides;

pub(super) fn run(flags: &Overrides, verb: UserVerb) -> Exit {
    match Session::open(flags).and_then(|session| act(&session, verb)) {
        Ok(()) => Exit(exit::OK),
        Err(exit) => exit,
    }
}

fn act(session: &Session, verb: UserVerb) -> Result<(), Exit> {
    let ask = |command| session.run(Command::User(command), Folder::There);
    match verb {
        UserVerb::Add(new) => add(session, new),
        UserVerb::List(output) => {
            let users = ask(UserCommand::List)?;
            if output.json {
                out::json(&users)
            } else {
                print(&list(&users))
            }
            Ok(())
        }
        UserVerb::Show(user) => {
            let shown = ask(UserCommand::Show { name: user.name.to_string() })?;
            if user.output.json {
                out::json(&shown)
            } else {
                print(&card(&shown))
            }
            Ok(())
        }
        UserVerb::Passwd(user) => {
            let password = password::read(user.password, user.name.as_str())?;
            ask(UserCommand::Passwd { name: user.name.to_string(), password })?;
            out::line(format_args!("{} has a new password.", user.name));
            Ok(())
        }
        UserVerb::Disable(user) => {
            ask(UserCommand::Enable { name: user.name.to_string(), enabled: false })?;
            out::line(format_args!("{} is locked out.", user.name));
            Ok(())
        }
        UserVerb::Enable(user) => {
            ask(UserCommand::Enable { name: user.name.to_string(), enabled: true })?;
            out::line(format_args!("{} may log in.", user.name));
            Ok(())
        }
        UserVerb::Delete(user) => delete(session, &user),
        UserVerb::Quota(user) => {
            ask(UserCommand::Quota { name: user.name.to_string(), bytes: user.quota.0 })?;
            let quota = user.quota.0.map_or_else(|| "without limit".to_owned(), size);
            out::line(format_args!("{} may store {quota}.", user.name));
            Ok(())
        }
    }
}

fn add(session: &Session, new: UserAdd) -> Result<(), Exit> {
    let password = password::read(new.password, new.name.as_str())?;
    let account = NewAccount {
        name: new.name.to_string(),
        password,
        display_name: new.display_name,
        email: new.email,
        admin: new.admin,
        quota: match new.quota.map(|quota| quota.0) {
            None => NewQuota::Default,
            Some(None) => NewQuota::Unlimited,
            Some(Some(bytes)) => NewQuota::Bytes(bytes),
        },
        groups: new.groups,
    };
    session.run(Command::User(UserCommand::Add(account)), Folder::Made)?;
    out::line(format_args!("{} was made.", new.name));
    Ok(())
}

fn delete(session: &Session, user: &UserDelete) -> Result<(), Exit> {
    let name = user.name.as_str();
    if !user.yes && !confirmed(name)? {
        out::note("Nothing was removed.");
        return Err(Exit(exit::FAILURE));
    }
    let command = UserCommand::Delete { name: name.to_owned() };
    let done = session.run(Command::User(command), Folder::There)?;
    let freed = size(done["freed_bytes"].as_u64().unwrap_or(0));
    out::line(format_args!("{name} was removed, with files of {freed}."));
    Ok(())
}

/// Asks on the terminal; the name must be typed.
fn confirmed(name: &str) -> Result<bool, Exit> {
    if !io::stdin().is_terminal() {
        out::error("there is no terminal to ask for confirmation; give --yes");
        return Err(Exit(exit::CONFIGURATION));
    }
    out::note(format_args!(
        "This removes {name} with all files and app passwords, for good. Type the name to go on:"
    ));
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    Ok(read.is_ok() && line.trim() == name)
}

fn list(users: &Value) -> Vec<Vec<String>> {
    let head = ["USER", "NAME", "ADMIN", "ENABLED", "QUOTA", "LAST LOGIN"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(users.as_array().into_iter().flatten().map(|user| {
        vec![
            text(&user["user"]),
            text(&user["display_name"]),
            text(&user["admin"]),
            text(&user["enabled"]),
            quota(&user["quota_bytes"]),
            time(&user["last_login"]),
        ]
    }));
    rows
}

fn card(user: &Value) -> Vec<Vec<String>> {
    let groups: Vec<String> = user["groups"].as_array().into_iter().flatten().map(text).collect();
    let used = size(user["used_bytes"].as_u64().unwrap_or(0));
    let rows = [
        ("user", text(&user["user"])),
        ("name", text(&user["display_name"])),
        ("mail", text(&user["email"])),
        ("administrator", text(&user["admin"])),
        ("enabled", text(&user["enabled"])),
        ("stores", format!("{used} of {}", quota(&user["quota_bytes"]))),
        ("groups", if groups.is_empty() { "-".to_owned() } else { groups.join(", ") }),
        ("app passwords", text(&user["app_passwords"])),
        ("password kept by", text(&user["provider"])),
        ("made", time(&user["created"])),
        ("last login", time(&user["last_login"])),
    ];
    rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect()
}
