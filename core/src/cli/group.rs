//! `moonsail group …`

use serde_json::Value;

use super::args::GroupVerb;
use super::exit::{self, Exit};
use super::out;
use super::session::{Folder, Session};
use super::table::{print, text};
use crate::app::commands::{Command, GroupCommand};
use crate::config::Overrides;

pub(super) fn run(flags: &Overrides, verb: GroupVerb) -> Exit {
    match Session::open(flags).and_then(|session| act(&session, verb)) {
        Ok(()) => Exit(exit::OK),
        Err(exit) => exit,
    }
}

fn act(session: &Session, verb: GroupVerb) -> Result<(), Exit> {
    let ask = |command, folder| session.run(Command::Group(command), folder);
    match verb {
        GroupVerb::Add(name) => {
            ask(GroupCommand::Add { group: name.group.clone() }, Folder::Made)?;
            out::line(format_args!("{} was made.", name.group));
        }
        GroupVerb::List(output) => {
            let groups = ask(GroupCommand::List, Folder::There)?;
            if output.json { out::json(&groups) } else { print(&list(&groups)) }
        }
        GroupVerb::Show(show) => {
            let shown = ask(GroupCommand::Show { group: show.group }, Folder::There)?;
            if show.output.json {
                out::json(&shown);
            } else {
                shown["members"].as_array().into_iter().flatten().map(text).for_each(out::line);
            }
        }
        GroupVerb::Delete(name) => {
            ask(GroupCommand::Delete { group: name.group.clone() }, Folder::There)?;
            out::line(format_args!("{} was removed; its members stay.", name.group));
        }
        GroupVerb::Join(member) => {
            let (group, user) = (member.group.clone(), member.user.to_string());
            ask(GroupCommand::Member { group, user, member: true }, Folder::There)?;
            out::line(format_args!("{} is in {}.", member.user, member.group));
        }
        GroupVerb::Leave(member) => {
            let (group, user) = (member.group.clone(), member.user.to_string());
            ask(GroupCommand::Member { group, user, member: false }, Folder::There)?;
            out::line(format_args!("{} is not in {} any more.", member.user, member.group));
        }
    }
    Ok(())
}

fn list(groups: &Value) -> Vec<Vec<String>> {
    let mut rows = vec![vec!["GROUP".to_owned(), "MEMBERS".to_owned()]];
    let groups = groups.as_array().into_iter().flatten();
    rows.extend(groups.map(|group| vec![text(&group["group"]), text(&group["members"])]));
    rows
}
