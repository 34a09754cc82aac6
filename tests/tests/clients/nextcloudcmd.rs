//! The desktop client's engine, over HTTPS with the server's own authority trusted.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use e2e::suite::{Case, Outcome};
use e2e::tools;

use crate::setup::{USER, World, case};
use crate::sync_client::{Client, LIMIT, Run, possible};
use crate::tree::{self, Entry, Tree, noise};

pub(crate) fn cases() -> Vec<Case<'static>> {
    type Test = fn(&Path, World) -> Result<Outcome>;
    let tests: [(&str, Test); 14] = [
        ("trust", trust),
        ("up_and_down", up_and_down),
        ("no_change", no_change),
        ("rename", rename),
        ("move_into_a_new_folder", move_into_a_new_folder),
        ("delete", delete),
        ("changes", changes),
        ("changes_on_the_disk", changes_on_the_disk),
        ("conflict", conflict),
        ("names", names),
        ("thousand_files", thousand_files),
        ("restart_in_the_middle", restart_in_the_middle),
        ("big_file", big_file),
        ("big_file_and_kill", big_file_and_kill),
    ];
    tests
        .into_iter()
        .map(|(name, run)| {
            let program = tools::find("nextcloudcmd").filter(|_| possible());
            let missing = "nextcloudcmd (or the right to a mount namespace)";
            case(&format!("nextcloudcmd::{name}"), program, missing, run)
        })
        .collect()
}

/// What the server has, as a second client with an empty folder gets it.
pub(crate) fn fetched(program: &Path, world: &World) -> Result<Tree> {
    let number = std::fs::read_dir(world.server.home())?.count();
    let client = Client::new(program, world, &format!("fetched{number}"))?;
    client.sync(world)?;
    client.tree()
}

pub(crate) fn some_files(top: &Path) -> Result<()> {
    tree::write(top, "a.txt", b"hello", 1_600_000_000)?;
    tree::write(top, "empty", b"", 1_600_000_001)?;
    tree::write(top, "folder/b.bin", &noise(1, 100_000), 1_600_000_002)?;
    tree::write(top, "folder/deep/er/z.txt", b"z", 1_600_000_003)?;
    Ok(std::fs::create_dir_all(top.join("nothing in it"))?)
}

/// The certificate is really checked: without our authority nothing is synced.
fn trust(program: &Path, world: World) -> Result<Outcome> {
    let client = Client::new(program, &world, "a")?;
    some_files(&client.top)?;
    let nobody = world.folder("nobody")?;
    let mut stranger = Client::new(program, &world, "b")?;
    stranger.certificates = nobody;
    let finished = tools::run(&mut stranger.command(&world, &[]), LIMIT)?;
    ensure!(!finished.success, "the client synced with a server that nobody vouches for");
    client.sync(&world)?;
    world.finish()
}

fn up_and_down(program: &Path, world: World) -> Result<Outcome> {
    let a = Client::new(program, &world, "a")?;
    some_files(&a.top)?;
    let before = a.tree()?;
    a.sync(&world)?;
    tree::same("the uploading side", &before, &a.tree()?)?;
    // Times and bytes, the empty file and the empty folder are the same on the other side.
    tree::same("the downloading side", &before, &fetched(program, &world)?)?;
    world.finish()
}

fn no_change(program: &Path, world: World) -> Result<Outcome> {
    let (a, b) = (Client::new(program, &world, "a")?, Client::new(program, &world, "b")?);
    some_files(&a.top)?;
    a.sync(&world)?;
    b.sync(&world)?;
    a.sync(&world)?.idle()?;
    b.sync(&world)?.idle()?;
    world.finish()
}

