//! How the server is run (threats §2, §8): who may read its files, what its ports show.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Result, ensure};
use e2e::http::Request;

use crate::house::{FILES, House};

/// Walks a folder.
fn walk(folder: &Path, see: &mut dyn FnMut(&Path, u32)) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let meta = path.symlink_metadata()?;
        see(&path, meta.permissions().mode() & 0o7777);
        if meta.is_dir() {
            walk(&path, see)?;
        }
    }
    Ok(())
}

#[test]
fn nobody_else_on_the_machine_reads_the_data() -> Result<()> {
    let house = House::start()?;
    ensure!(house.ask("MKCOL", &format!("{FILES}folder"), &[], b"")?.status == 201);
    ensure!(house.ask("PUT", &format!("{FILES}folder/a.txt"), &[], b"hello")?.status == 201);
    ensure!(house.ask("MKCOL", "/remote.php/dav/uploads/alice/up", &[], b"")?.status == 201);
    ensure!(house.ask("PUT", "/remote.php/dav/uploads/alice/up/1", &[], b"hello")?.status == 201);
    let mut open = Vec::new();
    // Certificates are for everybody (and lie in a folder that is not).
    let public = ["ca.pem", "cert.pem", "issued.json"];
    walk(&house.server.data(), &mut |path, mode| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if mode & 0o077 != 0 && !public.contains(&name) {
            open.push(format!("{} {mode:o}", path.display()));
        }
    })?;
    ensure!(open.is_empty(), "{open:?}");
    house.finish()
}

#[test]
fn public_listeners_show_no_insides() -> Result<()> {
    let house = House::start()?;
    for target in [
        "/metrics",
        "/health",
        "/debug",
        "/debug/pprof/",
        "/server-status",
        "/phpinfo.php",
        "/info.php",
        "/.env",
        "/.git/config",
        "/server.toml",
        "/data/moonsail.db",
        "/moonsail.db",
        "/config/config.php",
        "/apps/graphapi/vendor/microsoft/microsoft-graph/tests/GetPhpInfo.php",
        "/control.sock",
        "/index.php/settings/admin",
        "/console",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/",
    ] {
        for request in [Request::new("GET", target), house.request("GET", target)] {
            let answer = house.anybody(&request)?;
            let said = answer.text();
            ensure!((400..500).contains(&answer.status), "{target}: {}", answer.status);
            ensure!(!said.contains("moonsail_") && !said.contains("root:"), "{target}: {said}");
        }
    }
    for target in ["/", "/status.php", "/login", FILES] {
        let answer = house.anybody(&house.request("GET", target))?;
        for name in ["server", "x-powered-by", "via"] {
            ensure!(answer.find_field(name).is_none(), "{target} says {name}");
        }
    }
    house.finish()
}

/// The first administrator's password is of the machine's making, another for each server.
#[test]
fn the_first_password_is_random() -> Result<()> {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let server = e2e::Server::start()?;
        let said = server.log_about("admin");
        seen.push(said);
        for guess in ["admin", "password", "moonsail", ""] {
            let answer =
                server.dav("HEAD", "/remote.php/dav/files/admin/", ("admin", guess), &[], b"")?;
            ensure!(answer.status == 401, "{guess:?} logs in");
        }
        server.finish()?;
    }
    ensure!(seen[0] != seen[1] && !seen[0].is_empty(), "{seen:?}");
    Ok(())
}
