//! `kill -9` at random moments, again and again, with everything compared after each.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::Server;
use e2e::strace::{Strace, Threads};
use e2e::suite::Outcome;

use crate::model::Answer;
use crate::observe::{Client, files};
use crate::rng::Rng;
use crate::world::World;

/// What fails now and then, in turn.
const FAULTS: [&str; 4] = [
    "fsync:error=EIO",
    "pwrite64:error=EIO",
    "fsync:error=EIO renameat:error=EIO renameat2:error=EIO",
    "pwrite64:error=ENOSPC",
];
/// Longest time from a start to its first answer.
const BACK: Duration = Duration::from_secs(2);

/// What a run does.
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) cycles: u64,
    /// Files that lie there beside, of another user.
    pub(crate) bulk: usize,
}

/// Kills as often as planned.
pub(crate) fn run(plan: &Plan) -> Result<Outcome> {
    crate::say(&format!("seed {} (set CRASH_SEED to repeat it)", plan.seed));
    let mut world = World::start(Server::start_with("", &[])?)?;
    if plan.bulk > 0 {
        crate::bulk::make(&mut world.server, plan.bulk)?;
    }
    let mut rng = Rng::new(plan.seed, &[u64::MAX]);
    let (mut back, mut answered, mut unanswered) = (Vec::new(), 0, 0);
    for cycle in 0..plan.cycles {
        let context = || format!("cycle {cycle} of seed {}", plan.seed);
        let pause = Duration::from_millis(30 + rng.below(600) as u64);
        let events = world.work((plan.seed, cycle), &mut |server, killed| {
            std::thread::sleep(pause);
            killed.store(true, Ordering::SeqCst);
            server.kill9()
        });
        let events = events.with_context(context)?;
        answered += events.iter().filter(|(_, event)| event.answer != Answer::None).count();
        unanswered += events.iter().filter(|(_, event)| event.answer == Answer::None).count();
        while rng.chance(30) {
            // Also in the middle of putting things right.
            world.server.start_and_kill9(Duration::from_millis(rng.below(150) as u64))?;
        }
        let begun = Instant::now();
        world.server.restart().with_context(context)?;
        let mut client = Client::open(&world.server, &world.token)?;
        client.list(&files(""))?.context("the root is gone")?;
        back.push(begun.elapsed());
        world.verify(&mut client, events).with_context(context)?;
    }
    back.sort_unstable();
    let slowest = back.last().copied().unwrap_or_default();
    crate::say(&format!(
        "{} kills, {answered} operations answered, {unanswered} not; back after {:?} (median), \
         {slowest:?} (slowest), with {} more files; {} etags seen",
        plan.cycles,
        back.get(back.len() / 2).copied().unwrap_or_default(),
        plan.bulk,
        world.law.count(),
    ));
    ensure!(slowest < BACK, "a start took {slowest:?}");
    world.finish(())?;
    Ok(Outcome::Passed)
}

/// The same while system calls fail now and then, in whatever thread.
pub(crate) fn run_faulty(seed: u64, cycles: u64) -> Result<Outcome> {
    if e2e::tools::find("strace").is_none() {
        return Ok(Outcome::Skipped("strace is missing".to_owned()));
    }
    let mut world = World::start(Server::start()?)?;
    world.faulty = true;
    let mut rng = Rng::new(seed, &[u64::MAX, 2]);
    let mut answered = 0;
    for cycle in 0..cycles {
        let context = || format!("cycle {cycle} of seed {seed}, with failing calls");
        let (first, step) = (2 + rng.below(30), 20 + rng.below(50));
        let fault = FAULTS[cycle as usize % FAULTS.len()];
        let faults: Vec<String> =
            fault.split(' ').map(|one| format!("{one}:when={first}+{step}")).collect();
        let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
        let pause = Duration::from_millis(300 + rng.below(700) as u64);
        let events = world.work((seed, cycle), &mut |server, killed| {
            let strace = Strace::inject((server.pid()?, Threads::All), &faults)?;
            std::thread::sleep(pause);
            killed.store(true, Ordering::SeqCst);
            server.kill9()?;
            drop(strace);
            Ok(())
        });
        let events = events.with_context(context)?;
        answered += events.len();
        world.server.restart().with_context(context)?;
        let mut client = Client::open(&world.server, &world.token)?;
        world.verify(&mut client, events).with_context(context)?;
    }
    crate::say(&format!("{cycles} kills on a failing disk, {answered} operations; seed {seed}"));
    world.finish(())?;
    Ok(Outcome::Passed)
}