/// A rename moves on the server and on the other side, and no bytes travel.
fn rename(program: &Path, world: World) -> Result<Outcome> {
    let (a, b) = (Client::new(program, &world, "a")?, Client::new(program, &world, "b")?);
    some_files(&a.top)?;
    a.sync(&world)?;
    b.sync(&world)?;
    std::fs::rename(a.top.join("a.txt"), a.top.join("A new näme.txt"))?;
    std::fs::rename(a.top.join("folder"), a.top.join("renamed"))?;
    let run = a.sync(&world)?;
    ensure!(run.count("MOVE") == 2, "not two MOVEs:\n{}", run.asked());
    ensure!(run.count("PUT") + run.count("POST") == 0, "bytes went up:\n{}", run.asked());
    a.sync(&world)?.idle()?;
    let run = b.sync(&world)?;
    ensure!(run.count("GET") == 0, "the other side downloaded:\n{}", run.asked());
    tree::same("the other side", &a.tree()?, &b.tree()?)?;
    b.sync(&world)?.idle()?;
    world.finish()
}

fn move_into_a_new_folder(program: &Path, world: World) -> Result<Outcome> {
    let (a, b) = (Client::new(program, &world, "a")?, Client::new(program, &world, "b")?);
    some_files(&a.top)?;
    a.sync(&world)?;
    b.sync(&world)?;
    std::fs::create_dir_all(a.top.join("new/inner"))?;
    std::fs::rename(a.top.join("a.txt"), a.top.join("new/inner/a.txt"))?;
    std::fs::rename(a.top.join("folder/deep"), a.top.join("new/deep"))?;
    let run = a.sync(&world)?;
    ensure!(run.count("MOVE") == 2 && run.count("PUT") == 0, "not two MOVEs:\n{}", run.asked());
    a.sync(&world)?.idle()?;
    let run = b.sync(&world)?;
    ensure!(run.count("GET") == 0, "the other side downloaded:\n{}", run.asked());
    tree::same("the other side", &a.tree()?, &b.tree()?)?;
    world.finish()
}

fn delete(program: &Path, world: World) -> Result<Outcome> {
    let (a, b) = (Client::new(program, &world, "a")?, Client::new(program, &world, "b")?);
    some_files(&a.top)?;
    a.sync(&world)?;
    b.sync(&world)?;
    std::fs::remove_file(a.top.join("a.txt"))?;
    std::fs::remove_dir_all(a.top.join("folder"))?;
    let run = a.sync(&world)?;
    ensure!(run.count("DELETE") == 2, "not two DELETEs:\n{}", run.asked());
    b.sync(&world)?;
    ensure!(a.tree()?.len() == 2, "more is gone than was deleted: {:?}", a.tree()?.keys());
    tree::same("the other side", &a.tree()?, &b.tree()?)?;
    world.finish()
}

/// Both sides change different things; each gets the other's.
fn changes(program: &Path, world: World) -> Result<Outcome> {
    let (a, b) = (Client::new(program, &world, "a")?, Client::new(program, &world, "b")?);
    some_files(&a.top)?;
    a.sync(&world)?;
    b.sync(&world)?;
    tree::write(&a.top, "a.txt", b"changed by a", 1_600_001_000)?;
    tree::write(&b.top, "folder/b.bin", b"changed by b", 1_600_001_001)?;
    tree::write(&b.top, "folder/new.txt", b"made by b", 1_600_001_002)?;
    for client in [&a, &b, &a] {
        client.sync(&world)?;
    }
    tree::same("the two sides", &a.tree()?, &b.tree()?)?;
    let got = a.tree()?;
    ensure!(got["a.txt"] == Entry::File(1_600_001_000, b"changed by a".to_vec()));
    ensure!(got["folder/b.bin"] == Entry::File(1_600_001_001, b"changed by b".to_vec()));
    world.finish()
}

