//! Homes and mounts in an S3 store, by the plugin's library, against SeaweedFS.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::Server;
use e2e::http::Response;
use e2e::weed::Weed;

/// All that is written here.
const FILES: &str = "/remote.php/dav/files/alice";
const UPLOADS: &str = "/remote.php/dav/uploads/alice";
/// How long the server may take to see that the store is back.
const BACK: Duration = Duration::from_secs(40);

/// A server with homes in the store, and a mount in it under another prefix.
fn config(weed: &Weed) -> Result<String> {
    config_by(weed, weed.port())
}

/// The same by another port that leads to the store.
pub(crate) fn config_by(weed: &Weed, port: u16) -> Result<String> {
    let (homes, mount) = (weed.section_by("s3", port)?, weed.section_by("s3b", port)?);
    let mounts = "[[mount]]\npath = \"Team\"\nstorage = \"plugin:s3b\"\n";
    Ok(format!("storage.homes = \"plugin:s3\"\n{mounts}{homes}{mount}"))
}

/// A server, and what alice's files must be.
struct Home {
    server: Server,
    token: String,
    /// By path below her home; `None` is a folder.
    expected: BTreeMap<String, Option<Vec<u8>>>,
}

impl Home {
    fn start(weed: &Weed) -> Result<Self> {
        Self::on(Server::start_with(&config(weed)?, &[])?)
    }

    fn on(server: Server) -> Result<Self> {
        server.add_user("alice", "the long password of alice")?;
        let token = server.token("alice")?;
        Ok(Self { server, token, expected: BTreeMap::new() })
    }

