//! A power cut: only what was synced is there afterwards.
//!
//! The data lies on an ext4 in an image that is mounted with `commit=300`. At a moment when the
//! server stands still (SIGSTOP) the image is copied: what the kernel has not written to it yet is
//! not in the copy, as it would not be on a disk. The server starts again on the copy.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use e2e::Server;
use e2e::mount::{self, Mounted};
use e2e::suite::Outcome;

use crate::observe::{Client, files};
use crate::rng::Rng;
use crate::world::World;

/// Size of the image.
const BYTES: u64 = 300 << 20;
/// Power cuts in a run.
const CUTS: u64 = 4;
/// Files that are written while nothing need be durable.
const FILES: usize = 40;

/// A disk whose power can be cut.
struct Disk {
    folder: tempfile::TempDir,
    image: PathBuf,
    count: usize,
    mounted: Option<Mounted>,
}

impl Disk {
    fn new(at: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("moonsail-disk-").tempdir()?;
        let image = folder.path().join("image0");
        mount::make_image(&image, BYTES)?;
        let mounted = Some(Mounted::image(at, &image)?);
        Ok(Self { folder, image, count: 0, mounted })
    }

    /// Takes down what is on the disk now.
    fn copy(&mut self) -> Result<PathBuf> {
        self.count += 1;
        let copy = self.folder.path().join(format!("image{}", self.count));
        mount::copy_image(&self.image, &copy)?;
        Ok(copy)
    }

    /// Puts a copy in the place of the disk.
    fn replace(&mut self, at: &Path, copy: PathBuf) -> Result<()> {
        self.mounted = None;
        std::fs::remove_file(&self.image)?;
        self.image = copy;
        self.mounted = Some(Mounted::image(at, &self.image)?);
        Ok(())
    }
}

/// Halts the server and waits until none of its threads does anything, in the kernel either.
fn halt(server: &Server) -> Result<()> {
    let pid = server.pid()?;
    ensure!(Command::new("kill").args(["-STOP", &pid.to_string()]).status()?.success(), "SIGSTOP");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        let mut all = true;
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let stat = std::fs::read_to_string(task?.path().join("stat"))?;
            // The state is the first word after the name, which is in parentheses.
            let state = stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
            all &= state == Some(Some('T'));
        }
        if all {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    bail!("the server does not stand still")
}

fn world(durability: &str) -> Result<(World, Disk)> {
    let config = format!("[storage]\nmin_free_bytes = 0\ndurability = \"{durability}\"\n");
    let mut server = Server::prepare(&config, &[])?;
    let disk = Disk::new(&server.data())?;
    server.restart()?;
    Ok((World::start(server)?, disk))
}

/// With full durability nothing acknowledged is lost.
pub(crate) fn run(seed: u64) -> Result<Outcome> {
    if let Some(why) = mount::impossible() {
        return Ok(Outcome::Skipped(why));
    }
    let (mut world, mut disk) = world("full")?;
    let data = world.server.data();
    let mut rng = Rng::new(seed, &[u64::MAX, 1]);
    let mut answered = 0;
    for cycle in 0..CUTS {
        let context = || format!("power cut {cycle} of seed {seed}");
        let pause = Duration::from_millis(200 + rng.below(800) as u64);
        let mut copy = None;
        let events = world.work((seed, cycle), &mut |server, killed| {
            std::thread::sleep(pause);
            killed.store(true, Ordering::SeqCst);
            halt(server)?;
            copy = Some(disk.copy()?);
            server.kill9()
        });
        let events = events.with_context(context)?;
        answered += events.len();
        disk.replace(&data, copy.context("no copy was made")?)?;
        world.server.restart().with_context(context)?;
        let mut client = Client::open(&world.server, &world.token)?;
        world.verify(&mut client, events).with_context(context)?;
    }
    crate::say(&format!("{CUTS} power cuts, {answered} operations, nothing lost"));
    world.finish(disk)?;
    Ok(Outcome::Passed)
}

/// The test can fail: with `durability = "none"` something is lost.
pub(crate) fn without_syncs() -> Result<Outcome> {
    if let Some(why) = mount::impossible() {
        return Ok(Outcome::Skipped(why));
    }
    for (durability, may_lose) in [("full", false), ("none", true)] {
        let (mut world, mut disk) = world(durability)?;
        let data = world.server.data();
        // What was made until here lasts, as on a server that has run for a while.
        std::thread::sleep(Duration::from_secs(1));
        Command::new("sync").arg("-f").arg(&data).status()?;
        let mut client = Client::open(&world.server, &world.token)?;
        let name = |number: usize| format!("own0/{number}");
        let body = |number: usize| format!("acknowledged {number}").into_bytes();
        for number in 0..FILES {
            let request = client.request("PUT", &files(&name(number))).body(body(number));
            ensure!(client.send(&request)?.status == 201, "PUT {number}");
        }
        halt(&world.server)?;
        let copy = disk.copy()?;
        world.server.kill9()?;
        disk.replace(&data, copy)?;
        world.server.restart()?;
        let mut client = Client::open(&world.server, &world.token)?;
        let mut lost = 0;
        for number in 0..FILES {
            let got = client.send(&client.request("GET", &files(&name(number))))?;
            lost += usize::from(got.status != 200 || got.body != body(number));
        }
        crate::say(&format!("durability = {durability:?}: {lost} of {FILES} files are lost"));
        ensure!(may_lose == (lost > 0), "durability = {durability:?}: {lost} files are lost");
        match may_lose {
            false => world.server.finish_on(disk)?,
            true => {
                world.server.kill9()?;
                drop(disk);
            }
        }
    }
    Ok(Outcome::Passed)
}
