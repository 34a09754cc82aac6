//! A full disk: 507 and nothing changed, or done; never anything else. Room made, it goes on.
//!
//! Data and index lie on a small file system in memory. Ballast of somebody else's leaves a little
//! room, and less, and none; everything that can be asked of the server is asked then. Once with
//! the reserve of `storage.min_free_bytes`, which keeps what is new out before the disk is full,
//! and once without, when the disk itself says no.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use e2e::Server;
use e2e::http::{Request, Response};
use e2e::mount::{self, Mounted};
use e2e::suite::Outcome;

use crate::choose::{filled, put_op};
use crate::linear::Event;
use crate::model::{Answer, Op, hash};
use crate::observe::{Client, USER, files};
use crate::transfer::Transfer;
use crate::worker::{ask, understood};
use crate::world::World;

const AREA: &str = "own0";
/// Size of the disk beside the reserve.
const ROOM: u64 = 48 << 20;
/// Room that the ballast leaves, in turn.
const LEFT: [u64; 6] = [1 << 20, 300 << 10, 64 << 10, 16 << 10, 4 << 10, 0];

struct Scene {
    world: World,
    disk: Mounted,
    ballast: PathBuf,
    events: Vec<(String, Event)>,
    refused: usize,
    count: u64,
}

/// `reserve` is `storage.min_free_bytes`.
pub(crate) fn run(reserve: Option<u64>) -> Result<Outcome> {
    if let Some(why) = mount::impossible() {
        return Ok(Outcome::Skipped(why));
    }
    let config = match reserve {
        Some(bytes) => format!("[storage]\nmin_free_bytes = {bytes}\n"),
        None => String::new(),
    };
    let mut server = Server::prepare(&config, &[])?;
    // The default is 256 MiB, which must be there beside the room for the files.
    let disk = Mounted::memory(&server.data(), ROOM + reserve.unwrap_or(256 << 20))?;
    server.restart()?;
    let ballast = server.data().join("ballast");
    let mut world = World::start(server)?;
    world.faulty = true;
    let (events, refused, count) = (Vec::new(), 0, 0);
    let mut scene = Scene { world, disk, ballast, events, refused, count };
    let mut client = Client::open(&scene.world.server, &scene.world.token)?;
    // Something to overwrite, to move, to read and to delete at each stage.
    for round in 0..LEFT.len() + 1 {
        scene.must(&mut client, Op::Mkcol { path: format!("d{round}") }, b"")?;
        for name in ["old", "moved", "deleted"] {
            let body = filled(&format!("{name} {round} "), 100_000, round as u64);
            scene.must(&mut client, put_op(&format!("d{round}/{name}"), &body, None), &body)?;
        }
    }
    scene.compare(&mut client, 0)?;
    scene.world.full = true;
    for (round, left) in LEFT.into_iter().enumerate() {
        scene.fill(left)?;
        scene.round(round).with_context(|| format!("with {left} bytes left"))?;
        // The server takes back what it had given up for the deletion, before the ballast does.
        std::thread::sleep(std::time::Duration::from_millis(1000));
    }
    ensure!(scene.refused >= 2 * LEFT.len(), "only {} requests were refused", scene.refused);
    std::fs::remove_file(&scene.ballast)?;
    // What was measured before is believed for a second, and what could not be recorded is tried
    // again after one.
    std::thread::sleep(std::time::Duration::from_millis(2500));
    scene.world.full = false;
    scene.world.server.fsck()?;
    let round = LEFT.len();
    let refused = scene.refused;
    scene.round(round).context("with room again, and no restart")?;
    ensure!(scene.refused == refused, "there is room again, and requests were refused");
    let count = scene.count;
    crate::say(&format!("reserve {reserve:?}: {count} requests on a full disk, {refused} refused"));
    let Scene { world, disk, .. } = scene;
    world.server.finish_on(disk)?;
    Ok(Outcome::Passed)
}

