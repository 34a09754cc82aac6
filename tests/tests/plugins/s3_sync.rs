//! nextcloudcmd on a home and a mount in an S3 store, while the server is killed again and again;
//! and what is left in the store when all of it is over.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use e2e::sync_client::{Account, Client, Run};
use e2e::tree::{self, Entry, Tree, noise};
use e2e::weed::Weed;
use e2e::{Server, aged};

use crate::s3::config_by;
use crate::sync::nextcloudcmd;

const USER: &str = "alice";
/// How long the server may take until it has swept.
const SWEPT: Duration = Duration::from_secs(120);

struct Bed<'a> {
    server: Server,
    token: String,
    program: &'a Path,
}

impl Account for Bed<'_> {
    fn server(&self) -> &Server {
        &self.server
    }

    fn login(&self) -> &str {
        USER
    }

    fn password(&self) -> &str {
        &self.token
    }
}

impl Bed<'_> {
    fn kill(&mut self) -> Result<()> {
        self.server.kill9()?;
        self.server.restart()
    }

    /// Hrefs of a listing.
    fn listed(&self, path: &str) -> Result<Vec<String>> {
        let login = (USER, self.token.as_str());
        let answer = self.server.dav("PROPFIND", path, login, &[("Depth", "1")], b"")?;
        ensure!(answer.status == 207, "PROPFIND {path}: {}", answer.status);
        let text = answer.text();
        let hrefs = text.split("<d:href>").skip(1).filter_map(|it| it.split("</d:href>").next());
        Ok(hrefs.map(str::to_owned).filter(|href| href.trim_end_matches('/') != path).collect())
    }

    /// Starts a run and kills the server as soon as `reached` gives something.
    fn kill_in_a_run<T>(
        &mut self,
        client: &Client<'_>,
        reached: impl Fn(&Self) -> Option<T>,
    ) -> Result<T> {
        // Slow enough that the kill comes before the end.
        let mut command = client.command(self, &["--uplimit", "4000"]);
        let mut running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let begun = Instant::now();
        let found = loop {
            if let Some(found) = reached(self) {
                break found;
            }
            ensure!(begun.elapsed() < Duration::from_secs(120), "the run never came so far");
            std::thread::sleep(Duration::from_millis(20));
        };
        ensure!(running.try_wait()?.is_none(), "the run was over before the kill");
        self.server.kill9()?;
        running.wait()?;
        self.server.restart()?;
        Ok(found)
    }

    /// Syncs until a run transfers nothing; what the client has is what it should have.
    fn settle(&self, client: &Client<'_>, wanted: &Tree) -> Result<Vec<Run>> {
        let mut runs: Vec<Run> = Vec::new();
        for _ in 0..6 {
            // One that fails is tried again: the client waits for what failed before.
            let Ok(run) = client.sync(self) else { continue };
            let done = run.transfers() == 0;
            runs.push(run);
            if done {
                tree::same("the uploading side", wanted, &client.tree()?)?;
                return Ok(runs);
            }
        }
        bail!("no end:\n{}", runs.last().map_or_else(String::new, Run::tail))
    }

    /// What the server has, as a client with an empty folder gets it, byte by byte.
    fn same_on_the_server(&self, name: &str, wanted: &Tree) -> Result<()> {
        let client = Client::new(self.program, self, name)?;
        client.sync(self)?;
        tree::same(name, wanted, &client.tree()?)
    }
}