/// Both sides change one file: the second keeps its own beside the server's, and nothing is lost.
/// What somebody does in the data folder is brought by the next sync two seconds later.
fn changes_on_the_disk(program: &Path, world: World) -> Result<Outcome> {
    let client = Client::new(program, &world, "a")?;
    some_files(&client.top)?;
    client.sync(&world)?;
    let disk = world.server.data().join("files").join(USER);
    std::fs::write(disk.join("a.txt"), "edited on the server")?;
    std::fs::rename(disk.join("folder/deep"), disk.join("renamed"))?;
    std::fs::write(disk.join("renamed/er/new.txt"), "new on the server")?;
    std::fs::remove_file(disk.join("empty"))?;
    std::thread::sleep(Duration::from_secs(2));
    let run = client.sync(&world)?;
    for (name, text) in [
        ("a.txt", "edited on the server"),
        ("renamed/er/new.txt", "new on the server"),
        ("renamed/er/z.txt", "z"),
    ] {
        let there = std::fs::read_to_string(client.top.join(name));
        ensure!(there.is_ok_and(|there| there == text), "{name} did not come:\n{}", run.tail());
    }
    for gone in ["empty", "folder/deep"] {
        ensure!(!client.top.join(gone).exists(), "{gone} is still there:\n{}", run.tail());
    }
    tree::same("the downloading side", &client.tree()?, &fetched(program, &world)?)?;
    world.finish()
}

fn conflict(program: &Path, world: World) -> Result<Outcome> {
    let (a, b) = (Client::new(program, &world, "a")?, Client::new(program, &world, "b")?);
    some_files(&a.top)?;
    a.sync(&world)?;
    b.sync(&world)?;
    tree::write(&a.top, "a.txt", b"changed by a", 1_600_001_000)?;
    tree::write(&b.top, "a.txt", b"changed by bbb", 1_600_001_001)?;
    a.sync(&world)?;
    b.sync(&world)?;
    let got = b.tree()?;
    ensure!(got["a.txt"] == Entry::File(1_600_001_000, b"changed by a".to_vec()), "{got:?}");
    let copy = got.iter().find(|(name, _)| name.contains("conflicted copy"));
    let (name, entry) = copy.context("no conflicted copy was kept")?;
    ensure!(matches!(entry, Entry::File(_, bytes) if bytes == b"changed by bbb"), "{name}");
    world.finish()
}

/// Names that other systems forbid or that have to be encoded.
fn names(program: &Path, world: World) -> Result<Outcome> {
    let a = Client::new(program, &world, "a")?;
    let long = "l".repeat(240);
    let names = [
        "Ünïcödé 文件 😀.txt",
        "100%.txt",
        "a%20b.txt",
        "hash#tag.txt",
        "it's.txt",
        "plus+plus.txt",
        "at@home.txt",
        "amp&amp;.txt",
        "semi;colon,comma.txt",
        "brackets [1] (2) {3}.txt",
        "tilde~.txt",
        "CON",
        "aux.txt",
        "folder with #%+'@/this & that.txt",
        &long,
    ];
    for (number, name) in (0u64..).zip(names) {
        tree::write(&a.top, name, format!("content {number}").as_bytes(), 1_600_000_000 + number)?;
    }
    let before = a.tree()?;
    a.sync(&world)?;
    tree::same("the other side", &before, &fetched(program, &world)?)?;
    a.sync(&world)?.idle()?;
    world.finish()
}

fn thousand_files(program: &Path, world: World) -> Result<Outcome> {
    let a = Client::new(program, &world, "a")?;
    for number in 0..1_000u64 {
        let path = format!("{}/file{number}.txt", number / 100);
        tree::write(&a.top, &path, &noise(number, 300), 1_600_000_000 + number)?;
    }
    let before = a.tree()?;
    a.sync(&world)?;
    tree::same("the other side", &before, &fetched(program, &world)?)?;
    a.sync(&world)?.idle()?;
    world.finish()
}