impl Scene {
    /// Lets so many bytes be free.
    fn fill(&mut self, left: u64) -> Result<()> {
        let mut ballast =
            std::fs::OpenOptions::new().create(true).append(true).open(&self.ballast)?;
        let surplus = free(&self.ballast)?.saturating_sub(left);
        match ballast.write_all(&vec![0; usize::try_from(surplus)?]) {
            Err(error) if error.kind() != std::io::ErrorKind::StorageFull => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// All that can be asked for.
    fn round(&mut self, round: usize) -> Result<()> {
        let mut client = Client::open(&self.world.server, &self.world.token)?;
        let client = &mut client;
        let at = |name: &str| format!("d{round}/{name}");
        let large = filled(&format!("large {round} "), 2_000_000, 7);
        let small = filled(&format!("small {round} "), 200, 7);
        self.may(client, put_op(&at("large"), &large, None), &large)?;
        self.may(client, put_op(&at("old"), &large, None), &large)?;
        self.unannounced(client, put_op(&at("old"), &large, None), &large)?;
        self.may(client, put_op(&at("small"), &small, None), &small)?;
        self.may(client, Op::Mkcol { path: at("folder") }, b"")?;
        let value = "p".repeat(5000);
        self.may(client, Op::Proppatch { path: at("old"), value }, b"")?;
        self.may(client, Op::Copy { from: at("old"), to: at("copy") }, b"")?;
        let to = at("moved-away");
        self.may(client, Op::Move { from: at("moved"), to, overwrite: true }, b"")?;
        let transfer = self.upload(client, round)?;
        // Reading goes on whatever the disk says.
        let entries = transfer.as_ref().map_or(0, |_| 3);
        self.compare(client, entries)?;
        let done = self.ask(client, Op::Delete { path: at("deleted") }, b"")?;
        ensure!(done.status == 204, "DELETE is {}: {}", done.status, done.text());
        if let Some(transfer) = transfer {
            transfer.abort(client)?;
        }
        self.compare(client, 0)
    }

    /// A chunked upload; `None` if it became a file.
    fn upload(&mut self, client: &mut Client, round: usize) -> Result<Option<Transfer>> {
        let (transfer, failed) = Transfer::try_sent(client, &format!("full{round}"), 400_000)?;
        if let Some(status) = failed {
            ensure!(status == 507, "a chunk is {status}");
            self.refused += 1;
            return Ok(Some(transfer));
        }
        let path = format!("d{round}/chunked");
        let op = Op::Put { path: path.clone(), hash: hash(&transfer.whole()), token: None };
        let request = transfer.close(client, &files(&format!("{AREA}/{path}")));
        let answer = client.send(&request)?;
        self.note(op, &answer)?;
        Ok((answer.status == 507).then_some(transfer))
    }

    fn must(&mut self, client: &mut Client, op: Op, body: &[u8]) -> Result<()> {
        let answer = self.ask(client, op, body)?;
        ensure!(answer.status < 300, "{}: {}", answer.status, answer.text());
        Ok(())
    }

    /// Done, or 507.
    fn may(&mut self, client: &mut Client, op: Op, body: &[u8]) -> Result<()> {
        self.ask(client, op, body).map(drop)
    }

    fn ask(&mut self, client: &mut Client, op: Op, body: &[u8]) -> Result<Response> {
        let request = ask(client, AREA, &op);
        let request = if body.is_empty() { request } else { request.body(body) };
        let answer = client.send(&request)?;
        self.note(op, &answer)?;
        Ok(answer)
    }

    /// A body whose length is not announced, so that the disk is full only while it comes.
    fn unannounced(&mut self, client: &mut Client, op: Op, body: &[u8]) -> Result<()> {
        let request: Request = ask(client, AREA, &op).field("Transfer-Encoding", "chunked");
        let mut framed = format!("{:x}\r\n", body.len()).into_bytes();
        framed.extend_from_slice(body);
        framed.extend_from_slice(b"\r\n0\r\n\r\n");
        let answer = client.send(&request.body(framed))?;
        self.note(op, &answer)
    }

    fn note(&mut self, op: Op, answer: &Response) -> Result<()> {
        self.count += 1;
        let told = match answer.status {
            507 => {
                self.refused += 1;
                Answer::Refused(507)
            }
            status => {
                let told = understood(&op, answer)?;
                let done = matches!(told, Answer::Done(_));
                let gone = matches!(op, Op::Copy { .. } | Op::Move { .. });
                ensure!(done || gone, "{op:?} is {status}: {}", answer.text());
                told
            }
        };
        let (begun, ended) = (2 * self.count, 2 * self.count + 1);
        self.events.push((AREA.to_owned(), Event { worker: 0, begun, ended, op, answer: told }));
        Ok(())
    }

    /// What was refused has changed nothing.
    fn compare(&mut self, client: &mut Client, entries: usize) -> Result<()> {
        let mut events = Vec::new();
        for (area, event) in self.events.drain(..) {
            // The model does not know of disks: it is as if it had not been asked for.
            if event.answer != Answer::Refused(507) {
                events.push((area, event));
            }
        }
        self.settle(client)?;
        self.world.compare(client, &events, entries)
    }

    /// Until what was answered is published.
    fn settle(&self, client: &mut Client) -> Result<()> {
        let begun = std::time::Instant::now();
        let root = self.world.server.data().join("files").join(USER);
        loop {
            let (tree, _) = client.read()?;
            let disk = crate::observe::disk(&root)?;
            let same = disk.keys().eq(tree.0.keys());
            if same || begun.elapsed().as_secs() > 5 {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// Bytes that are free where a file lies.
fn free(at: &std::path::Path) -> Result<u64> {
    let mut command = std::process::Command::new("df");
    command.args(["--output=avail", "-B1"]).arg(at);
    let said = e2e::tools::require(&mut command, std::time::Duration::from_secs(10))?;
    let number = said.lines().nth(1).context("df says nothing")?;
    Ok(number.trim().parse()?)
}
