//! A script looks into uploads: its words reach the client where the desktop client reads them.

use anyhow::{Result, ensure};
use e2e::Server;

use crate::script;

const SCAN: &str = r#"
local moon = require "moon"
moon.on("file.before_commit", function(ev)
    local at = 0
    while at < ev.size do
        local piece = ev.read(at, 65536)
        if piece:find("EICAR", 1, true) then return moon.deny("EICAR was found in " .. ev.path, 415) end
        at += #piece
    end
end)
"#;

#[test]
fn a_refused_upload_is_said_in_words_and_keeps_the_chunks() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start_with(&script(folder.path(), "scan", SCAN, "")?, &[])?;
    server.add_user("alice", "the long password of alice")?;
    let token = server.token("alice")?;
    let alice = ("alice", token.as_str());
    let (files, uploads) = ("/remote.php/dav/files/alice", "/remote.php/dav/uploads/alice/t");
    let said = "<s:message>EICAR was found in a.bin</s:message>";
    let whole = server.dav("PUT", &format!("{files}/a.bin"), alice, &[], b"an EICAR")?;
    ensure!(whole.status == 415 && whole.text().contains(said), "{}", whole.text());
    let to = [("Destination", "/remote.php/dav/files/alice/a.bin")];
    ensure!(server.dav("MKCOL", uploads, alice, &to, b"")?.status == 201);
    for (chunk, bytes) in [("1", &b"one EI"[..]), ("2", b"CAR two")] {
        let put = server.dav("PUT", &format!("{uploads}/{chunk}"), alice, &to, bytes)?;
        ensure!(put.status == 201, "{}", put.text());
    }
    let close = || server.dav("MOVE", &format!("{uploads}/.file"), alice, &to, b"");
    for _ in 0..2 {
        let refused = close()?;
        ensure!(refused.status == 415 && refused.text().contains(said), "{}", refused.text());
        let kept = server.dav("PROPFIND", uploads, alice, &[("Depth", "1")], b"")?;
        ensure!(kept.text().contains("/t/1<") && kept.text().contains("/t/2<"), "{}", kept.text());
        ensure!(server.dav("GET", &format!("{files}/a.bin"), alice, &[], b"")?.status == 404);
    }
    // What was in it is replaced, and the rest need not come again.
    ensure!(server.dav("PUT", &format!("{uploads}/2"), alice, &to, b"ther two")?.status / 100 == 2);
    let closed = close()?;
    ensure!(closed.status == 201, "{} {}", closed.status, closed.text());
    let whole = server.dav("GET", &format!("{files}/a.bin"), alice, &[], b"")?;
    ensure!(whole.text() == "one EIther two", "{}", whole.text());
    server.finish()
}
