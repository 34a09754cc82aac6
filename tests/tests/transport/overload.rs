//! Twice as much work as there is room for.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::http::{Connection, Request};
use e2e::suite::{Case, Outcome};

use crate::house::{World, case, report};

pub(crate) fn cases() -> Vec<Case<'static>> {
    vec![case("overload::twice_the_capacity", twice_the_capacity)]
}

/// What a worker has seen.
#[derive(Debug, Default)]
struct Seen {
    done: usize,
    busy: usize,
    other: Vec<String>,
}

/// Room for eight requests, four of them waiting; sixteen clients write without a pause. Each is
/// served or told when to come again, and what costs nothing is answered all the while.
fn twice_the_capacity() -> Result<Outcome> {
    let world = World::start("[limits]\nmax_requests_in_flight = 4\nmax_queued_requests = 4\n")?;
    let seen = Mutex::new(Seen::default());
    let over = AtomicBool::new(false);
    let median = std::thread::scope(|scope| {
        for client in 0..16 {
            let (world, seen, over) = (&world, &seen, &over);
            scope.spawn(move || {
                if let Err(error) = write(world, client, seen, over) {
                    seen.lock().expect("no holder panics").other.push(format!("{error:#}"));
                }
            });
        }
        std::thread::sleep(Duration::from_millis(300));
        let begun = Instant::now();
        let mut medians = Vec::new();
        while begun.elapsed() < Duration::from_secs(3) {
            medians.push(world.status_median());
            let nobody = world.ask(&Request::new("PROPFIND", "/remote.php/dav/files/alice/"));
            let status = nobody.map_or(0, |answer| answer.status);
            if status != 401 {
                seen.lock().expect("no holder panics").other.push(format!("not 401: {status}"));
            }
        }
        over.store(true, Ordering::Relaxed);
        medians.into_iter().collect::<Result<Vec<_>>>()
    })?;
    let median = median.into_iter().fold(0.0, f64::max);
    let seen = seen.into_inner().expect("no holder panics");
    report(&format!(
        "{} done, {} told to come again, status.php {median:.1} ms at worst of the medians",
        seen.done, seen.busy
    ));
    ensure!(seen.other.is_empty(), "{:?}", seen.other);
    ensure!(seen.done > 0 && seen.busy > 0, "no overload: {seen:?}");
    ensure!(median < 100.0, "status.php takes {median:.1} ms");
    world.finish()
}

fn write(world: &World, client: usize, seen: &Mutex<Seen>, over: &AtomicBool) -> Result<()> {
    let mut connection = Connection::open(&world.server.http())?;
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("{client}-{}", number % 8);
        let answer = connection.send(&world.file("PUT", &name).body(vec![b'x'; 1024]))?;
        let mut seen = seen.lock().expect("no holder panics");
        match (answer.status, answer.find_field("retry-after")) {
            (201 | 204, _) => seen.done += 1,
            (503, Some("5")) => seen.busy += 1,
            (status, retry) => seen.other.push(format!("{status}, Retry-After {retry:?}")),
        }
        // The server says so when it does not go on with a body it has not read.
        if answer.find_field("connection").is_some_and(|value| value == "close") {
            connection = Connection::open(&world.server.http())?;
        }
    }
    Ok(())
}
