//! A disk that fails: what could not be made durable is never acknowledged, and changes nothing.
//!
//! strace lets system calls of the server fail, of all its threads or of the index's alone, while
//! one operation is asked for. It must be answered 5xx, and all must be as before, then and after
//! another death. One fault leaves a doubt: a commit of the index whose sync failed may come back
//! with the next start, whole, if nothing was written after it. Faults of the renames that publish
//! come after the commit: the answer is a success, and the files follow when the disk goes again.

use anyhow::{Context as _, Result, ensure};
use e2e::Server;
use e2e::strace::{Strace, Threads, thread};
use e2e::suite::Outcome;

use crate::model::Answer;
use crate::observe::{Client, files};
use crate::points::{AREA, Kind, Scene, name};
use crate::transfer::Transfer;
use crate::worker::understood;
use crate::world::{World, part};

/// Which thread meets the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    All,
    /// The one that writes the index.
    Index,
}

/// What must come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcomes {
    /// 5xx, and nothing has changed.
    Refused,
    /// 5xx, and nothing has changed until the next start; then perhaps all of it.
    Doubtful,
    /// A success.
    Done,
}

type Fault = (Whose, &'static [&'static str], Outcomes);

const FAULTS: [Fault; 8] = [
    (Whose::All, &["fsync:error=EIO", "fdatasync:error=EIO"], Outcomes::Doubtful),
    (Whose::Index, &["fsync:error=EIO"], Outcomes::Doubtful),
    (Whose::Index, &["fsync:error=ENOSPC"], Outcomes::Doubtful),
    (Whose::All, &["pwrite64:error=EIO"], Outcomes::Refused),
    (Whose::All, &["pwrite64:error=ENOSPC"], Outcomes::Refused),
    (Whose::Index, &["pwrite64:error=EIO:when=2+"], Outcomes::Refused),
    (Whose::Index, &["pwrite64:error=ENOSPC:when=2+"], Outcomes::Refused),
    (Whose::All, &["renameat:error=EIO", "renameat2:error=EIO"], Outcomes::Done),
];

/// Faults of calls that only some operations make before they commit.
fn more(kind: Kind) -> &'static [Fault] {
    match kind {
        Kind::PutLarge | Kind::OverwriteLarge => &[
            (Whose::All, &["fallocate:error=ENOSPC"], Outcomes::Refused),
            (Whose::All, &["ftruncate:error=EIO"], Outcomes::Refused),
        ],
        Kind::Mkcol | Kind::CopyFolder => {
            &[(Whose::All, &["mkdirat:error=ENOSPC"], Outcomes::Refused)]
        }
        Kind::PutSmall => &[(Whose::All, &["utimensat:error=EIO"], Outcomes::Refused)],
        _ => &[],
    }
}

pub(crate) fn run(kind: Kind) -> Result<Outcome> {
    if e2e::tools::find("strace").is_none() {
        return Ok(Outcome::Skipped("strace is missing".to_owned()));
    }
    let mut scene = Scene::prepare(kind)?;
    scene.world.faulty = true;
    for fault in FAULTS.iter().chain(more(kind)) {
        for goes_on in [false, true] {
            scene
                .fail(kind, fault, goes_on)
                .with_context(|| format!("{kind:?}, {fault:?}, goes on: {goes_on}"))?;
        }
    }
    scene.finish()?;
    Ok(Outcome::Passed)
}

