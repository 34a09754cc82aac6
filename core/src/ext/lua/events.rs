//! The events of scripts: those of the hooks, those that follow a change, and those that only scripts
//! have, with what the reference and the editors' stubs say about them.

use crate::config::nearest;
use crate::hooks::{Class, EVENTS, WAITING};

/// An event that only scripts know by this name: plugins have an extension point for it.
#[derive(Debug, Clone, Copy)]
pub struct ScriptEvent {
    /// The name.
    pub name: &'static str,
    /// What a failure means.
    pub class: Class,
    /// When it comes, and what an answer does.
    pub doc: &'static str,
    /// Name, Luau type and meaning of the argument's own fields.
    pub fields: &'static [(&'static str, &'static str, &'static str)],
}

/// Logins, asked in the order of `auth.chain`.
pub const AUTH_EVENTS: &[ScriptEvent] = &[
    ScriptEvent {
        name: "auth.password",
        class: Class::Auth,
        doc: "Whether a password is right. `moon.ok{ user, display_name, email, groups, quota }` \
              says whose it is, `moon.deny` that it is wrong, `moon.next` that nobody of this name is \
              known here.",
        fields: &[
            ("user", "string", "what was typed for a name"),
            ("password", "Secret", "what was typed for a password"),
        ],
    },
    ScriptEvent {
        name: "auth.token",
        class: Class::Auth,
        doc: "Whose a token is. Not asked yet: bearer tokens are app passwords so far. The answers are those of auth.password.",
        fields: &[
            ("kind", "string", "what kind of token: bearer"),
            ("token", "Secret", "the token"),
        ],
    },
    ScriptEvent {
        name: "auth.lookup",
        class: Class::Auth,
        doc: "What is known of an account now: `moon.ok{ user, display_name, … }`, `moon.disabled` if it \
              may not log in, `moon.next` if there is none. Asked for each account that this script has \
              let in, about once a minute, when it has a handler for this.",
        fields: &[
            ("user", "string?", "the login, if it is looked for by that"),
            ("subject", "string?", "the id that moon.ok gave, if it is looked for by that"),
        ],
    },
    ScriptEvent {
        name: "auth.search",
        class: Class::Auth,
        doc: "Not asked yet, since nothing looks for accounts at providers. Accounts whose names have a text in them: a list of tables as in auth.lookup.",
        fields: &[
            ("text", "string", "what to look for; empty for all"),
            ("limit", "number", "how many at most"),
        ],
    },
    ScriptEvent {
        name: "auth.set_password",
        class: Class::Auth,
        doc: "Not asked yet, since users cannot change the password of a provider. A user wants another password. `moon.ok()` if it is set, `moon.deny` with a sentence for the \
              user, `moon.next` if the account is not known here.",
        fields: &[
            ("user", "string", "the login"),
            ("old", "Secret?", "the password so far, if the user gave it"),
            ("new", "Secret", "the new one"),
        ],
    },
];

/// Events of the script itself.
pub const SERVER_EVENTS: &[ScriptEvent] = &[
    ScriptEvent {
        name: "server.load",
        class: Class::Before,
        doc: "The script was loaded, in each of its VMs, and is not in service yet. An error keeps the one \
              that was loaded before.",
        fields: &[
            ("generation", "number", "how many times it was loaded in this process"),
            ("state", "any", "what server.unload of the one before has returned"),
        ],
    },
    ScriptEvent {
        name: "server.unload",
        class: Class::After,
        doc: "Another generation takes over. What is returned is `state` in its server.load.",
        fields: &[("generation", "number", "how many times it was loaded in this process")],
    },
];

/// Events that follow a change, told from the change feed: at least once, in order, also after a
/// restart.
pub const AFTER_EVENTS: &[(&str, &str)] = &[
    ("file.created_dir", "A folder was made."),
    ("file.uploaded", "A file was uploaded, new or over another one."),
    ("file.copied", "A file or folder was copied; this is the copy."),
    ("file.moved", "A file or folder was moved or renamed."),
    ("file.deleted", "A file or folder was deleted."),
    ("file.changed", "A file was changed on the disk by something else than the server."),
];

/// Whether a script may listen to an event or a family of events.
///
/// # Errors
/// Why not, and what was perhaps meant.
pub(super) fn check(event: &str) -> Result<(), String> {
    let names = || {
        let own = AUTH_EVENTS.iter().chain(SERVER_EVENTS).map(|event| event.name);
        EVENTS
            .iter()
            .map(|spec| spec.name)
            .chain(own)
            .chain(AFTER_EVENTS.iter().map(|(name, _)| *name))
    };
    if let Some(family) = event.strip_suffix('*') {
        let is_family = family.is_empty() || family.ends_with('.');
        return match is_family && AFTER_EVENTS.iter().any(|(name, _)| name.starts_with(family)) {
            true => Ok(()),
            false => Err(format!(
                "\"{event}\" is no family of events that follow a change; \"file.*\" is one"
            )),
        };
    }
    if names().any(|name| name == event) {
        return Ok(());
    }
    if let Some((_, waits)) = WAITING.iter().find(|(name, _)| *name == event) {
        return Err(format!("\"{event}\" has to wait for {waits}"));
    }
    Err(match nearest(event, names()) {
        Some(near) => format!("there is no event \"{event}\"; did you mean \"{near}\"?"),
        None => {
            format!("there is no event \"{event}\"; docs/extend/events-for-scripts.md lists them")
        }
    })
}

/// Whether a handler's event is one that follows a change.
pub(super) fn is_after(event: &str) -> bool {
    event.ends_with('*') || AFTER_EVENTS.iter().any(|(name, _)| *name == event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_known_or_said_what_they_are() {
        for good in
            ["auth.password", "file.before_upload", "file.uploaded", "file.*", "*", "server.load"]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, expected) in [
            ("auth.pasword", "did you mean \"auth.password\""),
            ("file.uploadet", "did you mean \"file.uploaded\""),
            ("share.before_create", "has to wait for sharing"),
            ("fil*", "no family"),
            ("auth.*", "no family"),
            ("zzzzzzzzzz", "lists them"),
        ] {
            let why = check(bad).unwrap_err();
            assert!(why.contains(expected), "{bad}: {why}");
        }
    }

    #[test]
    fn no_name_is_there_twice_and_what_waits_is_not_there() {
        let mut names: Vec<&str> = EVENTS.iter().map(|spec| spec.name).collect();
        names.extend(AUTH_EVENTS.iter().chain(SERVER_EVENTS).map(|event| event.name));
        names.extend(AFTER_EVENTS.iter().map(|(name, _)| *name));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        let told: Vec<&str> = AFTER_EVENTS.iter().map(|(name, _)| *name).collect();
        let mut feed = moonsail_sdk::events::NAMES.to_vec();
        let mut sorted = told.clone();
        sorted.sort_unstable();
        feed.sort_unstable();
        assert_eq!(sorted, feed, "all that the feed tells, and nothing else");
    }
}
