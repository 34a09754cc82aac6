//! The capabilities' patches in the built server, as apps and the administrator see them.

use anyhow::{Context as _, Result, ensure};
use e2e::http::{Request, exchange};
use e2e::{Server, binary};
use serde_json::Value;

use crate::section;

const PASSWORD: &str = "a long password for all";
const CONFIG: &str = r#"remove = ["files.locking"]
ttl_secs = 600
[plugin.config.all.theming]
slogan = "Files of the town hall"
[plugin.config.all.town_hall]
opens = 8
[plugin.config.groups.guests.theming]
slogan = "Welcome, guest"
[plugin.config.groups.guests.files]
undelete = false
"#;

fn start(config: &str) -> Result<Server> {
    let library = binary::plugin("moonsail-capabilities-static")?;
    let server = Server::start_with(&section("static", &library, "", config), &[])?;
    server.add_user("alice", PASSWORD)?;
    server.add_user_with("gast", PASSWORD, &["--group", "guests"])?;
    Ok(server)
}

/// What an app is told, logged in or not.
fn told(server: &Server, version: &str, user: Option<&str>) -> Result<Value> {
    let at = format!("/ocs/{version}.php/cloud/capabilities?format=json");
    let mut request = Request::new("GET", &at).field("OCS-APIRequest", "true");
    if let Some(user) = user {
        request = request.basic(user, PASSWORD);
    }
    let answer = exchange(&server.http(), &request)?;
    ensure!(answer.status == 200, "{version} {user:?}: {} {}", answer.status, answer.text());
    let document: Value = serde_json::from_slice(&answer.body)?;
    Ok(document["ocs"]["data"]["capabilities"].clone())
}

#[test]
fn patches_reach_each_app_by_who_asks() -> Result<()> {
    let server = start(CONFIG)?;
    let plain = Server::start()?;
    plain.add_user("alice", PASSWORD)?;
    for version in ["v1", "v2"] {
        // It has to be there without the plugin for its absence to say something.
        let without = told(&plain, version, Some("alice"))?;
        ensure!(!without["files"]["locking"].is_null(), "{without}");
        ensure!(without["town_hall"].is_null(), "{without}");
        for (user, slogan) in [
            (None, "Files of the town hall"),
            (Some("alice"), "Files of the town hall"),
            (Some("gast"), "Welcome, guest"),
        ] {
            let context = format!("{version} {user:?}");
            let shown = told(&server, version, user)?;
            ensure!(shown["theming"]["slogan"] == slogan, "{context}: {shown}");
            ensure!(shown["theming"]["name"] == "Moonsail", "{context}: more than was said");
            ensure!(shown["town_hall"]["opens"] == 8, "{context}: {shown}");
            ensure!(shown["files"]["locking"].is_null(), "{context}: {shown}");
            ensure!(user.is_some() || shown["provisioning_api"].is_null(), "{context}: {shown}");
        }
    }
    // The status of the server is none of the capabilities.
    let status = |server: &Server| -> Result<Value> {
        let answer = exchange(&server.http(), &Request::new("GET", "/status.php"))?;
        Ok(serde_json::from_slice(&answer.body)?)
    };
    ensure!(status(&server)? == status(&plain)?, "{}", status(&server)?);
    plain.finish()?;
    server.finish()
}

#[test]
fn the_administrator_sees_who_set_which_key() -> Result<()> {
    let mut server = start(CONFIG)?;
    for user in [None, Some("alice"), Some("gast")] {
        let mut arguments = vec!["capabilities", "--json"];
        arguments.extend(user.iter().flat_map(|user| ["--user", *user]));
        let shown: Value = serde_json::from_str(&server.command(&arguments, "")?)?;
        // The same document as the apps', but for the address that they have come by.
        let told = told(&server, "v2", user)?.to_string();
        let told: Value = told.replace(&server.http().base(), "https://localhost").parse()?;
        ensure!(shown["capabilities"] == told, "{user:?}: {shown}, not {told}");
        ensure!(shown["set_by"]["theming.slogan"] == "static", "{user:?}: {shown}");
        ensure!(shown["set_by"]["town_hall.opens"] == "static", "{user:?}: {shown}");
        ensure!(shown["set_by"]["theming.name"].is_null(), "{user:?}: {shown}");
    }
    let table = server.command(&["capabilities", "--user", "gast"], "")?;
    let line = table.lines().find(|line| line.starts_with("theming.slogan"));
    let line = line.with_context(|| table.clone())?;
    ensure!(line.contains("Welcome, guest") && line.ends_with("static"), "{line}");

    // A patch by which apps would lose the document never reaches them, and its key is named.
    server.configure(&section(
        "static",
        &binary::plugin("moonsail-capabilities-static")?,
        "",
        "[plugin.config.all.core]\npollinterval = \"often\"",
    ))?;
    crate::reload::hangup(&server)?;
    crate::calls::wait_for(&server, "a plugin was loaded anew", 1)?;
    let shown = told(&server, "v2", Some("alice"))?;
    ensure!(shown["core"]["pollinterval"] == 60, "{shown}");
    ensure!(
        shown["theming"]["slogan"] != "Files of the town hall",
        "the old patch counts: {shown}"
    );
    let said = server.command(&["capabilities", "--user", "alice"], "");
    let said = said.err().context("a refused patch is no finding")?.to_string();
    ensure!(said.contains("exit status: 4") && said.contains("core.pollinterval"), "{said}");
    server.finish()
}