/// A chunk on a failing disk: not acknowledged, and the upload can go on with it when the disk works.
pub(crate) fn chunks() -> Result<Outcome> {
    if e2e::tools::find("strace").is_none() {
        return Ok(Outcome::Skipped("strace is missing".to_owned()));
    }
    let mut world = World::start(Server::start()?)?;
    world.faulty = true;
    for (number, (whose, injections, outcome)) in FAULTS.iter().enumerate() {
        if *outcome == Outcomes::Done {
            continue; // nothing is published
        }
        // The first chunk; the second, in order; the second after the third, so that it is parked.
        let shapes = [(None, 0), (Some(0), 1), (Some(2), 1)];
        for ((known, failing), goes_on) in
            shapes.into_iter().flat_map(|shape| [(shape, false), (shape, true)])
        {
            let name = format!("chunk {number} {known:?} {goes_on}");
            let name = name.replace(['(', ')', ' '], "");
            let mut client = Client::open(&world.server, &world.token)?;
            let mut transfer = Transfer::begun(&mut client, &name, known)?;
            let pid = world.server.pid()?;
            let of = match whose {
                Whose::All => (pid, Threads::All),
                Whose::Index => (thread(pid, "index")?, Threads::One),
            };
            let strace = Strace::inject(of, injections)?;
            let status = transfer.try_chunk(&mut client, failing)?;
            ensure!(status >= 500, "{whose:?} {injections:?}: the chunk is {status}");
            if goes_on {
                drop(strace);
            } else {
                world.server.kill9()?;
                drop(strace);
                world.server.restart()?;
            }
            let mut client = Client::open(&world.server, &world.token)?;
            let context = || format!("{name}, {whose:?} {injections:?}");
            ensure!(transfer.look(&mut client).with_context(context)?, "the upload is gone");
            transfer.complete(&mut client).with_context(context)?;
            let target = files(&format!("{AREA}/{name}"));
            let closed = client.send(&transfer.close(&client, &target))?;
            ensure!(closed.status == 201, "{name}: the closing MOVE is {}", closed.status);
            let got = client.get(&format!("{AREA}/{name}"))?.context("it is not there")?.0;
            ensure!(got == transfer.whole(), "{name} has other bytes");
        }
    }
    world.server.restart()?;
    world.leftovers(0)?;
    world.server.finish()?;
    Ok(Outcome::Passed)
}

impl Scene {
    /// One operation on a failing disk. `goes_on`: others succeed after it before the next start;
    /// otherwise the server is killed on the spot.
    fn fail(&mut self, kind: Kind, fault: &Fault, goes_on: bool) -> Result<()> {
        let (whose, injections, outcome) = fault;
        let mut client = self.warm()?;
        let (op, request) = self.next(kind, &client)?;
        let pid = self.world.server.pid()?;
        let of = match whose {
            Whose::All => (pid, Threads::All),
            Whose::Index => (thread(pid, "index")?, Threads::One),
        };
        let strace = Strace::inject(of, injections)?;
        let answer = client.send(&request).context("no answer")?;
        let failed = answer.status >= 500;
        ensure!(
            failed == (*outcome != Outcomes::Done),
            "{op:?} is answered {}: {}",
            answer.status,
            answer.text()
        );
        let mut told = match failed {
            false => understood(&op, &answer)?,
            true => Answer::Refused(answer.status),
        };
        if failed {
            self.is_as_before(&mut Client::open(&self.world.server, &self.world.token)?)?;
        }
        if goes_on {
            drop(strace);
            if failed {
                self.works(&mut Client::open(&self.world.server, &self.world.token)?)?;
            }
        } else {
            self.world.server.kill9()?;
            drop(strace);
            if *outcome == Outcomes::Doubtful {
                told = Answer::None;
            }
        }
        self.world.server.restart()?;
        let mut client = self.warm()?;
        self.verify(op, told, &mut client)
    }

    fn is_as_before(&self, client: &mut Client) -> Result<()> {
        let (tree, _) = client.read()?;
        let (before, now) = (&self.world.seen[AREA], part(&tree, AREA));
        ensure!(now == *before, "it was refused, and {before:#?} became {now:#?}");
        Ok(())
    }

    /// Whether the server can write again: another area, which is compared later.
    fn works(&mut self, client: &mut Client) -> Result<()> {
        let target = files("beside");
        let answer = client.send(&client.request("MKCOL", &target))?;
        ensure!(answer.status == 201, "after the fault MKCOL is {}", answer.status);
        let answer = client.send(&client.request("DELETE", &target))?;
        ensure!(answer.status == 204, "after the fault DELETE is {}", answer.status);
        Ok(())
    }
}

/// The name of a case.
pub(crate) fn case_name(kind: Kind) -> String {
    name(kind).replacen("points", "faults", 1)
}
