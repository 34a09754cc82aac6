//! A plugin that is slow or wrong harms its own call and no other.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::Server;
use e2e::http::{Connection, Request};
use serde_json::Value;

use crate::{whoami, with_sample};

fn state(server: &Server) -> Result<Value> {
    let said = server.command(&["plugin", "list", "--json"], "")?;
    let all: Value = serde_json::from_str(&said)?;
    Ok(all[0].clone())
}

#[test]
fn a_panic_is_one_failed_login() -> Result<()> {
    let server = Server::start_with(&with_sample("", "users = { ann = \"secret\" }")?, &[])?;
    for login in ["panics", "panics-later"] {
        let answer = whoami(&server, login, "x")?;
        ensure!(answer.status == 503, "{login}: {}", answer.status);
        ensure!(answer.find_field("retry-after").is_some(), "{login}");
        ensure!(whoami(&server, "ann", "secret")?.status == 200, "after {login}");
    }
    ensure!(state(&server)?["failures"] == 2, "{}", state(&server)?);
    server.finish()
}

#[test]
fn a_directory_that_is_down_is_503_and_never_401() -> Result<()> {
    let server = Server::start_with(&with_sample("", "")?, &[])?;
    let answer = whoami(&server, "down", "x")?;
    ensure!(answer.status == 503, "{}", answer.status);
    wait_for(&server, "no directory", 1)?;
    ensure!(server.log_about("no directory").contains("plugin:sample"), "whose answer it was");
    server.finish()
}

#[test]
fn a_call_that_never_ends_is_given_up_in_time() -> Result<()> {
    let server = Server::start_with(&with_sample("timeout_secs = 1", "")?, &[])?;
    let begun = Instant::now();
    let answer = whoami(&server, "hangs", "x")?;
    ensure!(answer.status == 503, "{}", answer.status);
    let took = begun.elapsed();
    ensure!(took >= Duration::from_secs(1) && took < Duration::from_secs(20), "{took:?}");
    wait_for(&server, "no answer came in time", 1)?;
    wait_for(&server, "sample was cancelled", 1)?;
    server.finish()
}

#[test]
fn a_client_that_leaves_ends_its_call() -> Result<()> {
    let server = Server::start_with(&with_sample("", "")?, &[])?;
    let mut connection = Connection::open(&server.http())?;
    connection
        .send_raw(&Request::new("PROPFIND", "/remote.php/dav/files/hangs/").basic("hangs", "x"))?;
    std::thread::sleep(Duration::from_millis(200));
    drop(connection);
    wait_for(&server, "sample was cancelled", 1)?;
    server.finish()
}

#[test]
fn slow_logins_do_not_wait_for_each_other() -> Result<()> {
    let users: Vec<String> = (0..40).map(|number| format!("u{number} = \"secret\"")).collect();
    let config = format!("delay_ms = 300\nusers = {{ {} }}", users.join(", "));
    let server = Server::start_with(&with_sample("", &config)?, &[])?;
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let server = &server;
        let logins: Vec<_> = (0..40)
            .map(|number| {
                scope.spawn(move || {
                    whoami(server, &format!("u{number}"), "secret").map(|a| a.status)
                })
            })
            .collect();
        for login in logins {
            let status = login.join().ok().context("a thread panicked")??;
            // More than ten logins of one address that are not known yet may be told to wait.
            ensure!(status == 200 || status == 429, "{status}");
        }
        anyhow::Ok(())
    })?;
    ensure!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    server.finish()
}

/// Waits until the log has a text so many times.
pub(crate) fn wait_for(server: &Server, text: &str, times: usize) -> Result<()> {
    let begun = Instant::now();
    while server.log_about(text).lines().count() < times {
        ensure!(begun.elapsed() < Duration::from_secs(20), "the log lacks {text:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
