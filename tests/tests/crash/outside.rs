//! An edit on the disk between commit and publication: both are kept.
//!
//! The server is killed at the rename that publishes, when its index has decided already. Somebody
//! then writes to the live file. With the next start the decided change appears, and what was
//! written from outside lies among the kept ones (`data/versions/kept`).

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use e2e::strace::{Strace, Threads};
use e2e::suite::Outcome;
use e2e::{Server, tools};

use crate::observe::{Client, USER, files, names};

/// What is asked for, and what is done to the disk meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    /// The file is overwritten; somebody writes into it.
    Edited,
    /// The same, as editors do: another file takes its name.
    Replaced,
    /// A new file; somebody puts another one there.
    Appeared,
    /// The file is deleted; somebody writes into it.
    EditedBeforeDeletion,
    /// Another file is moved over it; somebody writes into it.
    EditedBeforeMove,
}

const OUTSIDE: &[u8] = b"written from outside, and nobody's but the writer's to lose";
const INSIDE: &[u8] = b"acknowledged or not, decided by the index";

pub(crate) fn run() -> Result<Outcome> {
    if tools::find("strace").is_none() {
        return Ok(Outcome::Skipped("strace is missing".to_owned()));
    }
    for case in [
        Case::Edited,
        Case::Replaced,
        Case::Appeared,
        Case::EditedBeforeDeletion,
        Case::EditedBeforeMove,
    ] {
        one(case).with_context(|| format!("{case:?}"))?;
    }
    in_the_last_moment()?;
    Ok(Outcome::Passed)
}

/// A file that is written to when its replacement is about to be renamed over it: the rename waits,
/// after it was seen that nobody had.
fn in_the_last_moment() -> Result<()> {
    let server = Server::start()?;
    server.add_user(USER, "the long password of alice")?;
    let token = server.token(USER)?;
    let mut client = Client::open(&server, &token)?;
    let made = client.send(&client.request("PUT", &files("a.txt")).body("the first content"))?;
    ensure!(made.status == 201, "PUT: {}", made.status);
    std::thread::sleep(crate::points::SETTLED);
    let waits = ["renameat:delay_enter=1500000:when=1"];
    let strace = Strace::inject((server.pid()?, Threads::All), &waits)?;
    let written = client.send(&client.request("PUT", &files("a.txt")).body(INSIDE))?;
    ensure!(written.status == 204, "PUT: {}", written.status);
    std::thread::sleep(std::time::Duration::from_millis(500));
    let live = server.data().join("files").join(USER).join("a.txt");
    let before = std::fs::read(&live)?;
    ensure!(before == b"the first content", "the rename did not wait");
    std::fs::write(&live, OUTSIDE)?;
    std::thread::sleep(std::time::Duration::from_millis(1500));
    drop(strace);
    let (body, _) = client.get("a.txt")?.context("a.txt is gone")?;
    ensure!(body == INSIDE, "what was acknowledged is not there");
    let kept = names(&server, "versions/kept")?;
    let [one] = &kept[..] else { bail!("what was written last is lost; kept are {kept:?}") };
    ensure!(std::fs::read(server.data().join("versions/kept").join(one))? == OUTSIDE);
    server.finish()
}

fn one(case: Case) -> Result<()> {
    let mut server = Server::start()?;
    server.add_user(USER, "the long password of alice")?;
    let token = server.token(USER)?;
    let mut client = Client::open(&server, &token)?;
    for (name, body) in [("a.txt", "the first content"), ("other.txt", "another file")] {
        if name == "a.txt" && case == Case::Appeared {
            continue;
        }
        let made = client.send(&client.request("PUT", &files(name)).body(body))?;
        ensure!(made.status == 201, "PUT {name}: {}", made.status);
    }
    let etag = client.get("a.txt")?.map(|(_, etag)| etag);
    std::thread::sleep(crate::points::SETTLED);
    let renames = ["renameat:signal=SIGKILL:when=1", "renameat2:signal=SIGKILL:when=1"];
    let strace = Strace::inject((server.pid()?, Threads::All), &renames)?;
    let request = match case {
        Case::EditedBeforeDeletion => client.request("DELETE", &files("a.txt")),
        Case::EditedBeforeMove => {
            client.request("MOVE", &files("other.txt")).field("Destination", &files("a.txt"))
        }
        _ => client.request("PUT", &files("a.txt")).body(INSIDE),
    };
    // Whether the answer comes out before the rename does not matter here.
    let _ = client.send(&request);
    ensure!(server.ended_within(std::time::Duration::from_secs(5))?, "it was not published");
    drop(strace);
    edit(case, &server.data().join("files").join(USER).join("a.txt"))?;
    server.restart()?;
    let mut client = Client::open(&server, &token)?;
    let expected = match case {
        Case::EditedBeforeDeletion => None,
        Case::EditedBeforeMove => Some(&b"another file"[..]),
        _ => Some(INSIDE),
    };
    let got = client.get("a.txt")?;
    ensure!(got.as_ref().map(|(body, _)| &body[..]) == expected, "GET gives {got:?}");
    if let (Some((_, new)), Some(old)) = (&got, &etag) {
        ensure!(new != old, "the etag {old} stands for two contents");
    }
    let live = std::fs::read(server.data().join("files").join(USER).join("a.txt")).ok();
    ensure!(live.as_deref() == expected, "on the disk is {live:?}");
    let kept = names(&server, "versions/kept")?;
    match &kept[..] {
        [one] if one.ends_with("a.txt") => {
            let bytes = std::fs::read(server.data().join("versions/kept").join(one))?;
            ensure!(bytes == OUTSIDE, "{one} is kept, and holds {bytes:?}");
        }
        _ => bail!("what was written from outside is lost; kept are {kept:?}"),
    }
    server.finish()
}

fn edit(case: Case, live: &Path) -> Result<()> {
    let before = live.exists();
    ensure!(before == (case != Case::Appeared), "the rename has happened already");
    if case == Case::Replaced {
        let new = live.with_extension("new");
        std::fs::write(&new, OUTSIDE)?;
        std::fs::rename(new, live)?;
    } else {
        std::fs::write(live, OUTSIDE)?;
    }
    Ok(())
}
