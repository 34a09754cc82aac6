//! Files that others change in the data folder while clients are served, by the built server.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use e2e::Server;
use e2e::http::{self, Endpoint, Request, Response};

/// Files that appear at once: `OUTSIDE_FILES=100000` by hand.
const FILES: usize = 5_000;
const FILES_IN_A_FOLDER: usize = 500;
/// Longer than any look takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

struct World {
    server: Server,
    token: String,
}

impl World {
    fn start() -> Result<Self> {
        Self::with(Server::start()?)
    }

    /// One that tells its metrics, and where.
    fn measured() -> Result<(Self, Endpoint)> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut server = Server::prepare("", &[])?;
        let address = format!("127.0.0.1:{port}");
        server.set_environment(&[("MOONSAIL_SERVER__ADMIN_LISTEN", &address)]);
        server.restart()?;
        Ok((Self::with(server)?, Endpoint { port, ca: None }))
    }

    fn with(server: Server) -> Result<Self> {
        server.add_user("alice", "the long password of alice")?;
        let token = server.token("alice")?;
        let world = Self { server, token };
        ensure!(world.ask("PUT", "mine.txt", b"mine")?.status == 201);
        Ok(world)
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Result<Response> {
        let path = format!("/remote.php/dav/files/alice/{path}");
        let fields = [("Depth", "1")];
        self.server.dav(method, &path, ("alice", &self.token), &fields, body)
    }

    fn on_disk(&self, path: &str) -> PathBuf {
        self.server.data().join("files/alice").join(path)
    }

    fn etag(&self) -> Result<String> {
        let answer = self.ask("PROPFIND", "", b"")?;
        let text = answer.text();
        let etag = text.split("<d:getetag>").nth(1).and_then(|rest| rest.split('<').next());
        Ok(etag.context("the root has an etag")?.to_owned())
    }

    /// Asks until it holds; gives how long it took.
    fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> Result<bool>) -> Result<Duration> {
        let begun = Instant::now();
        while !holds(self)? {
            if begun.elapsed() > LIMIT {
                bail!("{what} is not seen after {LIMIT:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(begun.elapsed())
    }
}

/// Clock ticks of CPU that a process has used.
fn ticks(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split(' ').collect();
    Ok(fields[12].parse::<u64>()? + fields[13].parse::<u64>()?)
}

/// A tree of `count` files, and where it is.
fn make_tree(at: &Path, count: usize) -> Result<()> {
    for number in 0..count {
        let folder = at.join(format!("folder {}", number / FILES_IN_A_FOLDER));
        if number % FILES_IN_A_FOLDER == 0 {
            fs::create_dir_all(&folder)?;
        }
        fs::write(folder.join(format!("file {number}.txt")), format!("content of {number}"))?;
    }
    Ok(())
}

#[test]
fn what_others_write_rename_and_delete_is_served() -> Result<()> {
    let world = World::start()?;
    let before = world.etag()?;
    fs::write(world.on_disk("theirs.txt"), "theirs")?;
    world.until("a new file", |it| Ok(it.ask("GET", "theirs.txt", b"")?.body == b"theirs"))?;
    ensure!(world.etag()? != before, "the root's etag tells");
    let id = world.ask("HEAD", "theirs.txt", b"")?.find_field("oc-fileid").map(str::to_owned);
    fs::rename(world.on_disk("theirs.txt"), world.on_disk("renamed.txt"))?;
    world.until("a rename", |it| Ok(it.ask("GET", "renamed.txt", b"")?.status == 200))?;
    let renamed = world.ask("HEAD", "renamed.txt", b"")?;
    ensure!(renamed.find_field("oc-fileid").map(str::to_owned) == id, "the id is another");
    fs::write(world.on_disk("mine.txt"), "no, theirs")?;
    let answer = world.ask("GET", "mine.txt", b"")?;
    ensure!(answer.body == b"no, theirs", "at once, not after a while: {:?}", answer.text());
    fs::remove_file(world.on_disk("renamed.txt"))?;
    world.until("a deletion", |it| Ok(it.ask("GET", "renamed.txt", b"")?.status == 404))?;
    world.server.finish()
}

#[test]
fn many_files_that_come_at_once_are_indexed_while_clients_are_served() -> Result<()> {
    let count = std::env::var("OUTSIDE_FILES").ok().and_then(|n| n.parse().ok()).unwrap_or(FILES);
    let (world, metrics) = World::measured()?;
    let source = world.server.home().join("source");
    make_tree(&source, count)?;
    let mut copying = Command::new("rsync")
        .arg("-a")
        .arg(format!("{}/", source.display()))
        .arg(world.on_disk("copied"))
        .spawn()
        .context("rsync")?;
    let begun = Instant::now();
    let last = format!("copied/folder {}", (count - 1) / FILES_IN_A_FOLDER).replace(' ', "%20");
    let (mut served, mut slowest) = (0_u32, Duration::ZERO);
    loop {
        let asked = Instant::now();
        let answer = world.ask("GET", "mine.txt", b"")?;
        ensure!(answer.status == 200, "a client is refused meanwhile: {}", answer.status);
        let name = format!("upload%20{served}");
        ensure!(world.ask("PUT", &name, b"x")?.status == 201, "an upload is refused meanwhile");
        slowest = slowest.max(asked.elapsed());
        served += 1;
        let listed = world.ask("PROPFIND", &last, b"")?;
        let members = listed.text().matches("<d:response>").count();
        if members == (count - 1) % FILES_IN_A_FOLDER + 2 {
            break;
        }
        ensure!(
            begun.elapsed() < LIMIT * 10,
            "only {members} of the last folder after a long time"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    ensure!(copying.wait()?.success(), "rsync failed");
    let mut found = 0;
    for folder in 0..count.div_ceil(FILES_IN_A_FOLDER) {
        let path = format!("copied/folder%20{folder}");
        let files = FILES_IN_A_FOLDER.min(count - folder * FILES_IN_A_FOLDER);
        world.until(&path, |it| {
            Ok(it.ask("PROPFIND", &path, b"")?.text().matches("<d:response>").count() == files + 1)
        })?;
        found += files;
    }
    let took = begun.elapsed();
    writeln!(
        std::io::stderr(),
        "{found} files in {took:?}; {served} rounds of three requests, slowest two {slowest:?}"
    )?;
    let path = format!("copied/folder%200/file%20{}.txt", 7);
    ensure!(world.ask("GET", &path, b"")?.body == b"content of 7");
    let told = http::exchange(&metrics, &Request::new("GET", "/metrics"))?.text();
    let created = "moonsail_outside_changes_total{kind=\"created\"} ";
    let created = told.lines().find_map(|line| line.strip_prefix(created)?.parse::<usize>().ok());
    ensure!(created.is_some_and(|created| created >= count), "metrics tell {created:?} new files");
    let folders =
        told.lines().find_map(|line| line.strip_prefix("moonsail_outside_watched_folders "));
    ensure!(folders.is_some_and(|number| number.parse().is_ok_and(|n: usize| n > count / 500)));
    world.until("the end in the log", |it| {
        Ok(!it.server.log_about("the index is as the disk is").is_empty())
    })?;
    world.server.finish()
}

#[test]
fn a_quiet_tree_costs_no_cpu() -> Result<()> {
    let mut world = World::start()?;
    make_tree(&world.on_disk("tree"), 3_000)?;
    world.until("the tree", |it| {
        Ok(it.ask("GET", "tree/folder%205/file%202999.txt", b"")?.status == 200)
    })?;
    world.server.stop()?;
    world.server.restart()?;
    world.until("an answer", |it| Ok(it.ask("GET", "mine.txt", b"")?.status == 200))?;
    // The look at the start, and what it leads to.
    std::thread::sleep(Duration::from_secs(4));
    let before = ticks(world.server.pid()?)?;
    std::thread::sleep(Duration::from_secs(5));
    let used = ticks(world.server.pid()?)? - before;
    // A tick is 10 ms: the server's own timers take less than one a second.
    ensure!(used <= 5, "{used} ticks of CPU in five quiet seconds");
    world.server.finish()
}

#[test]
fn edits_made_while_the_server_was_down_are_seen_after_its_start() -> Result<()> {
    let mut world = World::start()?;
    world.server.stop()?;
    fs::create_dir(world.on_disk("folder"))?;
    fs::rename(world.on_disk("mine.txt"), world.on_disk("folder/moved.txt"))?;
    fs::write(world.on_disk("theirs.txt"), "theirs")?;
    world.server.restart()?;
    world.until("the move", |it| Ok(it.ask("GET", "folder/moved.txt", b"")?.body == b"mine"))?;
    world.until("the new file", |it| Ok(it.ask("GET", "theirs.txt", b"")?.status == 200))?;
    world.until("the loss", |it| Ok(it.ask("GET", "mine.txt", b"")?.status == 404))?;
    world.server.finish()
}
