//! `moonsail plugin …`

use anyhow::{Context as _, Result, ensure};
use e2e::Server;
use serde_json::Value;

use crate::{sample, with_sample};

#[test]
fn inspect_shows_what_a_library_says_of_itself() -> Result<()> {
    let server = Server::start()?;
    let path = sample()?.display().to_string();
    let text = server.command(&["plugin", "inspect", &path], "")?;
    for part in ["sample-plugin", "moonsail-sdk", "rustc", "1.0", "greeting"] {
        ensure!(text.contains(part), "{part} is missing in {text}");
    }
    let json: Value =
        serde_json::from_str(&server.command(&["plugin", "inspect", "--json", &path], "")?)?;
    ensure!(json["abi"] == "1.0" && json["reloadable"] == true, "{json}");
    ensure!(json["config_schema"]["type"] == "object", "{json}");
    let refused = server.command(&["plugin", "inspect", "/no/such.so"], "").err();
    ensure!(format!("{}", refused.context("it is inspected")?).contains("cannot be read"));
    server.finish()
}

#[test]
fn header_prints_what_a_plugin_in_c_needs() -> Result<()> {
    let server = Server::start()?;
    let printed = server.command(&["plugin", "header"], "")?;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/sdk/include/moonsail_plugin.h");
    ensure!(printed == std::fs::read_to_string(file)?, "it is not the file, to the byte");
    server.finish()
}

#[test]
fn test_runs_the_suites_and_its_exit_code_tells() -> Result<()> {
    let server = Server::start()?;
    let path = sample()?.display().to_string();
    let config = "{\"users\": {\"ann\": \"secret\"}}";
    let ask = |config: &str, password: &str| {
        let arguments = ["plugin", "test", &path, "--plugin-config", config, "--login", "ann"];
        server.command(&arguments, &format!("{password}\n"))
    };
    let said = ask(config, "secret")?;
    ensure!(said.contains("auth: passed") && said.contains("capabilities: passed"), "{said}");
    let failed = ask(config, "wrong").err().context("a wrong password passes")?;
    ensure!(format!("{failed}").contains("exit status: 4"), "{failed}");
    let refused = ask("{\"x\": 1}", "secret").err().context("an unknown key passes")?;
    ensure!(format!("{refused}").contains("exit status: 1"), "{refused}");
    ensure!(format!("{refused}").contains("unknown field `x`"), "{refused}");
    server.finish()
}

#[test]
fn list_works_beside_a_server_and_without() -> Result<()> {
    let mut server = Server::start_with(&with_sample("", "")?, &[])?;
    let text = server.command(&["plugin", "list"], "")?;
    ensure!(text.contains("sample-plugin 0.1.0") && text.contains("auth,capabilities"), "{text}");
    server.stop()?;
    let config = server.home().join("server.toml").display().to_string();
    let text = server.command(&["plugin", "list", "--config", &config], "")?;
    ensure!(text.contains("sample-plugin 0.1.0"), "{text}");
    server.finish()
}
