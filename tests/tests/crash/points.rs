//! Fault points: one operation, killed once at each of its system calls.
//!
//! What can be on a disk after a crash depends on how many of the calls that change it were made,
//! so a kill at the entry of each of them (the call itself is not carried out) tries all that can
//! come out. The calls are those that strace sees when the operation goes well; `when=N` counts for
//! each thread, and each of a thread's calls is tried. The answer is one of them (`writev`).

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::Server;
use e2e::http::Request;
use e2e::strace::{Strace, Threads, most};
use e2e::suite::Outcome;

use crate::choose::{filled, put_op};
use crate::linear::Event;
use crate::model::{Answer, Op, hash};
use crate::observe::{Client, files};
use crate::transfer::Transfer;
use crate::worker::{ask, understood};
use crate::world::World;

/// The calls.
const CALLS: [&str; 15] = [
    "openat",
    "pwrite64",
    "fallocate",
    "ftruncate",
    "utimensat",
    "fsync",
    "fdatasync",
    "renameat",
    "renameat2",
    "linkat",
    "unlinkat",
    "mkdirat",
    "copy_file_range",
    "writev",
    "close",
];
/// Where all happens.
pub(crate) const AREA: &str = "own0";
/// Things that are made beforehand, one for each point.
const PLENTY: usize = 70;
/// Time in which an operation that was answered is published and recorded.
pub(crate) const SETTLED: Duration = Duration::from_millis(700);
/// A body that is written in one piece, and one that is not.
const SMALL: usize = 600;
const LARGE: usize = 1_500_000;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    PutSmall,
    PutLarge,
    OverwriteSmall,
    OverwriteLarge,
    MoveFile,
    MoveOnto,
    MoveFolder,
    CopyFolder,
    DeleteFolder,
    Mkcol,
    Proppatch,
    /// A chunked upload whose chunks came in order.
    Close,
    /// One whose chunks came in another, so that they are put together at last, over a file.
    CloseParked,
}

pub(crate) const ALL: [Kind; 13] = [
    Kind::PutSmall,
    Kind::PutLarge,
    Kind::OverwriteSmall,
    Kind::OverwriteLarge,
    Kind::MoveFile,
    Kind::MoveOnto,
    Kind::MoveFolder,
    Kind::CopyFolder,
    Kind::DeleteFolder,
    Kind::Mkcol,
    Kind::Proppatch,
    Kind::Close,
    Kind::CloseParked,
];

/// What came out of the kills.
#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    answered: usize,
    /// Without an answer, and carried out.
    done: usize,
    /// Without an answer, and as it was before.
    undone: usize,
}

pub(crate) struct Scene {
    pub(crate) world: World,
    transfers: Vec<Transfer>,
    next: usize,
}

pub(crate) fn run(kind: Kind) -> Result<Outcome> {
    if e2e::tools::find("strace").is_none() {
        return Ok(Outcome::Skipped("strace is missing".to_owned()));
    }
    let mut scene = Scene::prepare(kind)?;
    let calls = scene.count(kind)?;
    let mut tally = Tally::default();
    for (call, most) in &calls {
        for when in 1..=*most {
            let point = format!("{call}:signal=SIGKILL:when={when}");
            scene.kill(kind, &point, &mut tally).with_context(|| format!("{kind:?}, {point}"))?;
        }
    }
    crate::say(&format!("{kind:?}: {tally:?} at {calls:?}"));
    ensure!(tally.kills > 10, "only {} kills hit", tally.kills);
    // Before the commit, and between it and the answer.
    ensure!(tally.undone > 0 && tally.done > 0, "the kills were all of one kind: {tally:?}");
    scene.finish()?;
    Ok(Outcome::Passed)
}

impl Scene {
    /// Makes all that the operations need.
    pub(crate) fn prepare(kind: Kind) -> Result<Self> {
        let mut world = World::start(Server::start()?)?;
        let mut client = Client::open(&world.server, &world.token)?;
        let mut transfers = Vec::new();
        for number in 0..PLENTY {
            let client = &mut client;
            let mut made = |method: &str, path: &str, body: &[u8]| -> Result<()> {
                let target = files(&format!("{AREA}/{path}"));
                let answer = client.send(&client.request(method, &target).body(body))?;
                ensure!(answer.status == 201, "{method} {path}: {}", answer.status);
                Ok(())
            };
            let old = format!("old {number}").into_bytes();
            match kind {
                Kind::PutSmall | Kind::PutLarge | Kind::Mkcol => {}
                Kind::OverwriteSmall | Kind::OverwriteLarge | Kind::MoveFile | Kind::Proppatch => {
                    made("PUT", &format!("a{number}"), &old)?;
                }
                Kind::MoveOnto => {
                    made("PUT", &format!("a{number}"), &old)?;
                    made("PUT", &format!("b{number}"), b"to be replaced")?;
                }
                Kind::MoveFolder | Kind::CopyFolder | Kind::DeleteFolder => {
                    made("MKCOL", &format!("a{number}"), b"")?;
                    made("PUT", &format!("a{number}/x"), &old)?;
                    made("PUT", &format!("a{number}/y"), &old)?;
                }
                Kind::Close => {
                    transfers.push(Transfer::sent(client, &format!("t{number}"), false)?)
                }
                Kind::CloseParked => {
                    made("PUT", &format!("a{number}"), &old)?;
                    transfers.push(Transfer::sent(client, &format!("t{number}"), true)?);
                }
            }
        }
        std::thread::sleep(SETTLED);
        let (tree, folders) = client.read()?;
        world.law.look(&tree, &folders).map_err(anyhow::Error::msg)?;
        world.seen.insert(AREA.to_owned(), crate::world::part(&tree, AREA));
        Ok(Self { world, transfers, next: 0 })
    }