#[test]
fn a_home_and_a_mount_in_a_store_are_synced_over_kills_and_leave_no_orphans() -> Result<()> {
    let Some(program) = nextcloudcmd() else { return Ok(()) };
    let Some(weed) = Weed::start()? else { return Ok(()) };
    let server = Server::start_with(&config_by(&weed, weed.port())?, &[])?;
    server.add_user(USER, "the long password of alice")?;
    let token = server.token(USER)?;
    let mut bed = Bed { server, token, program: &program };
    let (a, b) = (Client::new(&program, &bed, "a")?, Client::new(&program, &bed, "b")?);
    a.sync(&bed)?;
    ensure!(a.top.join("Team").is_dir(), "the mount is not in the home");

    // Small files, on both sides of the border, with a kill in their midst.
    for top in ["own", "Team"] {
        for number in 0..30 {
            let path = format!("{top}/small/file{number}.txt");
            tree::write(&a.top, &path, &noise(number, 30_000), 1_600_000_000 + number)?;
        }
    }
    let wanted = a.tree()?;
    bed.kill_in_a_run(&a, |bed| {
        let small = bed.listed(&format!("/remote.php/dav/files/{USER}/own/small"));
        small.ok().filter(|files| files.len() >= 5).map(drop)
    })?;
    bed.settle(&a, &wanted)?;

    // A file in chunks, in each of both: the second life goes on where the first one was.
    for (seed, top) in [(1, "own"), (2, "Team")] {
        tree::write(&a.top, &format!("{top}/big.bin"), &noise(seed, 25_000_000), 1_600_001_000)?;
        let wanted = a.tree()?;
        let transfer = bed.kill_in_a_run(&a, with_a_chunk)?;
        ensure!(!bed.listed(&transfer)?.is_empty(), "the acknowledged chunk is lost");
        let runs = bed.settle(&a, &wanted)?;
        let resumed = runs.iter().any(|run| run.log.contains(&transfer) && run.count("PUT") > 0);
        ensure!(resumed, "no run went on with {transfer}");
    }
    bed.kill()?;
    b.sync(&bed)?;
    tree::same("the other side", &a.tree()?, &b.tree()?)?;

    // Renamed: within each, and from one into the other; no bytes go down for the first two.
    std::fs::rename(a.top.join("own"), a.top.join("renamed"))?;
    std::fs::rename(a.top.join("Team/small"), a.top.join("Team/less small"))?;
    let run = a.sync(&bed)?;
    ensure!(run.count("MOVE") == 2 && run.count("PUT") == 0, "not two MOVEs:\n{}", run.asked());
    bed.kill()?;
    let run = b.sync(&bed)?;
    ensure!(run.count("GET") == 0, "bytes came down:\n{}", run.asked());
    std::fs::rename(b.top.join("renamed/small"), b.top.join("Team/from home"))?;
    let wanted = b.tree()?;
    bed.settle(&b, &wanted)?;
    bed.kill()?;
    bed.settle(&a, &wanted)?;

    // Replaced and deleted, folders too.
    tree::write(&a.top, "renamed/big.bin", &noise(3, 200_000), 1_600_002_000)?;
    tree::write(&a.top, "Team/from home/file1.txt", &noise(4, 20_000), 1_600_002_001)?;
    std::fs::remove_file(a.top.join("Team/big.bin"))?;
    std::fs::remove_dir_all(a.top.join("Team/less small"))?;
    let wanted = a.tree()?;
    bed.settle(&a, &wanted)?;
    bed.kill()?;
    b.sync(&bed)?;
    tree::same("the other side", &wanted, &b.tree()?)?;
    bed.same_on_the_server("c", &wanted)?;
    a.sync(&bed)?.idle()?;

    // A day later, or so it looks: what belongs to no file goes, and nothing else.
    bed.server.stop()?;
    bed.server.fsck()?;
    let before = left(&weed)?;
    let files = files_of(&wanted);
    let more = before.0 > files.0 && before.1 > files.1;
    ensure!(more, "nothing is left to sweep: {before:?} for {files:?}");
    let later = aged::towards(weed.port())?;
    bed.server.configure(&config_by(&weed, later)?)?;
    bed.server.restart()?;
    let begun = Instant::now();
    while left(&weed)? != files {
        let left = left(&weed)?;
        ensure!(begun.elapsed() < SWEPT, "of {before:?} {left:?} are left for {files:?} files");
        std::thread::sleep(Duration::from_millis(500));
    }
    bed.same_on_the_server("d", &wanted)?;
    a.sync(&bed)?.idle()?;
    bed.server.finish()
}

/// A transfer that has an acknowledged chunk.
fn with_a_chunk(bed: &Bed<'_>) -> Option<String> {
    let transfers = bed.listed(&format!("/remote.php/dav/uploads/{USER}")).ok()?;
    transfers.into_iter().map(|it| it.trim_end_matches('/').to_owned()).find(|transfer| {
        let chunks = bed.listed(transfer).unwrap_or_default();
        chunks.iter().any(|chunk| !chunk.ends_with(".file"))
    })
}

/// How many objects the store has for the home and for the mount, but for the marks of their owner.
fn left(weed: &Weed) -> Result<(usize, usize)> {
    let count = |prefix: &str| -> Result<usize> {
        let keys = weed.keys(&format!("{prefix}/"))?;
        ensure!(keys.iter().any(|key| key.ends_with("/owner")), "{prefix} is nobody's: {keys:?}");
        Ok(keys.len() - 1)
    };
    Ok((count("s3")?, count("s3b")?))
}

/// How many files a tree has in the home and in the mount.
fn files_of(tree: &Tree) -> (usize, usize) {
    let files = tree.iter().filter(|(_, entry)| matches!(entry, Entry::File(..)));
    let (mount, home): (Vec<_>, Vec<_>) = files.partition(|(path, _)| path.starts_with("Team/"));
    (home.len(), mount.len())
}
