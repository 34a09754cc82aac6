//! The desktop client's engine on a home with mounts: one that it may change, and one that it may not.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use e2e::suite::{Case, Outcome};
use e2e::{Server, tools};

use crate::nextcloudcmd::fetched;
use crate::setup::World;
use crate::sync_client::{Client, possible};
use crate::tree::{self, noise};

const CONFIG: &str = r#"
[[mount]]
path = "Music"
storage = "local:music"

[[mount]]
path = "Team/Plans"
storage = "local:plans"
read_only = true
"#;

pub(crate) fn cases() -> Vec<Case<'static>> {
    type Test = fn(&Path, World) -> Result<Outcome>;
    let tests: [(&str, Test); 3] = [
        ("up_and_down", up_and_down),
        ("over_the_border_with_a_kill", over_the_border_with_a_kill),
        ("read_only", read_only),
    ];
    let cases = tests.into_iter().map(|(name, run)| {
        let program = tools::find("nextcloudcmd").filter(|_| possible());
        Case {
            name: format!("mounts::{name}"),
            run: Box::new(move || match &program {
                Some(program) => run(program, start()?),
                None => {
                    let missing = "nextcloudcmd (or the right to a mount namespace) is missing";
                    Ok(Outcome::Skipped(missing.to_owned()))
                }
            }),
        }
    });
    cases.collect()
}

fn start() -> Result<World> {
    let mut server = Server::prepare(CONFIG, &[])?;
    for folder in ["music", "plans"] {
        std::fs::create_dir(server.home().join(folder))?;
    }
    std::fs::write(server.home().join("plans/plan.txt"), "a plan")?;
    server.restart()?;
    World::on(server)
}

fn on_disk(world: &World, path: &str) -> PathBuf {
    world.server.home().join(path)
}

fn up_and_down(program: &Path, world: World) -> Result<Outcome> {
    let a = Client::new(program, &world, "a")?;
    tree::write(&a.top, "own.txt", b"own", 1_600_000_000)?;
    a.sync(&world)?;
    ensure!(a.top.join("Team/Plans/plan.txt").is_file(), "what was there did not come down");
    tree::write(&a.top, "Music/song.ogg", &noise(1, 300_000), 1_600_000_001)?;
    tree::write(&a.top, "Music/Live/big.ogg", &noise(2, 30_000_000), 1_600_000_002)?;
    let before = a.tree()?;
    a.sync(&world)?;
    tree::same("the uploading side", &before, &a.tree()?)?;
    tree::same("the downloading side", &before, &fetched(program, &world)?)?;
    a.sync(&world)?.idle()?;
    let stored = std::fs::read(on_disk(&world, "music/Live/big.ogg"))?;
    ensure!(stored == noise(2, 30_000_000), "the folder of the mount does not have the file");
    // A change in the mount alone is noticed by the home's etag.
    let b = Client::new(program, &world, "b")?;
    b.sync(&world)?;
    std::fs::remove_file(a.top.join("Music/song.ogg"))?;
    tree::write(&a.top, "Music/Live/new.txt", b"new", 1_600_000_003)?;
    a.sync(&world)?;
    b.sync(&world)?;
    tree::same("the other side", &a.tree()?, &b.tree()?)?;
    world.finish()
}

fn over_the_border_with_a_kill(program: &Path, mut world: World) -> Result<Outcome> {
    let (a, b) = (Client::new(program, &world, "a")?, Client::new(program, &world, "b")?);
    tree::write(&a.top, "folder/deep/a.bin", &noise(5, 200_000), 1_600_000_000)?;
    tree::write(&a.top, "song.ogg", &noise(6, 200_000), 1_600_000_001)?;
    a.sync(&world)?;
    b.sync(&world)?;
    std::fs::rename(a.top.join("folder"), a.top.join("Music/folder"))?;
    std::fs::rename(a.top.join("song.ogg"), a.top.join("Music/song.ogg"))?;
    a.sync(&world)?;
    // What was acknowledged is there, published or not.
    world.server.kill9()?;
    world.server.restart()?;
    b.sync(&world)?;
    a.sync(&world)?.idle()?;
    tree::same("the other side", &a.tree()?, &b.tree()?)?;
    ensure!(b.top.join("Music/folder/deep/a.bin").is_file(), "the folder is not in the mount");
    std::fs::rename(b.top.join("Music/folder/deep"), b.top.join("deep"))?;
    b.sync(&world)?;
    world.server.kill9()?;
    world.server.restart()?;
    a.sync(&world)?;
    tree::same("and back", &b.tree()?, &a.tree()?)?;
    ensure!(!on_disk(&world, "music/folder/deep").exists(), "it is in the mount still");
    world.finish()
}

/// The server's letters let the client undo what it may not do, and nothing gets there.
fn read_only(program: &Path, world: World) -> Result<Outcome> {
    let a = Client::new(program, &world, "a")?;
    a.sync(&world)?;
    std::fs::remove_file(a.top.join("Team/Plans/plan.txt"))?;
    // A file that may not go up is told as an error, as it should be.
    let _told = a.sync(&world);
    let _told = a.sync(&world);
    let back = std::fs::read_to_string(a.top.join("Team/Plans/plan.txt"))?;
    ensure!(back == "a plan", "a deletion that is not allowed was not undone");
    tree::write(&a.top, "Team/Plans/new.txt", b"new", 1_600_000_000)?;
    let _told = a.sync(&world);
    let names: Vec<_> = std::fs::read_dir(on_disk(&world, "plans"))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    ensure!(names == ["plan.txt"], "the read-only folder has {names:?}");
    world.finish()
}
