//! `docs/extend/hooks.md` says what the table says.

use std::fmt::Write as _;
use std::path::Path;

use moonsail::hooks::{COMMON, EVENTS, FieldSpec, Mode, WAITING};

/// Where the generated part begins.
const BEGIN: &str = "<!-- From here on written by `cargo test -p moonsail --test hooks`; change \
                     core/src/hooks/table.rs instead. -->\n";

fn reference() -> String {
    let mut page = String::from(BEGIN);
    page += "\n## Fields of every event\n\n";
    fields(&mut page, COMMON);
    page += "\n## Events\n";
    for spec in EVENTS {
        let (class, answers) = (spec.class.name(), spec.answers.name());
        let _ =
            write!(page, "\n### `{}`\n\n{}\n\nClass *{class}*, {answers}.\n", spec.name, spec.doc);
        if !spec.fields.is_empty() {
            page.push('\n');
            fields(&mut page, spec.fields);
        }
    }
    page += "\n## Events that wait\n\nAn interest in one of these stops the start, since it cannot \
             come yet.\n\n| event | waits for |\n|---|---|\n";
    for (name, waits) in WAITING {
        let _ = writeln!(page, "| `{name}` | {waits} |");
    }
    page
}

fn fields(page: &mut String, fields: &[FieldSpec]) {
    *page += "| field | type | replaceable | what |\n|---|---|---|---|\n";
    for field in fields {
        let mode = match field.mode {
            Mode::Given => "",
            Mode::Replaceable => "yes",
            Mode::Answer => "only in answers",
        };
        let _ =
            writeln!(page, "| `{}` | {} | {mode} | {} |", field.name, field.kind.name(), field.doc);
    }
}

/// Rewrites the page and fails if it was another one.
#[test]
fn the_page_about_hooks_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/extend/hooks.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, _) = page.split_once(BEGIN).expect("the line where the generated part begins");
    let expected = format!("{head}{}", reference());
    if page != expected {
        std::fs::write(&path, &expected).unwrap();
        panic!("docs/extend/hooks.md was not what core/src/hooks/table.rs says; it is now");
    }
}