    /// The operation on the next things.
    pub(crate) fn next(&mut self, kind: Kind, client: &Client) -> Result<(Op, Request)> {
        let number = self.next;
        self.next += 1;
        ensure!(number < PLENTY, "there are more points than was prepared for");
        let (a, b) = (format!("a{number}"), format!("b{number}"));
        let body = |size| filled(&format!("new {number} "), size, number as u64);
        let put = |body: Vec<u8>| {
            let op = put_op(&a, &body, None);
            let request = ask(client, AREA, &op).body(body);
            (op, request)
        };
        let asked = |op: Op| {
            let request = ask(client, AREA, &op);
            (op, request)
        };
        Ok(match kind {
            Kind::PutSmall | Kind::OverwriteSmall => put(body(SMALL)),
            Kind::PutLarge | Kind::OverwriteLarge => put(body(LARGE)),
            Kind::MoveFile | Kind::MoveOnto | Kind::MoveFolder => {
                asked(Op::Move { from: a, to: b, overwrite: true })
            }
            Kind::CopyFolder => asked(Op::Copy { from: a, to: b }),
            Kind::DeleteFolder => asked(Op::Delete { path: a }),
            Kind::Mkcol => asked(Op::Mkcol { path: a }),
            Kind::Proppatch => asked(Op::Proppatch { path: a, value: format!("new {number}") }),
            Kind::Close | Kind::CloseParked => {
                let transfer = &self.transfers[0];
                let op = Op::Put { path: a.clone(), hash: hash(&transfer.whole()), token: None };
                (op, transfer.close(client, &files(&format!("{AREA}/{a}"))))
            }
        })
    }

    /// How often each call is made when all goes well.
    fn count(&mut self, kind: Kind) -> Result<BTreeMap<String, usize>> {
        let mut client = self.warm()?;
        let (op, request) = self.next(kind, &client)?;
        let file = self.world.server.home().join("calls");
        let strace = Strace::record(self.world.server.pid()?, &CALLS, &file)?;
        let answer = client.send(&request)?;
        std::thread::sleep(SETTLED);
        drop(strace);
        let answer = understood(&op, &answer)?;
        self.verify(op, answer, &mut client)?;
        let calls = most(&std::fs::read_to_string(file)?);
        Ok(calls)
    }

    /// A client whose connection is open and known.
    pub(crate) fn warm(&self) -> Result<Client> {
        let mut client = Client::open(&self.world.server, &self.world.token)?;
        client.list(&files(AREA))?;
        Ok(client)
    }

    /// Gives up what was not needed; then nothing may be left of it.
    pub(crate) fn finish(self) -> Result<()> {
        for transfer in &self.transfers {
            transfer.abort(&mut Client::open(&self.world.server, &self.world.token)?)?;
        }
        self.world.leftovers(0)?;
        self.world.server.finish()
    }

    /// Kills once.
    fn kill(&mut self, kind: Kind, point: &str, tally: &mut Tally) -> Result<()> {
        let mut client = self.warm()?;
        let (op, request) = self.next(kind, &client)?;
        let strace = Strace::inject((self.world.server.pid()?, Threads::All), &[point])?;
        let answer = match client.send(&request) {
            Ok(answer) => understood(&op, &answer)?,
            Err(_) => Answer::None,
        };
        let mut killed = self.world.server.ended_within(SETTLED)?;
        drop(strace);
        // At the last moment, perhaps.
        killed = killed || self.world.server.ended_within(Duration::from_millis(50))?;
        ensure!(killed || answer != Answer::None, "there is neither an answer nor a kill");
        if killed {
            tally.kills += 1;
            self.world.server.restart()?;
            client = self.warm()?;
        }
        let unanswered = answer == Answer::None;
        let before = self.world.seen[AREA].clone();
        self.verify(op, answer, &mut client)?;
        match unanswered {
            false => tally.answered += 1,
            true if self.world.seen[AREA] == before => tally.undone += 1,
            true => tally.done += 1,
        }
        Ok(())
    }

    /// Compares; a chunked upload is gone just if it became a file.
    pub(crate) fn verify(&mut self, op: Op, mut answer: Answer, client: &mut Client) -> Result<()> {
        let mut open = false;
        if let Some(transfer) = self.transfers.first_mut() {
            transfer.closing = true;
            open = transfer.look(client)?;
            if !open {
                self.transfers.remove(0);
            }
        }
        let closes = matches!(op, Op::Put { .. }) && !self.transfers.is_empty();
        match answer {
            Answer::None if closes && !open => answer = Answer::Proven,
            Answer::Done(_) => ensure!(!open, "the upload was closed and is still there"),
            _ => {}
        }
        let event = Event { worker: 0, begun: 0, ended: u64::MAX, op, answer };
        // With its upload still there it was not carried out: as if it had not been asked for.
        let events = if open { Vec::new() } else { vec![(AREA.to_owned(), event)] };
        let entries = self.transfers.iter().map(Transfer::entries).sum();
        self.world.compare(client, &events, entries)
    }
}

/// The name of a case.
pub(crate) fn name(kind: Kind) -> String {
    let mut name = "points".to_owned();
    for letter in format!("{kind:?}").chars() {
        if letter.is_ascii_uppercase() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
