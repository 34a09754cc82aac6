//! `moonsail capabilities`: what apps are told, and by whom.

use serde_json::Value;

use super::args::CapabilitiesArgs;
use super::exit::{self, Exit};
use super::out;
use super::session::{Folder, Session};
use super::table::{print, text};
use crate::app::commands::Command;
use crate::config::Overrides;

pub(super) fn run(flags: &Overrides, args: CapabilitiesArgs) -> Exit {
    match Session::open(flags).and_then(|session| show(&session, args)) {
        Ok(0) => Exit(exit::OK),
        Ok(_) => Exit(exit::PROBLEMS),
        Err(exit) => exit,
    }
}

/// Gives the number of extensions whose patch is refused.
fn show(session: &Session, args: CapabilitiesArgs) -> Result<usize, Exit> {
    let user = args.user.map(|user| user.to_string());
    let made = session.run(Command::Capabilities { user }, Folder::There)?;
    let refused = made["refused"].as_array().map(Vec::as_slice).unwrap_or_default();
    if args.output.json {
        out::json(&made);
    } else {
        print(&rows(&made));
        for refusal in refused {
            let (who, why) = (text(&refusal["extension"]), text(&refusal["why"]));
            out::error(format_args!("{who} does not count: {why}"));
        }
    }
    Ok(refused.len())
}

fn rows(made: &Value) -> Vec<Vec<String>> {
    let mut rows = vec![["KEY", "VALUE", "SET BY"].map(str::to_owned).to_vec()];
    leaves(&made["capabilities"], "", &made["set_by"], &mut rows);
    // What an extension has removed is not in the document any more.
    for (key, by) in made["set_by"].as_object().into_iter().flatten() {
        let below = format!("{key}.");
        if !rows.iter().any(|row| row[0] == *key || row[0].starts_with(&below)) {
            rows.push(vec![text(&key.as_str().into()), "removed".to_owned(), text(by)]);
        }
    }
    rows
}

fn leaves(value: &Value, key: &str, set_by: &Value, rows: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                leaves(value, &key, set_by, rows);
            }
        }
        value => {
            let shown = text(&value.to_string().into());
            rows.push(vec![text(&key.into()), shown, text(&set_by[key])]);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_key_has_a_line_with_who_set_it() {
        let made = json!({
            "capabilities": {"dav": {"chunking": "1.0"}, "theming": {"name": "Corp"}, "new": {}},
            "set_by": {"theming.name": "corp", "theming.logo": "corp", "new": "corp"},
        });
        let expected = [
            ["KEY", "VALUE", "SET BY"],
            ["dav.chunking", "\"1.0\"", "-"],
            ["theming.name", "\"Corp\"", "corp"],
            ["new", "{}", "corp"],
            ["theming.logo", "removed", "corp"],
        ];
        assert_eq!(rows(&made), expected.map(|row| row.map(str::to_owned).to_vec()));
    }
}
