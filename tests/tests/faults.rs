//! What must hold when things go wrong: cut uploads, kills, races, requests that are no HTTP.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::Server;
use e2e::http::{Connection, Request, Response};

struct World {
    server: Server,
    token: String,
}

impl World {
    fn start() -> Result<Self> {
        let server = Server::start()?;
        server.add_user("alice", "the long password of alice")?;
        let token = server.token("alice")?;
        Ok(Self { server, token })
    }

    fn ask(
        &self,
        method: &str,
        name: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response> {
        let path = format!("/remote.php/dav/files/alice/{name}");
        self.server.dav(method, &path, ("alice", &self.token), fields, body)
    }

    fn request(&self, method: &str, name: &str) -> Request {
        let path = format!("/remote.php/dav/files/alice/{name}");
        Request::new(method, &path).basic("alice", &self.token)
    }
}

#[test]
fn an_upload_that_is_cut_changes_nothing() -> Result<()> {
    let world = World::start()?;
    ensure!(world.ask("PUT", "old.txt", &[], b"old")?.status == 201);
    let etag = world.ask("HEAD", "old.txt", &[], b"")?.find_field("etag").map(str::to_owned);
    for name in ["old.txt", "new.txt"] {
        for (framing, value) in [("Content-Length", "1000"), ("Transfer-Encoding", "chunked")] {
            let mut connection = Connection::open(&world.server.http())?;
            let body = if framing == "Content-Length" { "part" } else { "4\r\npart\r\n" };
            connection.send_raw(&world.request("PUT", name).field(framing, value).body(body))?;
            drop(connection);
        }
    }
    std::thread::sleep(Duration::from_millis(200)); // the server sees the ends of the connections
    let answer = world.ask("GET", "old.txt", &[], b"")?;
    ensure!(answer.body == b"old", "the old file is {:?}", answer.text());
    ensure!(answer.find_field("etag").map(str::to_owned) == etag, "its etag has changed");
    ensure!(world.ask("GET", "new.txt", &[], b"")?.status == 404, "half a file is there");
    world.server.finish()
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() -> Result<()> {
    let mut world = World::start()?;
    let acknowledged = Mutex::new(Vec::new());
    let killed = AtomicBool::new(false);
    for round in 0..3 {
        killed.store(false, Ordering::SeqCst);
        let http = world.server.http();
        let token = world.token.clone();
        std::thread::scope(|scope| -> Result<()> {
            for writer in 0..4 {
                let (acknowledged, killed, http, token) = (&acknowledged, &killed, &http, &token);
                scope.spawn(move || {
                    for number in 0.. {
                        let name = format!("r{round}w{writer}n{number}");
                        let path = format!("/remote.php/dav/files/alice/{name}");
                        let request = Request::new("PUT", &path).basic("alice", token);
                        let sent = e2e::http::exchange(http, &request.body(name.repeat(100)));
                        if sent.is_ok_and(|answer| answer.status == 201) {
                            acknowledged.lock().expect("no holder panics").push(name);
                        }
                        if killed.load(Ordering::SeqCst) {
                            return;
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(400));
            killed.store(true, Ordering::SeqCst);
            world.server.kill9()
        })?;
        world.server.restart()?;
    }
    let acknowledged = acknowledged.into_inner().expect("no holder panics");
    ensure!(acknowledged.len() > 30, "only {} uploads came before the kills", acknowledged.len());
    let mut connection = Connection::open(&world.server.http())?;
    for name in &acknowledged {
        let answer = connection.send(&world.request("GET", name))?;
        ensure!(answer.status == 200, "{name} was acknowledged and is {}", answer.status);
        ensure!(answer.body == name.repeat(100).as_bytes(), "{name} has other bytes");
    }
    world.server.finish()
}

/// Runs the same request `times` times at once; gives the statuses in order.
fn at_once(world: &World, times: usize, request: &(dyn Fn(usize) -> Request + Sync)) -> Vec<u16> {
    let statuses = Mutex::new(Vec::new());
    let gate = std::sync::Barrier::new(times);
    std::thread::scope(|scope| {
        for number in 0..times {
            let (statuses, gate) = (&statuses, &gate);
            scope.spawn(move || {
                gate.wait();
                let answer = e2e::http::exchange(&world.server.http(), &request(number));
                let status = answer.map_or(0, |answer| answer.status);
                statuses.lock().expect("no holder panics").push(status);
            });
        }
    });
    let mut statuses = statuses.into_inner().expect("no holder panics");
    statuses.sort_unstable();
    statuses
}

#[test]
fn of_many_writers_with_one_etag_one_wins() -> Result<()> {
    let world = World::start()?;
    for round in 0..5 {
        let name = format!("a{round}.txt");
        let made = world.ask("PUT", &name, &[], b"first")?;
        let etag = made.find_field("etag").unwrap_or_default().to_owned();
        let statuses = at_once(&world, 8, &|number| {
            world.request("PUT", &name).field("If-Match", &etag).body(format!("writer {number}"))
        });
        ensure!(statuses == [204, 412, 412, 412, 412, 412, 412, 412], "{statuses:?}");
    }
    let statuses = at_once(&world, 8, &|_| world.request("MKCOL", "folder"));
    ensure!(statuses == [201, 405, 405, 405, 405, 405, 405, 405], "{statuses:?}");
    let statuses = at_once(&world, 8, &|_| world.request("DELETE", "folder"));
    ensure!(statuses == [204, 404, 404, 404, 404, 404, 404, 404], "{statuses:?}");
    world.server.finish()
}

#[test]
fn what_is_no_http_is_refused() -> Result<()> {
    let world = World::start()?;
    for (bytes, wanted, what) in [
        ("GET / HTTP/1.1\r\n\r\n", "400", "no Host"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", "two Hosts"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", "400", "a blank before the colon"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            "400",
            "two lengths",
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400", "a negative length"),
        (
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "4xx",
            "a bad chunk size",
        ),
        (
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
            "4xx",
            "a coding nobody knows",
        ),
        ("nonsense\r\n\r\n", "400", "no request line"),
    ] {
        let mut connection = Connection::open(&world.server.http())?;
        connection.send_bytes(bytes.as_bytes())?;
        let status = match connection.read_response("GET") {
            Ok(response) => response.status.to_string(),
            // Closing without a word is a refusal as well.
            Err(_) if connection.is_closed() => continue,
            Err(error) => return Err(error.context(what)),
        };
        let good = status == wanted || wanted == "4xx" && status.starts_with('4');
        ensure!(good, "{what}: {status}, not {wanted}");
    }
    let mut connection = Connection::open(&world.server.http())?;
    let long = "x".repeat(70_000);
    connection
        .send_bytes(format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {long}\r\n\r\n").as_bytes())?;
    let status = connection.read_response("GET").map(|response| response.status);
    ensure!(matches!(status, Ok(431) | Err(_)), "70 kB of fields: {status:?}");
    ensure!(world.ask("HEAD", "", &[], b"")?.status == 200, "the server no longer answers");
    world.server.finish()
}

#[test]
fn a_hundred_levels_of_folders_go_by_one_delete() -> Result<()> {
    let world = World::start()?;
    let mut path = "d".to_owned();
    for _ in 0..100 {
        let made = world.ask("MKCOL", &path, &[], b"")?;
        ensure!(made.status == 201, "{path}: {}", made.status);
        path.push_str("/d");
    }
    ensure!(world.ask("PUT", &path, &[], b"deep")?.status == 201);
    ensure!(world.ask("GET", &path, &[], b"")?.body == b"deep");
    ensure!(world.ask("DELETE", "d", &[], b"")?.status == 204);
    ensure!(world.ask("GET", &path, &[], b"")?.status == 404);
    world.server.finish()
}

#[test]
fn verbs_work_while_the_server_runs_and_while_it_does_not() -> Result<()> {
    let mut world = World::start()?;
    world.server.stop()?;
    world.server.add_user("bob", "the long password of bob")?;
    let token = world.server.token("bob")?;
    world.server.restart()?;
    let path = "/remote.php/dav/files/bob/";
    let answer = world.server.dav("HEAD", path, ("bob", &token), &[], b"")?;
    ensure!(answer.status == 200, "a user added without the server: {}", answer.status);
    ensure!(world.server.add_user("bob", "another long password").is_err(), "bob was added twice");
    ensure!(world.server.add_user("a/b", "another long password").is_err(), "a bad name was taken");
    world.server.finish()
}

#[test]
fn files_and_times_survive_a_restart() -> Result<()> {
    let mut world = World::start()?;
    let fields = [("X-OC-MTime", "1600000000")];
    let made = world.ask("PUT", "a.txt", &fields, b"hello")?;
    ensure!(made.status == 201);
    world.server.restart()?;
    let got = world.ask("GET", "a.txt", &[], b"")?;
    ensure!(got.body == b"hello", "{}", got.text());
    ensure!(got.find_field("etag") == made.find_field("etag"), "the etag changed");
    ensure!(got.find_field("last-modified") == Some("Sun, 13 Sep 2020 12:26:40 GMT"));
    world.server.finish()
}
