//! Clients of all kinds at half load: each waits as long as it was served.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::http::{Connection, Endpoint, Request, Response};
use e2e::suite::Outcome;
use e2e::{Server, tools};

use crate::measure::{Sample, during, median, slope};

const USER: &str = "alice";
const WORKERS: usize = 6;
/// Names that a worker uses again and again, so that the data does not grow.
const NAMES: usize = 100;
/// How long a run warms up, a third of it at most.
const WARM: Duration = Duration::from_secs(600);
/// From this length on the slope says something.
const LONG: Duration = Duration::from_secs(1800);
/// Greatest growth in KiB: an hour on a long run, at all on a short one.
const GROWTH: u64 = 1024;
const SHORT_GROWTH: u64 = 16 << 10;

/// A worker with a folder of its own.
struct Worker {
    connection: Connection,
    token: String,
    number: usize,
    /// What its files hold, by name.
    files: BTreeMap<usize, (u64, usize)>,
    state: u64,
}

pub(crate) fn run(length: Duration) -> Result<Outcome> {
    let Some(sync) = tools::find("nextcloudcmd") else {
        return Ok(Outcome::Skipped("nextcloudcmd is missing".to_owned()));
    };
    let server = Server::start()?;
    server.add_user(USER, "the long password of alice")?;
    let token = server.token(USER)?;
    server.add_user("desktop", "the long password of desktop")?;
    let desktop = server.token("desktop")?;
    let (requests, syncs) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let end = Instant::now() + length;
    let endpoint = server.http();
    let (done, samples) = during(server.pid()?, Duration::from_millis(500), || {
        std::thread::scope(|scope| {
            let mut running = Vec::new();
            for number in 0..WORKERS {
                let (endpoint, token, requests) = (&endpoint, &token, &requests);
                running.push(scope.spawn(move || -> Result<()> {
                    let mut worker = Worker::begin(endpoint, token, number)?;
                    while Instant::now() < end {
                        let begun = Instant::now();
                        worker.step(endpoint).with_context(|| format!("worker {number}"))?;
                        requests.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(begun.elapsed());
                    }
                    Ok(())
                }));
            }
            let (home, endpoint, token) = (server.home(), &endpoint, &desktop);
            let syncs = &syncs;
            running.push(scope.spawn(move || syncing(&sync, home, endpoint, token, end, syncs)));
            let ends = running.into_iter().map(|one| {
                one.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a worker panicked")))
            });
            Ok(ends.collect::<Result<Vec<()>>>())
        })
    })?;
    done?;
    judge(length, &samples)?;
    // What was removed is deleted in the background.
    std::thread::sleep(Duration::from_secs(2));
    let left = std::fs::read_dir(server.data().join("stage"))?.count();
    ensure!(left == 0, "{left} temporary files are left");
    let errors = server.log_about("ERROR");
    ensure!(errors.is_empty(), "the log says:\n{errors}");
    let (requests, syncs) = (requests.into_inner(), syncs.into_inner());
    crate::say(&format!("{requests} requests, {syncs} runs of nextcloudcmd"));
    ensure!(requests > 50 && syncs > 0, "hardly anything was done");
    server.finish()?;
    Ok(Outcome::Passed)
}

/// Memory and open files once the server is warm.
fn judge(length: Duration, samples: &[Sample]) -> Result<()> {
    let warm = WARM.min(length / 3);
    let after: Vec<Sample> = samples.iter().filter(|one| one.at > warm).copied().collect();
    ensure!(after.len() > 4, "too few looks");
    let (first, last) = after.split_at(after.len() / 2);
    let memory = |part: &[Sample]| median(part.iter().map(|one| one.rss).collect());
    let files = |part: &[Sample]| median(part.iter().map(|one| one.files as u64).collect());
    let slope = slope(&after);
    crate::say(&format!(
        "after {warm:?}: memory {} KiB, then {} KiB, slope {slope:.0} KiB/h; files {}, then {}",
        memory(first),
        memory(last),
        files(first),
        files(last),
    ));
    let grown = memory(last).saturating_sub(memory(first));
    match length >= LONG {
        true => ensure!(slope < GROWTH as f64, "memory grows by {slope:.0} KiB an hour"),
        false => ensure!(grown < SHORT_GROWTH, "memory has grown by {grown} KiB"),
    }
    ensure!(files(last) <= files(first) + 8, "ever more files are open");
    Ok(())
}

impl Worker {
    fn begin(endpoint: &Endpoint, token: &str, number: usize) -> Result<Self> {
        let (connection, files) = (Connection::open(endpoint)?, BTreeMap::new());
        let state = 0x9e37_79b9 * (number as u64 + 1);
        let mut worker = Self { connection, token: token.to_owned(), number, files, state };
        worker.expect(endpoint, worker.request("MKCOL", ""), &[201])?;
        Ok(worker)
    }

    fn random(&mut self, below: usize) -> usize {
        self.state =
            self.state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        ((self.state >> 33) % below as u64) as usize
    }

    fn path(&self, name: &str) -> String {
        format!("/remote.php/dav/files/{USER}/w{}/{name}", self.number)
    }

