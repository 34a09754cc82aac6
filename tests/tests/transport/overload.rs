//! Twice as much work as there is room for.

use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::http::{Connection, Request};
use e2e::raw;
use e2e::suite::{Case, Outcome};

use crate::house::{World, case, report, status};

pub(crate) fn cases() -> Vec<Case<'static>> {
    vec![
        case("overload::twice_the_capacity", twice_the_capacity),
        case("overload::password_flood", password_flood),
    ]
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

/// Guesses from many addresses at many accounts, so that nobody is throttled: each costs a hash. The
/// hashes take a part of the machine, and those who have logged in go on.
fn password_flood() -> Result<Outcome> {
    let world = World::start("")?;
    ensure!(world.ask(&world.file("PUT", "a").body("a"))?.status == 201);
    let over = AtomicBool::new(false);
    let answers = Mutex::new(Vec::new());
    let (median, read) = std::thread::scope(|scope| {
        for client in 0..24u8 {
            let (world, over, answers) = (&world, &over, &answers);
            scope.spawn(move || {
                for number in 0.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let source = Ipv4Addr::new(
                        127,
                        9,
                        client,
                        u8::try_from(number / 5 % 250).unwrap_or(0) + 1,
                    );
                    let request = Request::new("GET", "/remote.php/dav/");
                    let request = request.basic(&format!("u{client}-{number}"), "a wrong password");
                    let answer = guess(source, world, &request);
                    answers.lock().expect("no holder panics").push(answer.unwrap_or_default());
                }
            });
        }
        std::thread::sleep(Duration::from_millis(500));
        let median = world.status_median();
        let mut times = Vec::new();
        for _ in 0..20 {
            let begun = Instant::now();
            let answer = world.ask(&world.file("GET", "a"));
            let status = answer.map_or(0, |answer| answer.status);
            times.push((status, begun.elapsed().as_secs_f64() * 1000.0));
        }
        over.store(true, Ordering::Relaxed);
        times.sort_by(|a, b| a.1.total_cmp(&b.1));
        median.map(|median| (median, times))
    })?;
    let answers = answers.into_inner().expect("no holder panics");
    let (middle, bad) = (read[10].1, read.iter().filter(|(status, _)| *status != 200).count());
    report(&format!(
        "{} guesses; status.php {median:.1} ms, a file by app password {middle:.1} ms",
        answers.len()
    ));
    let odd: Vec<_> = answers.iter().filter(|status| ![401, 429, 503].contains(*status)).collect();
    ensure!(odd.is_empty() && answers.contains(&401), "{odd:?}");
    ensure!(bad == 0, "{bad} of 20 reads by app password failed: {read:?}");
    ensure!(median < 100.0, "status.php takes {median:.1} ms");
    world.finish()
}

fn guess(source: Ipv4Addr, world: &World, request: &Request) -> Result<u16> {
    let mut stream = raw::connect_from(source, world.port())?;
    let request = request.clone().field("Connection", "close");
    let answer = raw::exchange(&mut stream, &request.to_bytes("a"))?;
    Ok(status(&String::from_utf8_lossy(&answer)))
}
