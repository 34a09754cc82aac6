//! The sample as somebody who is asked before something happens, loaded anew and too slow.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::Server;
use e2e::http::Response;

use crate::calls::wait_for;
use crate::reload::hangup;
use crate::{sample, section};

const FILES: &str = "/remote.php/dav/files/alice";

fn config(more: &str, config: &str) -> Result<String> {
    Ok(format!("{more}\n{}", section("sample", &sample()?, "", config)))
}

struct Bed {
    server: Server,
    token: String,
}

impl Bed {
    fn start(config: &str) -> Result<Self> {
        let server = Server::start_with(config, &[])?;
        server.add_user("alice", "the long password of alice")?;
        let token = server.token("alice")?;
        Ok(Self { server, token })
    }

    fn ask(&self, method: &str, path: &str) -> Result<Response> {
        self.server.dav(method, &format!("{FILES}/{path}"), ("alice", &self.token), &[], b"")
    }

    /// Refused by these words (none: not refused).
    fn must(&self, method: &str, path: &str, words: &str) -> Result<()> {
        let answer = self.ask(method, path)?;
        let refused = answer.status == 403 && answer.text().contains(words);
        let context = format!("{method} {path}: {} {}", answer.status, answer.text());
        ensure!(if words.is_empty() { answer.status / 100 == 2 } else { refused }, "{context}");
        Ok(())
    }

    /// Takes another configuration over, and waits until the plugin has it.
    fn reload(&mut self, config: &str, times: usize) -> Result<()> {
        self.server.configure(config)?;
        hangup(&self.server)?;
        wait_for(&self.server, "a plugin was loaded anew", times)
    }
}

#[test]
fn other_interests_count_from_a_reload_on() -> Result<()> {
    let mut bed = Bed::start(&config("", "refuses = [\"file.before_mkdir\"]")?)?;
    bed.must("MKCOL", "one", "hello to file.before_mkdir")?;
    bed.must("PUT", "one.txt", "")?;
    let other = config("", "refuses = [\"file.before_upload\", \"file.before_delete\"]")?;
    bed.reload(&other, 1)?;
    bed.must("MKCOL", "two", "")?;
    bed.must("PUT", "two.txt", "hello to file.before_upload")?;
    bed.must("DELETE", "one.txt", "hello to file.before_upload and file.before_delete")?;
    // By the command, with no other section: the same counts on.
    let said = bed.server.command(&["plugin", "reload", "sample"], "")?;
    ensure!(said.contains("generation 3."), "{said}");
    bed.must("PUT", "two.txt", "hello to file.before_upload")?;
    bed.reload(&config("", "greeting = \"quiet\"")?, 3)?;
    bed.must("PUT", "two.txt", "")?;
    bed.must("DELETE", "one.txt", "")?;
    bed.server.finish()
}

/// An event that there is not: at the start the server says which was meant, at a reload the
/// interests stay.
#[test]
fn an_interest_that_cannot_come_is_named() -> Result<()> {
    let mut bed = Bed::start(&config("", "refuses = [\"file.before_mkdir\"]")?)?;
    let misspelt = config("", "refuses = [\"file.before_mkdri\"]")?;
    bed.server.configure(&misspelt)?;
    hangup(&bed.server)?;
    wait_for(&bed.server, "the hooks stay as they were", 1)?;
    let said = bed.server.log_about("did you mean");
    ensure!(said.contains("file.before_mkdri") && said.contains("\"file.before_mkdir\""), "{said}");
    bed.must("MKCOL", "one", "hello to file.before_mkd")?;
    let said = bed.server.restart().err().context("it starts")?;
    ensure!(bed.server.log_tail(3).contains("did you mean"), "{said}");
    ensure!(bed.server.ended_within(Duration::from_secs(30))?, "it runs with a bad interest");
    bed.server.configure(&config("", "")?)?;
    bed.server.restart()?;
    bed.server.finish()
}

#[test]
fn a_hook_that_thinks_too_long_is_503_as_the_configuration_says() -> Result<()> {
    let slow = "refuses = [\"file.before_upload\"]\nthinks_ms = 2000";
    let short = config("hooks.timeout_millis = 200", slow)?;
    let mut bed = Bed::start(&short)?;
    let begun = Instant::now();
    let answer = bed.ask("PUT", "a.txt")?;
    ensure!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
    ensure!(answer.status == 503, "{} {}", answer.status, answer.text());
    ensure!(answer.find_field("retry-after").is_some(), "{answer:?}");
    wait_for(&bed.server, "it took longer than 200 ms", 1)?;
    wait_for(&bed.server, "sample was cancelled", 1)?;
    ensure!(bed.ask("GET", "a.txt")?.status == 404, "it was stored all the same");
    // With more patience its answer is heard.
    bed.server.configure(&short.replace("= 200\n", "= 60000\n"))?;
    hangup(&bed.server)?;
    wait_for(&bed.server, "the configuration was read again", 1)?;
    bed.must("PUT", "a.txt", "hello to file.before_upload")?;
    bed.server.finish()
}
