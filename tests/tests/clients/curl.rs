//! curl: HTTP/2 over TLS with the server's own authority, which our small client does not speak.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::suite::{Case, Outcome};
use e2e::tools;

use crate::setup::{USER, World, case};
use crate::tree::noise;

const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn cases() -> Vec<Case<'static>> {
    let curl = || tools::find("curl");
    vec![
        case("curl::http2", curl(), "curl", http2),
        case("curl::untrusted", curl(), "curl", untrusted),
        case("curl::many_streams", curl(), "curl", many_streams),
        case("curl::expect_continue", curl(), "curl", expect_continue),
    ]
}

fn curl(program: &Path, world: &World) -> Command {
    let mut command = Command::new(program);
    command.args(["--silent", "--show-error", "--http2"]).arg("--cacert").arg(world.server.ca());
    command.args(["--user", &format!("{USER}:{}", world.token)]);
    command
}

/// Upload and download over HTTP/2; the version is what curl says it was.
fn http2(program: &Path, world: World) -> Result<Outcome> {
    let folder = world.folder("curl")?;
    let content = noise(1, 3_000_000);
    std::fs::write(folder.join("up"), &content)?;
    let url = format!("{}a.bin", world.files_url());
    let mut put = curl(program, &world);
    put.args(["--write-out", "%{http_version} %{http_code}"]).arg("--upload-file");
    let said = tools::require(put.arg(folder.join("up")).arg(&url), LIMIT)?;
    ensure!(said == "2 201", "PUT over HTTP/2: {said:?}");
    let mut get = curl(program, &world);
    get.args(["--write-out", "%{http_version} %{http_code}"]).arg("--output");
    let said = tools::require(get.arg(folder.join("down")).arg(&url), LIMIT)?;
    ensure!(said == "2 200", "GET over HTTP/2: {said:?}");
    ensure!(std::fs::read(folder.join("down"))? == content, "the content came back changed");
    let mut propfind = curl(program, &world);
    propfind.args(["--request", "PROPFIND", "--header", "Depth: 0"]);
    let said = tools::require(propfind.arg(&url), LIMIT)?;
    ensure!(said.contains("<d:status>HTTP/1.1 200 OK</d:status>"), "status text: {said}");
    world.finish()
}

/// Without the authority the certificate must not be trusted: it is the server's own.
fn untrusted(program: &Path, world: World) -> Result<Outcome> {
    let url = format!("{}/status.php", world.server.https().base());
    let mut command = Command::new(program);
    let finished = tools::run(command.args(["--silent", "--show-error", &url]), LIMIT)?;
    ensure!(!finished.success, "curl trusts a certificate nobody vouches for");
    let mut command = Command::new(program);
    command.args(["--silent", "--tls-max", "1.1", "--insecure", &url]);
    let finished = tools::run(&mut command, LIMIT)?;
    ensure!(!finished.success, "TLS 1.1 is spoken");
    world.finish()
}

/// A hundred uploads at a time on few connections.
fn many_streams(program: &Path, world: World) -> Result<Outcome> {
    let folder = world.folder("curl")?;
    let mut config = String::new();
    for number in 0..100u64 {
        let file = folder.join(format!("f{number}"));
        std::fs::write(&file, noise(number, 2_000))?;
        let url = format!("{}f{number}", world.files_url());
        config.push_str(&format!("upload-file = {:?}\nurl = {url:?}\n", file.display()));
    }
    std::fs::write(folder.join("config"), config)?;
    let mut put = curl(program, &world);
    put.args(["--parallel", "--parallel-max", "50", "--fail", "--config"]);
    tools::require(put.arg(folder.join("config")), LIMIT)?;
    for number in [0u64, 57, 99] {
        let login = (USER, world.token.as_str());
        let path = format!("/remote.php/dav/files/{USER}/f{number}");
        let got = world.server.dav("GET", &path, login, &[], b"")?;
        ensure!(got.body == noise(number, 2_000), "f{number} came back changed");
    }
    world.finish()
}

/// `Expect: 100-continue`: a refusal comes before the body (threats §6).
fn expect_continue(program: &Path, world: World) -> Result<Outcome> {
    let folder = world.folder("curl")?;
    std::fs::write(folder.join("up"), noise(2, 5_000_000))?;
    let url = format!("{}/remote.php/dav/files/{USER}/e.bin", world.server.http().base());
    let mut put = Command::new(program);
    put.args(["--silent", "--show-error", "--http1.1", "--header", "Expect: 100-continue"]);
    put.args(["--output", "/dev/null", "--write-out", "%{http_code} %{size_upload}"]);
    let said = tools::require(put.arg("--upload-file").arg(folder.join("up")).arg(&url), LIMIT)?;
    ensure!(said == "401 0", "without credentials: {said:?}, not 401 before the body");
    put.args(["--user", &format!("{USER}:{}", world.token)]);
    let said = tools::require(&mut put, LIMIT)?;
    ensure!(said == "201 5000000", "with credentials: {said:?}");
    world.finish()
}
