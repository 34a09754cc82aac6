//! A backup is restored under a client that has newer files: it brings them back and loses none.

use std::path::Path;

use anyhow::{Result, ensure};
use e2e::suite::{Case, Outcome};
use e2e::tools;

use crate::nextcloudcmd::{fetched, some_files};
use crate::setup::{World, case};
use crate::sync_client::{Client, possible};
use crate::tree::{self, Entry, Tree, noise};

pub(crate) fn cases() -> Vec<Case<'static>> {
    let program = tools::find("nextcloudcmd").filter(|_| possible());
    let missing = "nextcloudcmd (or the right to a mount namespace)";
    vec![case("nextcloudcmd::restored_backup", program, missing, restored_backup)]
}

/// Loses the data folder, and restores it.
fn lose_and_restore(world: &mut World, backups: &str) -> Result<()> {
    world.server.stop()?;
    std::fs::rename(world.server.data(), world.server.home().join("lost"))?;
    world.server.command(&["restore", backups, "--verify"], "")?;
    world.server.fsck()?;
    world.server.restart()
}

fn is_somewhere(tree: &Tree, wanted: &[u8]) -> bool {
    tree.values().any(|entry| matches!(entry, Entry::File(_, bytes) if bytes == wanted))
}

fn restored_backup(program: &Path, mut world: World) -> Result<Outcome> {
    let a = Client::new(program, &world, "a")?;
    some_files(&a.top)?;
    a.sync(&world)?;
    let backups = world.server.home().join("backups").display().to_string();
    world.server.command(&["backup", &backups], "")?;

    tree::write(&a.top, "a.txt", b"newer than the backup", 1_600_001_000)?;
    tree::write(&a.top, "new.txt", b"not in the backup", 1_600_001_001)?;
    tree::write(&a.top, "new folder/deep/new.bin", &noise(7, 200_000), 1_600_001_002)?;
    std::fs::remove_file(a.top.join("empty"))?;
    std::fs::rename(a.top.join("folder/deep"), a.top.join("moved"))?;
    a.sync(&world)?;
    let newest = a.tree()?;
    tree::same("the server before the loss", &newest, &fetched(program, &world)?)?;

    lose_and_restore(&mut world, &backups)?;
    a.sync(&world)?;
    let own = a.tree()?;
    for (path, entry) in &newest {
        if let Entry::File(_, bytes) = entry {
            ensure!(is_somewhere(&own, bytes), "the client has lost {path}: {:?}", own.keys());
        }
    }
    // What the backup did not know went up again.
    let server = fetched(program, &world)?;
    for path in ["new.txt", "new folder/deep/new.bin"] {
        ensure!(server.get(path) == newest.get(path), "{path} did not come back: {server:?}");
    }
    // Of what is newer here both are kept: the server's under its name, ours beside it.
    ensure!(own["a.txt"] == Entry::File(1_600_000_000, b"hello".to_vec()), "{:?}", own["a.txt"]);
    let copy = own.iter().find(|(path, _)| path.contains("conflicted copy"));
    ensure!(copy.is_some(), "no conflicted copy: {:?}", own.keys());
    ensure!(own.contains_key("empty"), "what was deleted since is back, as in the backup");
    a.sync(&world)?;
    a.sync(&world)?.idle()?;
    world.finish()
}