/// The server stops and starts while a client uploads: a later run finishes the work.
fn restart_in_the_middle(program: &Path, mut world: World) -> Result<Outcome> {
    let a = Client::new(program, &world, "a")?;
    for number in 0..1_000u64 {
        let path = format!("{}/file{number}.txt", number / 100);
        tree::write(&a.top, &path, &noise(number, 3_000), 1_600_000_000 + number)?;
    }
    let before = a.tree()?;
    let mut running = a.command(&world, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    wait_for(&world, &format!("/remote.php/dav/files/{USER}/0/"), 20)?;
    world.server.restart()?;
    running.wait()?;
    settle(&a, &world, &before)?;
    tree::same("the other side", &before, &fetched(program, &world)?)?;
    world.finish()
}

fn big_file(program: &Path, world: World) -> Result<Outcome> {
    let a = Client::new(program, &world, "a")?;
    tree::write(&a.top, "big.bin", &noise(3, 60_000_000), 1_600_000_000)?;
    let before = a.tree()?;
    let run = a.sync(&world)?;
    ensure!(run.count("MKCOL") == 1 && run.count("PUT") > 1, "no chunks:\n{}", run.asked());
    tree::same("the other side", &before, &fetched(program, &world)?)?;
    a.sync(&world)?.idle()?;
    world.finish()
}

/// The server is killed while 300 MB go up in chunks. The upload goes on where it was.
fn big_file_and_kill(program: &Path, mut world: World) -> Result<Outcome> {
    let a = Client::new(program, &world, "a")?;
    tree::write(&a.top, "big.bin", &noise(4, 300_000_000), 1_600_000_000)?;
    let before = a.tree()?;
    // Slow enough that the kill comes before the end, fast enough to have chunks by then.
    let mut command = a.command(&world, &["--uplimit", "40000"]);
    command.env("OWNCLOUD_MAX_CHUNK_SIZE", "20000000");
    let mut running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let transfer = wait_for_chunks(&world, 3)?;
    world.server.kill9()?;
    running.wait()?;
    world.server.restart()?;
    let kept = listed(&world, &transfer)?.1;
    ensure!(kept >= 3, "only {kept} of 3 acknowledged chunks are left after the kill");
    let run = settle(&a, &world, &before)?;
    let resumed = run.iter().any(|run| run.log.contains(&transfer) && run.count("PUT") > 0);
    ensure!(resumed, "no later run went on with {transfer}");
    tree::same("the other side", &before, &fetched(program, &world)?)?;
    a.sync(&world)?.idle()?;
    world.finish()
}

/// Syncs until a run ends well (the client waits a while for what failed before); at most five.
fn settle(client: &Client<'_>, world: &World, wanted: &Tree) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for _ in 0..5 {
        match client.sync(world) {
            Ok(run) => {
                let done = run.transfers() == 0;
                runs.push(run);
                if done {
                    tree::same("the uploading side", wanted, &client.tree()?)?;
                    return Ok(runs);
                }
            }
            Err(error) if runs.len() == 4 => return Err(error),
            Err(_) => {}
        }
    }
    bail!(
        "the client still transfers after five runs:\n{}",
        runs.last().map_or_else(String::new, Run::tail)
    )
}

/// Waits until a folder on the server has so many entries.
fn wait_for(world: &World, path: &str, count: usize) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        if listed(world, path).is_ok_and(|(hrefs, _)| hrefs.len() > count) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("{path} never had {count} entries")
}

/// Waits until a chunked upload has so many chunks; gives its path.
fn wait_for_chunks(world: &World, count: usize) -> Result<String> {
    let uploads = format!("/remote.php/dav/uploads/{USER}/");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        let (transfers, _) = listed(world, &uploads)?;
        for transfer in transfers.into_iter().filter(|href| *href != uploads) {
            if listed(world, &transfer).is_ok_and(|(_, chunks)| chunks >= count) {
                return Ok(transfer);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("no chunked upload with {count} chunks was seen")
}

/// The hrefs of a listing, and how many of them are chunks (named by a number).
fn listed(world: &World, path: &str) -> Result<(Vec<String>, usize)> {
    let login = (USER, world.token.as_str());
    let fields = [("Depth", "1")];
    let body = b"<d:propfind xmlns:d=\"DAV:\"><d:prop><d:resourcetype/></d:prop></d:propfind>";
    let answer = world.server.dav("PROPFIND", path, login, &fields, body)?;
    ensure!(answer.status == 207, "PROPFIND {path}: {}", answer.status);
    let text = answer.text();
    let hrefs: Vec<String> = text
        .split("<d:href>")
        .skip(1)
        .filter_map(|rest| rest.split("</d:href>").next())
        .map(str::to_owned)
        .collect();
    let number = |href: &&String| {
        let name = href.rsplit('/').next().unwrap_or_default();
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
    };
    let chunks = hrefs.iter().filter(number).count();
    Ok((hrefs, chunks))
}
