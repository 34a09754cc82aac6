//! A clock that is set back between two lives of the server (libfaketime): nothing depends on it
//! going forward.
//!
//! Under the oracle of the kills the clock goes ten hours back, ten more, and forward again: etags
//! never repeat, what was acknowledged is there, locks and app passwords go on working, uploads
//! that go on are not given up. At last it jumps a month ahead: locks have run out then, and a lock
//! that has run out does not stand in the way.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::Server;
use e2e::suite::Outcome;

use crate::choose::put_op;
use crate::model::Op;
use crate::observe::{Client, files};
use crate::worker::ask;
use crate::world::World;

/// Offsets of the clock in turn; less than a day apart, after which uploads are given up.
const CLOCKS: [&str; 5] = ["+0", "-10h", "-20h", "-5h", "+0"];

pub(crate) fn run(seed: u64) -> Result<Outcome> {
    let Some(library) = library() else {
        return Ok(Outcome::Skipped("faketime is missing".to_owned()));
    };
    let library = library.to_str().context("a path that is text")?;
    let mut world = World::start(Server::start()?)?;
    let mut answered = 0;
    for (cycle, clock) in CLOCKS.into_iter().enumerate() {
        let context = || format!("clock {clock} of seed {seed}");
        set(&mut world.server, library, clock);
        world.server.restart().with_context(context)?;
        goes(&world.server, clock)?;
        let events = world.work((seed, cycle as u64), &mut |server, killed| {
            std::thread::sleep(Duration::from_millis(700));
            killed.store(true, Ordering::SeqCst);
            server.kill9()
        });
        let events = events.with_context(context)?;
        answered += events.len();
        world.server.restart().with_context(context)?;
        let mut client = Client::open(&world.server, &world.token)?;
        world.verify(&mut client, events).with_context(context)?;
    }
    locks_run_out(&mut world, library)?;
    crate::say(&format!("clocks {CLOCKS:?}: {answered} operations"));
    world.server.finish()?;
    Ok(Outcome::Passed)
}

/// A lock is there until its time is over, and then in nobody's way.
fn locks_run_out(world: &mut World, library: &str) -> Result<()> {
    let area = "clock";
    let mut client = Client::open(&world.server, &world.token)?;
    let made = client.send(&client.request("MKCOL", &files(area)))?;
    ensure!(made.status == 201, "MKCOL: {}", made.status);
    let put = |client: &mut Client| -> Result<u16> {
        let request = ask(client, area, &put_op("locked", b"x", None)).body("x");
        Ok(client.send(&request)?.status)
    };
    ensure!(put(&mut client)? == 201, "PUT");
    let locked = client.send(&ask(&client, area, &Op::Lock { path: "locked".into() }))?;
    ensure!(locked.status == 200, "LOCK: {}", locked.status);
    for (clock, expected) in [("+0", 423), ("-3d", 423), ("+6d", 423), ("+30d", 204)] {
        set(&mut world.server, library, clock);
        world.server.restart()?;
        let mut client = Client::open(&world.server, &world.token)?;
        let status = put(&mut client)?;
        ensure!(status == expected, "a week's lock at {clock}: {status}, not {expected}");
    }
    Ok(())
}

fn set(server: &mut Server, library: &str, clock: &str) {
    server.set_environment(&[
        ("LD_PRELOAD", library),
        ("FAKETIME", clock),
        // What measures times, not moments, is left alone.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ]);
}

/// The server's clock is really another: its `Date` is.
fn goes(server: &Server, clock: &str) -> Result<()> {
    let answer = server.dav("GET", "/status.php", ("", ""), &[], b"")?;
    let date = answer.find_field("date").context("no Date")?;
    let said = |of: &str| -> Result<i64> {
        let mut command = std::process::Command::new("date");
        let said = e2e::tools::require(command.args(["-d", of, "+%s"]), Duration::from_secs(10))?;
        Ok(said.trim().parse()?)
    };
    let hours: i64 = clock.trim_end_matches('h').parse()?;
    let off = said(date)? - said("now")? - hours * 3600;
    ensure!(off.abs() < 60, "the clock is {date}, which is {off} s beside {clock}");
    Ok(())
}

/// Debian's libfaketime.
fn library() -> Option<PathBuf> {
    let roots = std::fs::read_dir("/usr/lib").ok()?;
    let places =
        roots.filter_map(|entry| Some(entry.ok()?.path().join("faketime/libfaketimeMT.so.1")));
    places.into_iter().find(|place| place.is_file())
}
