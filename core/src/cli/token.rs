//! `moonsail token …`

use serde_json::Value;

use super::args::{TokenAdd, TokenVerb};
use super::exit::{self, Exit};
use super::out;
use super::session::{Folder, Session};
use super::table::{print, text, time};
use crate::app::commands::{Command, NewAppPassword, TokenCommand};
use crate::clock::Clock;
use crate::config::Overrides;

pub(super) fn run(flags: &Overrides, verb: TokenVerb) -> Exit {
    match Session::open(flags).and_then(|session| act(&session, verb)) {
        Ok(()) => Exit(exit::OK),
        Err(exit) => exit,
    }
}

fn act(session: &Session, verb: TokenVerb) -> Result<(), Exit> {
    let ask = |command| session.run(Command::Token(command), Folder::There);
    match verb {
        TokenVerb::Add(new) => {
            let json = new.output.json;
            let made = ask(TokenCommand::Add(wanted(new)))?;
            // Alone on its line, so that a script can take it.
            if json { out::json(&made) } else { out::line(text(&made["app_password"])) }
        }
        TokenVerb::List(list) => {
            let tokens = ask(TokenCommand::List { user: list.user.to_string() })?;
            if list.output.json { out::json(&tokens) } else { print(&rows(&tokens)) }
        }
        TokenVerb::Revoke(token) => {
            ask(TokenCommand::Revoke { user: token.user.to_string(), id: token.id })?;
            out::line(format_args!("App password {} of {} is void.", token.id, token.user));
        }
        TokenVerb::Wipe(token) => {
            ask(TokenCommand::Wipe { user: token.user.to_string(), id: token.id })?;
            out::line(format_args!(
                "App password {} of {} is void; its app is told to remove its files when it asks.",
                token.id, token.user
            ));
        }
    }
    Ok(())
}

fn wanted(new: TokenAdd) -> NewAppPassword {
    let now = Clock::system().seconds();
    NewAppPassword {
        user: new.user.to_string(),
        label: new.label,
        read_only: new.read_only,
        folder: new.folder.map(|folder| folder.as_str().to_owned()),
        expires: new.expires.map(|expiry| expiry.seconds(now)),
    }
}

fn rows(tokens: &Value) -> Vec<Vec<String>> {
    let head = ["ID", "LABEL", "MADE", "LAST USED", "EXPIRES", "MAY"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(tokens.as_array().into_iter().flatten().map(|token| {
        vec![
            text(&token["id"]),
            text(&token["label"]),
            time(&token["created"]),
            time(&token["last_used"]),
            time(&token["expires"]),
            may(token),
        ]
    }));
    rows
}

/// What a token is good for.
fn may(token: &Value) -> String {
    if token["wipe"] == true {
        return "wipe its device".to_owned();
    }
    let verb = if token["read_only"] == true { "read" } else { "read and write" };
    match token["folder"].as_str() {
        Some(folder) if !folder.is_empty() => format!("{verb} in {folder}"),
        _ => format!("{verb} everything"),
    }
}