    fn ask(
        &self,
        method: &str,
        at: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response> {
        self.server.dav(method, at, ("alice", &self.token), fields, body)
    }

    fn must(
        &self,
        status: u16,
        method: &str,
        at: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response> {
        let answer = self.ask(method, at, fields, body)?;
        ensure!(answer.status == status, "{method} {at}: {} {}", answer.status, answer.text());
        Ok(answer)
    }

    fn folder(&mut self, path: &str) -> Result<()> {
        self.must(201, "MKCOL", &format!("{FILES}/{path}"), &[], b"")?;
        self.expected.insert(path.to_owned(), None);
        Ok(())
    }

    fn put(&mut self, path: &str, bytes: Vec<u8>) -> Result<()> {
        let status = if self.expected.contains_key(path) { 204 } else { 201 };
        self.must(status, "PUT", &format!("{FILES}/{path}"), &[], &bytes)?;
        self.expected.insert(path.to_owned(), Some(bytes));
        Ok(())
    }

    /// COPY or MOVE, of a file or a folder.
    fn relocate(&mut self, method: &str, from: &str, to: &str) -> Result<()> {
        let target = format!("{FILES}/{to}");
        self.must(201, method, &format!("{FILES}/{from}"), &[("Destination", &target)], b"")?;
        for (path, what) in self.expected.clone() {
            let below = path.strip_prefix(from);
            let Some(rest) = below.filter(|rest| rest.is_empty() || rest.starts_with('/')) else {
                continue;
            };
            if method == "MOVE" {
                self.expected.remove(&path);
            }
            self.expected.insert(format!("{to}{rest}"), what);
        }
        Ok(())
    }

    fn delete(&mut self, path: &str) -> Result<()> {
        self.must(204, "DELETE", &format!("{FILES}/{path}"), &[], b"")?;
        let inside = format!("{path}/");
        self.expected.retain(|at, _| at != path && !at.starts_with(&inside));
        Ok(())
    }

    /// All is there and nothing else, byte by byte.
    fn check(&self) -> Result<()> {
        let folders = self.expected.iter().filter(|(_, what)| what.is_none());
        let folders = std::iter::once("").chain(folders.map(|(path, _)| path.as_str()));
        let mut found = Vec::new();
        for folder in folders.chain(["Team"]) {
            let at = format!("{FILES}/{folder}");
            let text = self.must(207, "PROPFIND", &at, &[("Depth", "1")], b"")?.text();
            let hrefs =
                text.split("<d:href>").skip(1).filter_map(|rest| rest.split("</d:href>").next());
            let paths = hrefs.filter_map(|href| href.strip_prefix(FILES));
            let paths = paths.map(|path| path.trim_matches('/').to_owned());
            found.extend(paths.filter(|path| path != folder && path != "Team"));
        }
        found.sort_unstable();
        ensure!(found.iter().eq(self.expected.keys()), "{found:?}, not {:?}", self.expected.keys());
        for (path, what) in &self.expected {
            if let Some(bytes) = what {
                let got = self.must(200, "GET", &format!("{FILES}/{path}"), &[], b"")?;
                ensure!(got.body == *bytes, "{path} has other bytes");
            }
        }
        Ok(())
    }

    /// A transfer of two chunks, not closed yet; gives its bytes.
    fn transfer(&self, name: &str) -> Result<Vec<u8>> {
        self.must(201, "MKCOL", &format!("{UPLOADS}/{name}"), &[], b"")?;
        let all = bytes(12 << 20, 7);
        for (number, chunk) in all.chunks(6 << 20).enumerate() {
            let at = format!("{UPLOADS}/{name}/{}", number + 1);
            self.must(201, "PUT", &at, &[], chunk)?;
        }
        Ok(all)
    }

    fn close(&self, transfer: &str, to: &str) -> Result<Response> {
        let target = format!("{FILES}/{to}");
        self.ask("MOVE", &format!("{UPLOADS}/{transfer}/.file"), &[("Destination", &target)], b"")
    }

    /// Waits until a file can be read.
    fn comes_back(&self, path: &str) -> Result<()> {
        let begun = Instant::now();
        while self.ask("GET", &format!("{FILES}/{path}"), &[], b"")?.status != 200 {
            ensure!(begun.elapsed() < BACK, "{path} does not come back");
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}

/// Bytes that differ everywhere.
fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| next()).collect();
    bytes.truncate(length);
    bytes
}

#[test]
fn files_in_s3_are_what_was_put_after_a_restart_and_a_kill() -> Result<()> {
    let Some(weed) = Weed::start()? else { return Ok(()) };
    let mut home = Home::start(&weed)?;
    for top in ["own", "Team/shared"] {
        home.folder(top)?;
        home.put(&format!("{top}/empty"), Vec::new())?;
        home.put(&format!("{top}/small"), bytes(200, 1))?;
        home.put(&format!("{top}/small"), bytes(201, 2))?;
        let large = bytes((12 << 20) + 3, 3);
        home.put(&format!("{top}/large"), large.clone())?;
        let at = format!("{FILES}/{top}/large");
        for (range, expected) in [
            ("bytes=8388600-8388700", &large[8_388_600..8_388_701]),
            ("bytes=-5", &large[large.len() - 5..]),
        ] {
            let part = home.must(206, "GET", &at, &[("Range", range)], b"")?;
            ensure!(part.body == expected, "{range} of {top}/large has other bytes");
        }
        home.folder(&format!("{top}/deep"))?;
        home.relocate("COPY", &format!("{top}/large"), &format!("{top}/deep/copy"))?;
        home.relocate("MOVE", &format!("{top}/small"), &format!("{top}/deep/moved"))?;
        home.relocate("COPY", &format!("{top}/deep"), &format!("{top}/again"))?;
        home.relocate("MOVE", &format!("{top}/deep"), &format!("{top}/renamed"))?;
        home.delete(&format!("{top}/again/copy"))?;
    }
    // From one prefix to the other, and back.
    home.relocate("COPY", "own/renamed", "Team/from-home")
        .or_else(|_| home.relocate("COPY", "own/renamed", "Team/from-home"))?;
    home.relocate("MOVE", "Team/shared/large", "own/from-team")?;
    home.delete("Team/shared/renamed")?;
    let all = home.transfer("t")?;
    home.check()?;

    home.server.restart()?;
    home.check()?;
    home.put("own/after", bytes(1000, 4))?;
    home.server.kill9()?;
    home.server.restart()?;
    home.check()?;
    // Chunks that were acknowledged before both are there.
    let closed = home.close("t", "own/whole")?;
    ensure!(closed.status == 201, "{}: {}", closed.status, closed.text());
    home.expected.insert("own/whole".to_owned(), Some(all));
    home.server.kill9()?;
    home.server.restart()?;
    home.check()?;
    home.server.fsck()?;
    home.server.finish()
}

#[test]
fn a_store_that_is_stuck_or_away_is_503_and_changes_nothing() -> Result<()> {
    let Some(mut weed) = Weed::start()? else { return Ok(()) };
    let mut home = Home::start(&weed)?;
    home.put("probe", bytes(100, 1))?;
    home.put("Team/probe", bytes(100, 2))?;
    let all = home.transfer("t")?;
    weed.freeze()?;
    let closed = home.close("t", "whole")?;
    ensure!(closed.status == 503, "{}: {}", closed.status, closed.text());
    ensure!(closed.find_field("retry-after").is_some(), "{closed:?}");
    let refused = home.must(404, "PROPFIND", &format!("{FILES}/whole"), &[("Depth", "0")], b"")?;
    drop(refused);
    weed.thaw()?;
    home.comes_back("probe")?;
    let closed = home.close("t", "whole")?;
    ensure!(closed.status == 201, "{}: {}", closed.status, closed.text());
    home.expected.insert("whole".to_owned(), Some(all));
    home.check()?;

    // A server that starts meanwhile comes up, and says 503 until the store is there.
    weed.kill()?;
    home.server.restart()?;
    home.must(207, "PROPFIND", &format!("{FILES}/"), &[("Depth", "1")], b"")?;
    for path in ["probe", "Team/probe"] {
        home.must(503, "GET", &format!("{FILES}/{path}"), &[], b"")?;
    }
    home.must(503, "PUT", &format!("{FILES}/new"), &[], b"new")?;
    home.relocate("MOVE", "probe", "renamed")?;
    weed.start_again()?;
    home.comes_back("renamed")?;
    home.comes_back("Team/probe")?;
    home.put("new", b"new".to_vec())?;
    home.check()?;
    home.server.finish()
}

#[test]
fn fsck_names_a_file_whose_object_is_lost() -> Result<()> {
    let Some(weed) = Weed::start()? else { return Ok(()) };
    let mut home = Home::start(&weed)?;
    for top in ["", "Team/"] {
        home.put(&format!("{top}kept"), bytes(100, 1))?;
        home.put(&format!("{top}lost"), bytes(100, 2))?;
    }
    home.server.fsck()?;
    for (prefix, path) in [("s3", "lost"), ("s3b", "Team/lost")] {
        let prefix = format!("{prefix}/o/");
        let before = weed.keys(&prefix)?;
        let other = format!("{path}-too");
        home.put(&other, bytes(100, 3))?;
        let after = weed.keys(&prefix)?;
        let key = after.iter().find(|key| !before.contains(key)).context("no new object")?;
        weed.delete(key)?;
        home.must(503, "GET", &format!("{FILES}/{other}"), &[], b"")?;
        let said = home.server.fsck().err().context("fsck finds nothing")?.to_string();
        ensure!(said.contains("exit status: 4") && said.contains("lost-too"), "{said}");
        ensure!(!said.contains("kept"), "{said}");
        home.delete(&other)?;
    }
    home.check()?;
    home.server.finish()
}
