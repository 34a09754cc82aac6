//! Hostile `Destination` fields: the source stays, and nothing is made (threats §2).

use anyhow::{Result, ensure};
use e2e::http::Response;

use crate::house::{FILES, House};

/// Values and the statuses that may answer them.
const HOSTILE: &[(&str, &[u16], &str)] = &[
    ("", &[400], "empty"),
    ("b.txt", &[400], "relative"),
    ("../b.txt", &[400], "relative, up"),
    ("ftp://127.0.0.1/b.txt", &[400], "another scheme"),
    ("file:///etc/passwd", &[400], "a file"),
    ("javascript:alert(1)", &[400], "no address"),
    ("http://", &[400], "no host"),
    ("http:///b.txt", &[400], "no host, a path"),
    ("http://evil.example/remote.php/dav/files/alice/b.txt", &[502], "another host"),
    ("http://evil.example:80@127.0.0.1/remote.php/dav/files/alice/b.txt", &[400, 502], "a user"),
    ("http://alice@{host}/remote.php/dav/files/alice/b.txt", &[400, 502], "a user before our host"),
    ("//evil.example/remote.php/dav/files/alice/b.txt", &[400, 403, 502], "no scheme"),
    ("http://{host}/remote.php/dav/files/bob/b.txt", &[403], "another user"),
    ("/remote.php/dav/files/nobody/b.txt", &[403], "nobody"),
    ("/remote.php/dav/files/alice/../bob/b.txt", &[400], "up"),
    ("/remote.php/dav/files/alice/%2e%2e/bob/b.txt", &[400], "up, encoded"),
    ("/remote.php/dav/files/alice/..%2fbob%2fb.txt", &[400], "up, slashes encoded"),
    ("/remote.php/dav/files/alice/a%00b", &[400], "NUL"),
    ("/remote.php/dav/files/alice/a%5cb", &[400], "a backslash"),
    ("/remote.php/dav/files/alice/a%0d%0ab", &[400], "CR and LF"),
    ("/remote.php/dav/files/alice/%c0%ae%c0%ae/b", &[400], "overlong dots"),
    ("/remote.php/dav/files/alice/%ff", &[400], "no UTF-8"),
    ("/remote.php/dav/files/alice/%zz", &[400], "a broken escape"),
    ("/remote.php/dav/files/alice/", &[403, 409, 412], "the root"),
    ("/remote.php/dav/files/alice", &[403, 409, 412], "the root, without its slash"),
    ("/remote.php/webdav/", &[403, 409, 412], "the root by its other name"),
    ("/remote.php/dav/", &[403], "above the root"),
    ("/remote.php/dav/files", &[403], "the folder of the homes"),
    ("/remote.php/dav/uploads/alice/x", &[403], "the uploads"),
    ("/remote.php/dav/principals/users/alice", &[403], "the principal"),
    ("/ocs/v2.php/cloud/user", &[403], "the API"),
    ("/", &[403], "the front page"),
    ("/remote.php/dav/files/alice/no/such/b.txt", &[409], "a folder that is not there"),
    ("/remote.php/dav/files/alice/other.txt/b.txt", &[409], "below a file"),
];

fn check(house: &House, answer: &Response, wanted: &[u16], what: &str) -> Result<()> {
    let said = answer.text();
    ensure!(wanted.contains(&answer.status), "{what}: {} {said}", answer.status);
    ensure!(!said.contains("etc/passwd") && !said.contains("evil"), "{what}: {said}");
    let data = house.server.data();
    ensure!(!data.join("files/bob/b.txt").exists() && !data.join("b.txt").exists(), "{what}");
    Ok(())
}

#[test]
fn hostile_destinations_move_and_copy_nothing() -> Result<()> {
    let house = House::start()?;
    ensure!(house.bob("PUT", "/remote.php/dav/files/bob/own.txt", &[], b"x")?.status == 201);
    for name in ["a.txt", "other.txt"] {
        ensure!(house.ask("PUT", &format!("{FILES}{name}"), &[], b"hello")?.status == 201);
    }
    ensure!(house.ask("MKCOL", &format!("{FILES}folder"), &[], b"")?.status == 201);
    let before = house.state()?;
    let host = format!("127.0.0.1:{}", house.server.http().port);
    let long = format!("{FILES}{}", "x".repeat(17_000));
    let more = [(long.as_str(), &[400][..], "more than 16 KiB")];
    for (value, wanted, what) in HOSTILE.iter().copied().chain(more) {
        let value = value.replace("{host}", &host);
        for source in ["a.txt", "folder"] {
            for method in ["MOVE", "COPY"] {
                let fields = [("Destination", value.as_str())];
                let answer = house.ask(method, &format!("{FILES}{source}"), &fields, b"")?;
                check(&house, &answer, wanted, &format!("{method} {source}: {what}"))?;
            }
        }
    }
    let twice = [("Destination", "/remote.php/dav/files/alice/b"), ("Destination", "/nowhere")];
    let answer = house.ask("MOVE", &format!("{FILES}a.txt"), &twice, b"")?;
    ensure!((400..500).contains(&answer.status), "two fields: {}", answer.status);
    let answer = house.ask("MOVE", &format!("{FILES}a.txt"), &[], b"")?;
    ensure!(answer.status == 400, "no field: {}", answer.status);
    ensure!(house.state()? == before, "something has moved");
    house.finish()
}

#[test]
fn hostile_destinations_close_no_transfer() -> Result<()> {
    let house = House::start()?;
    ensure!(house.ask("PUT", &format!("{FILES}other.txt"), &[], b"hello")?.status == 201);
    let transfer = "/remote.php/dav/uploads/alice/up-1";
    ensure!(house.ask("MKCOL", transfer, &[], b"")?.status == 201);
    ensure!(house.ask("PUT", &format!("{transfer}/1"), &[], b"chunk")?.status == 201);
    let before = house.state()?;
    let host = format!("127.0.0.1:{}", house.server.http().port);
    for (value, wanted, what) in HOSTILE {
        let value = value.replace("{host}", &host);
        let fields = [("Destination", value.as_str())];
        let answer = house.ask("MOVE", &format!("{transfer}/.file"), &fields, b"")?;
        check(&house, &answer, wanted, what)?;
    }
    ensure!(house.state()? == before, "something was made");
    let fields = [("Destination", "/remote.php/dav/files/alice/at-last.txt")];
    let answer = house.ask("MOVE", &format!("{transfer}/.file"), &fields, b"")?;
    ensure!(answer.status == 201, "the chunks are gone: {}", answer.status);
    house.finish()
}
