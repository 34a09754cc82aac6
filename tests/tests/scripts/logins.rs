//! Real clients whose logins a script decides: by somebody's own service, and by a directory.

use anyhow::{Result, ensure};
use e2e::Server;
use e2e::slapd::{self, Slapd};

use crate::service::{self, Service};
use crate::sync::{self, Person};
use crate::{script, whoami};

const CHAIN: &str = "auth.chain = [\"lua:login\", \"builtin:users\"]\n";

const BY_HTTP: &str = r#"
local moon = require "moon"
local http = require "moon.http"
local json = require "moon.json"
moon.on("auth.password", function(req)
    local body = json.encode { user = req.user, password = req.password:reveal() }
    local answer, why = http.post(moon.config.url, { body = body })
    if not answer then return moon.tempfail("the login service: " .. why) end
    if answer.status == 404 then return moon.next end
    if answer.status == 403 then return moon.deny("wrong password") end
    if not answer.ok then return moon.tempfail("the login service says " .. answer.status) end
    local record = answer:json()
    return moon.ok { display_name = record.name, groups = record.groups }
end)
"#;

const BY_LDAP: &str = r#"
local moon = require "moon"
local ldap = require "moon.ldap"
local cfg = moon.config
local pool = ldap.pool { url = cfg.url, ca = cfg.ca, timeout = "2s" }
moon.on("auth.password", function(req)
    local conn, why = pool:bind(cfg.bind_dn, moon.secret("bind"))
    if not conn then return moon.tempfail("directory: " .. why) end
    local entry = conn:search_one {
        base = cfg.base, filter = ldap.filter("(uid=%s)", req.user), attrs = { "cn" },
    }
    if not entry then return moon.next end
    if not pool:check(entry.dn, req.password) then return moon.deny("wrong password") end
    return moon.ok { display_name = entry.cn }
end)
"#;

#[test]
fn people_of_an_own_http_service_sync_by_both_passwords() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let service = Service::start()?;
    let more = format!(
        "allow = [\"http-private:127.0.0.1:{0}\"]\n[script.config]\nurl = \"http://127.0.0.1:{0}/check\"",
        service.port
    );
    let section = script(folder.path(), "login", BY_HTTP, &more)?;
    let server = Server::start_with(&format!("{CHAIN}{section}"), &[])?;
    server.add_user("built-in", "the long password of built-in")?;
    let known = whoami(&server, "demo", service::PASSWORD)?;
    ensure!(known.status == 200, "{}: {}", known.status, server.log_tail(30));
    ensure!(known.text().contains("Demo of the service") && known.text().contains("staff"));
    ensure!(whoami(&server, "demo", "wrong")?.status == 401);
    ensure!(whoami(&server, "built-in", "the long password of built-in")?.status == 200);
    let person = Person { server: &server, login: "demo", password: service::PASSWORD };
    sync::from_the_browser_to_two_computers(&person)?;
    drop(service);
    let away = whoami(&server, "demo", "another one")?;
    ensure!(away.status == 503 && away.find_field("retry-after").is_some(), "{}", away.status);
    ensure!(!server.log_tail(100_000).contains("of the service\""), "a password is in the log");
    server.finish()
}

#[test]
fn people_of_a_directory_sync_by_both_passwords() -> Result<()> {
    if slapd::must_skip() {
        return Ok(());
    }
    let mut slapd = Slapd::start(&slapd::person("alice", "Alice Liddell", ""))?;
    let folder = tempfile::tempdir()?;
    let more = format!(
        "allow = [\"ldap\"]\n[script.config]\nurl = {:?}\nca = {:?}\nbind_dn = {:?}\nbase = \"ou=people,{}\"\n\
         [script.secrets]\nbind = {:?}",
        slapd.tls_url(),
        slapd.ca(),
        slapd::READER,
        slapd::BASE,
        slapd::READER_PASSWORD,
    );
    let section = script(folder.path(), "login", BY_LDAP, &more)?;
    let server = Server::start_with(&format!("{CHAIN}{section}"), &[])?;
    for (login, password, status) in
        [("alice", slapd::PASSWORD, 200), ("alice", "wrong", 401), ("*", slapd::PASSWORD, 401)]
    {
        let answer = whoami(&server, login, password)?;
        ensure!(answer.status == status, "{login}: {} {}", answer.status, server.log_tail(30));
    }
    let person = Person { server: &server, login: "alice", password: slapd::PASSWORD };
    sync::from_the_browser_to_two_computers(&person)?;
    slapd.stop()?;
    let away = whoami(&server, "alice", "not known from before")?;
    ensure!(away.status == 503 && away.find_field("retry-after").is_some(), "{}", away.status);
    server.finish()
}