    fn request(&self, method: &str, name: &str) -> Request {
        Request::new(method, &self.path(name)).basic(USER, &self.token)
    }

    fn expect(&mut self, endpoint: &Endpoint, request: Request, good: &[u16]) -> Result<Response> {
        let answer = self.connection.send(&request)?;
        let (method, target) = (&request.method, &request.target);
        ensure!(
            good.contains(&answer.status),
            "{method} {target} is {}: {}",
            answer.status,
            answer.text()
        );
        if answer.status >= 400 {
            self.connection = Connection::open(endpoint)?;
        }
        Ok(answer)
    }

    /// One step of whatever kind.
    fn step(&mut self, endpoint: &Endpoint) -> Result<()> {
        let name = self.random(NAMES);
        let text = format!("f{name}");
        let known = self.files.get(&name).copied();
        match self.random(100) {
            0..40 => {
                let size = if self.random(20) == 0 { 2_000_000 } else { 200 + self.random(20_000) };
                let seed = self.state;
                let request = self.request("PUT", &text).body(body(seed, size));
                self.expect(endpoint, request, &[if known.is_some() { 204 } else { 201 }])?;
                self.files.insert(name, (seed, size));
            }
            40..65 => {
                let request = self.request("GET", &text);
                let answer =
                    self.expect(endpoint, request, &[if known.is_some() { 200 } else { 404 }])?;
                if let Some((seed, size)) = known {
                    ensure!(answer.body == body(seed, size), "{text} has other bytes");
                }
            }
            65..75 => {
                let request = self.request("PROPFIND", "").field("Depth", "1");
                let answer = self.expect(endpoint, request, &[207])?;
                let listed = answer.text().matches("<d:response>").count();
                ensure!(listed == self.files.len() + 1, "{listed} entries are listed");
            }
            75..85 => {
                let to = self.random(NAMES);
                let Some(file) = known.filter(|_| to != name) else { return Ok(()) };
                let there = self.files.contains_key(&to);
                let destination = self.path(&format!("f{to}"));
                let request = self.request("MOVE", &text).field("Destination", &destination);
                self.expect(endpoint, request, &[if there { 204 } else { 201 }])?;
                self.files.remove(&name);
                self.files.insert(to, file);
            }
            85..93 => {
                let request = self.request("DELETE", &text);
                self.expect(endpoint, request, &[if known.is_some() { 204 } else { 404 }])?;
                self.files.remove(&name);
            }
            _ => self.chunked(endpoint, name)?,
        }
        Ok(())
    }

    fn chunked(&mut self, endpoint: &Endpoint, name: usize) -> Result<()> {
        let seed = self.state;
        let folder = format!("/remote.php/dav/uploads/{USER}/t{}-{seed}", self.number);
        let size = 1_000_000 + self.random(1_000_000);
        let whole = body(seed, size);
        let token = self.token.clone();
        let request = |method: &str, at: &str| {
            Request::new(method, &format!("{folder}{at}")).basic(USER, &token)
        };
        self.expect(endpoint, request("MKCOL", ""), &[201])?;
        for (index, chunk) in whole.chunks(400_000).enumerate() {
            let put = request("PUT", &format!("/{:05}", index + 1)).body(chunk);
            self.expect(endpoint, put, &[201])?;
        }
        let destination = self.path(&format!("f{name}"));
        let close = request("MOVE", "/.file").field("Destination", &destination);
        let there = self.files.contains_key(&name);
        self.expect(endpoint, close, &[if there { 204 } else { 201 }])?;
        self.files.insert(name, (seed, size));
        Ok(())
    }
}

/// Bytes that a seed decides.
fn body(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// A folder that is changed and synced now and then, of another user: or what all others write
/// would be synced.
fn syncing(
    program: &Path,
    home: &Path,
    endpoint: &Endpoint,
    token: &str,
    end: Instant,
    syncs: &AtomicUsize,
) -> Result<()> {
    let limit = Duration::from_secs(600);
    let (top, own) = (home.join("synced"), home.join("synced-home"));
    std::fs::create_dir_all(&own)?;
    std::fs::create_dir_all(top.join("desktop"))?;
    for round in 0.. {
        for number in 0..5 {
            let file = top.join(format!("desktop/{number}.txt"));
            std::fs::write(file, format!("round {round} of {number}"))?;
        }
        let mut command = Command::new(program);
        command.args(["--non-interactive", "--trust", "-h", "-u", "desktop", "-p", token]);
        command.arg(&top).arg(endpoint.base()).env("HOME", &own);
        command.env("XDG_RUNTIME_DIR", &own).env("LC_ALL", "C.UTF-8");
        tools::require(&mut command, limit)?;
        syncs.fetch_add(1, Ordering::Relaxed);
        let path = "/remote.php/dav/files/desktop/desktop/4.txt";
        let got =
            e2e::http::exchange(endpoint, &Request::new("GET", path).basic("desktop", token))?;
        let expected = format!("round {round} of 4");
        ensure!(got.text() == expected, "nextcloudcmd has synced {:?}", got.text());
        if Instant::now() + Duration::from_secs(10) >= end {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(8));
    }
    Ok(())
}
