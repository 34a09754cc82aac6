//! cadaver: a WebDAV shell. It locks what it edits.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::suite::{Case, Outcome};
use e2e::tools;

use crate::setup::{USER, World, case};

pub(crate) fn cases() -> Vec<Case<'static>> {
    vec![case("cadaver::edit", tools::find("cadaver"), "cadaver", edit)]
}

/// Makes a folder, puts, copies, moves, locks, edits under a lock, reads back.
fn edit(program: &Path, world: World) -> Result<Outcome> {
    let home = world.folder("cadaver")?;
    let netrc = format!("machine 127.0.0.1 login {USER} password {}\n", world.token);
    std::fs::write(home.join(".netrc"), netrc)?;
    std::fs::write(home.join("local.txt"), "first\n")?;
    let editor = home.join("editor");
    // cadaver tells a change by the time in whole seconds.
    std::fs::write(&editor, "#!/bin/sh\nsleep 1.1\necho second >> \"$1\"\n")?;
    std::fs::set_permissions(&editor, PermissionsExt::from_mode(0o755))?;
    let script = "mkcol d\ncd d\nput local.txt a.txt\nedit a.txt\ncopy a.txt b.txt\nmove b.txt c.txt\n\
                  lock c.txt\ndiscover c.txt\nunlock c.txt\npropset c.txt color red\npropget c.txt color\n\
                  get a.txt back.txt\nls\ndelete c.txt\nquit\n";
    let url = format!("{}/remote.php/dav/files/{USER}/", world.server.http().base());
    let mut command = Command::new(program);
    command.arg(&url).current_dir(&home).env("HOME", &home).env("EDITOR", &editor);
    let finished = tools::run_with_input(&mut command, script, Duration::from_secs(60))?;
    let text = &finished.text;
    ensure!(finished.success, "cadaver ended with an error:\n{text}");
    ensure!(!text.contains("failed"), "cadaver says that something failed:\n{text}");
    let back = std::fs::read_to_string(home.join("back.txt"));
    ensure!(back.as_deref().ok() == Some("first\nsecond\n"), "read back {back:?}:\n{text}");
    let login = (USER, world.token.as_str());
    let gone = world.server.dav("GET", "/remote.php/dav/files/alice/d/c.txt", login, &[], b"")?;
    ensure!(gone.status == 404, "c.txt is still there: {}\n{text}", gone.status);
    world.finish()
}
