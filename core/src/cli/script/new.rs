//! `moonsail script new`: a script and a test, to begin with.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use crate::cli::args::{ScriptKind, ScriptNew};
use crate::cli::exit::{self, Exit};
use crate::cli::out;

/// A kind's script, its test, and what its section has beside name and path.
struct Template {
    script: &'static str,
    test: &'static str,
    section: &'static str,
}

fn template(kind: ScriptKind) -> Template {
    match kind {
        ScriptKind::Auth => Template {
            script: include_str!("templates/auth.lua"),
            test: include_str!("templates/auth-test.lua"),
            section: "allow = [\"http:idp.example.com\"]\nconfig = { url = \"https://idp.example.com/login\" }\n\
                      \n[auth]\nchain = [\"builtin:users\", \"lua:NAME\"]\n",
        },
        ScriptKind::Rules => Template {
            script: include_str!("templates/rules.lua"),
            test: include_str!("templates/rules-test.lua"),
            section: "config = { refused = [\"exe\", \"bat\"] }\n",
        },
        ScriptKind::Route => Template {
            script: include_str!("templates/route.lua"),
            test: include_str!("templates/route-test.lua"),
            section: "allow = [\"kv\"]\n",
        },
        ScriptKind::Capabilities => Template {
            script: include_str!("templates/capabilities.lua"),
            test: include_str!("templates/capabilities-test.lua"),
            section: "config = { name = \"Moonsail\", color = \"#0b4f6c\" }\n",
        },
    }
}

pub(super) fn run(new: &ScriptNew) -> Result<(), Exit> {
    let name = &new.name;
    let usual = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(usual) {
        out::error(format_args!(
            "{name:?} is no name of a script: at most 64 letters a-z, digits, - and _"
        ));
        return Err(Exit(exit::CONFIGURATION));
    }
    let template = template(new.kind);
    let script = format!("scripts/{name}.lua");
    let test = format!("scripts/tests/{name}.lua");
    let both = [(&script, template.script), (&test, template.test)];
    for (path, text) in both {
        if let Err(error) = write(Path::new(path), &text.replace("NAME", name)) {
            out::error(format_args!("{path}: {error}"));
            return Err(Exit(exit::FAILURE));
        }
    }
    out::note(format_args!("Wrote {script} and {test}. Add this to server.toml:\n"));
    out::text(&format!(
        "[[script]]\nname = \"{name}\"\npath = \"{script}\"\n{}",
        template.section.replace("NAME", name)
    ));
    out::note(format_args!("\nThen: moonsail script check && moonsail script test {test}"));
    Ok(())
}

/// Writes a file that is not there yet.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::File::create_new(path)?.write_all(text.as_bytes())
}
