//! A new version of a plugin takes over while the server runs.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::Server;
use e2e::http::{Connection, Request};

use crate::calls::wait_for;
use crate::{sample, section, whoami};

const RELOADS: usize = 50;

fn threads(server: &Server) -> Result<usize> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid()?))?;
    let line = status.lines().find(|line| line.starts_with("Threads:")).context("Threads:")?;
    Ok(line.trim_start_matches("Threads:").trim().parse()?)
}

fn config(path: &Path, greeting: &str) -> String {
    // No login is remembered: each request asks the plugin.
    format!(
        "auth.chain = [\"plugin:sample\"]\nauth.login_cache_secs = 0\n{}",
        section("sample", path, "", &format!("users = {{ ann = \"secret\" }}\n{greeting}"))
    )
}

#[test]
fn reloads_under_load_fail_no_request() -> Result<()> {
    let server = Server::start_with(&config(&sample()?, "delay_ms = 5"), &[])?;
    ensure!(whoami(&server, "ann", "secret")?.status == 200);
    let before = threads(&server)?;
    let (stop, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let (stop, asked, endpoint) = (&stop, &asked, server.http());
                scope.spawn(move || {
                    let request = Request::new("GET", "/ocs/v2.php/cloud/user?format=json")
                        .field("OCS-APIRequest", "true")
                        .basic("ann", "secret");
                    let mut connection = Connection::open(&endpoint)?;
                    while !stop.load(Ordering::Relaxed) {
                        let answer = connection.send(&request)?;
                        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        let reloading = || -> Result<()> {
            for number in 0..RELOADS {
                let said = server.command(&["plugin", "reload", "sample"], "")?;
                ensure!(said.contains(&format!("generation {}.", number + 2)), "{said}");
            }
            Ok(())
        };
        let reloaded = reloading();
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().ok().context("a worker panicked")??;
        }
        reloaded
    })?;
    ensure!(asked.load(Ordering::Relaxed) > RELOADS, "hardly anything was asked");
    wait_for(&server, "sample was destroyed", RELOADS)?;
    std::thread::sleep(Duration::from_millis(300));
    for line in ["sample was stopped", "sample was destroyed"] {
        let count = server.log_about(line).lines().count();
        ensure!(count == RELOADS, "{line}: {count} times for {RELOADS} generations");
    }
    let after = threads(&server)?;
    // The server's own pool for blocking work grows and shrinks.
    ensure!(after < before + RELOADS / 2, "{before} threads before, {after} after");
    server.finish()
}

#[test]
fn a_bad_new_file_leaves_the_old_one_in_service() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("sample.so");
    std::fs::copy(sample()?, &path)?;
    let mut server = Server::start_with(&config(&path, ""), &[])?;
    std::fs::write(&path, "half a library")?;
    let error = server.command(&["plugin", "reload", "sample"], "").err().context("it reloads")?;
    ensure!(format!("{error}").contains("no library for this machine"), "{error}");
    ensure!(whoami(&server, "ann", "secret")?.status == 200, "the old copy is gone");
    let error = server.command(&["plugin", "reload", "sampel"], "").err().context("it reloads")?;
    ensure!(format!("{error}").contains("perhaps \"sample\""), "{error}");
    // At SIGHUP the same, in the log.
    hangup(&server)?;
    wait_for(&server, "the copy of the plugin that is in use stays", 1)?;
    ensure!(whoami(&server, "ann", "secret")?.status == 200, "the old copy is gone");
    // A section that does not fit, and then one that does.
    std::fs::remove_file(&path)?;
    std::fs::copy(sample()?, &path)?;
    server.configure(&config(&path, "greeting = \"\""))?;
    hangup(&server)?;
    wait_for(&server, "greeting: must not be empty", 1)?;
    ensure!(whoami(&server, "ann", "secret")?.status == 200, "the old copy is gone");
    server.configure(&config(&path, "delay_ms = 1").replace("secret", "changed"))?;
    hangup(&server)?;
    wait_for(&server, "a plugin was loaded anew", 1)?;
    ensure!(whoami(&server, "ann", "changed")?.status == 200, "the new section does not count");
    ensure!(whoami(&server, "ann", "secret")?.status == 401, "the old section counts");
    server.finish()
}

/// Has the server read its configuration again.
pub(crate) fn hangup(server: &Server) -> Result<()> {
    let pid = rustix::process::Pid::from_raw(i32::try_from(server.pid()?)?).context("a pid")?;
    Ok(rustix::process::kill_process(pid, rustix::process::Signal::HUP)?)
}

#[test]
fn a_plugin_ends_with_the_server() -> Result<()> {
    let mut server = Server::start_with(&config(&sample()?, ""), &[])?;
    server.stop()?;
    for line in ["sample was stopped", "sample was destroyed"] {
        ensure!(server.log_about(line).lines().count() == 1, "{}", server.log_tail(30));
    }
    server.restart()?;
    ensure!(whoami(&server, "ann", "secret")?.status == 200);
    server.finish()
}
