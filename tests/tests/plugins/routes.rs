//! Routes of a plugin's library in the built server: who may ask them, and that they go with it.

use anyhow::{Result, ensure};
use e2e::http::{Request, Response, exchange};
use e2e::tree::noise;
use e2e::{Server, binary};
use serde_json::Value;

use crate::section;

const PASSWORD: &str = "a long password for all";

fn config(greeting: &str) -> Result<String> {
    let library = binary::plugin("moonsail-http-hello")?;
    Ok(section("hello", &library, "", &format!("greeting = {greeting:?}")))
}

/// As nobody, or as somebody with a password, an app password or a wrong one.
fn ask(server: &Server, method: &str, path: &str, login: Option<(&str, &str)>) -> Result<Response> {
    let mut request = Request::new(method, path).field("OCS-APIRequest", "true");
    if let Some((user, password)) = login {
        request = request.basic(user, password);
    }
    if method == "POST" {
        request = request.body("over and back");
    }
    exchange(&server.http(), &request)
}

#[test]
fn each_route_asks_for_the_login_that_it_wants() -> Result<()> {
    let server = Server::start_with(&config("Ahoy")?, &[])?;
    server.add_user_with("alice", PASSWORD, &["--display-name", "Alice L."])?;
    server.add_user_with("root", PASSWORD, &["--admin"])?;
    let token = server.token("alice")?;
    let alice = Some(("alice", PASSWORD));
    let by_token = Some(("alice", token.as_str()));
    let me = "/ocs/v2.php/apps/hello/me?format=json";
    for (method, path, login, status, text) in [
        ("GET", "/apps/hello/hello", None, 200, "Ahoy, world!"),
        ("GET", "/apps/hello/hello/moon%20base", None, 200, "Ahoy, moon base!"),
        ("GET", "/index.php/apps/hello/hello", None, 200, "Ahoy, world!"),
        ("GET", "/apps/hello/hello", alice, 200, "Ahoy, Alice L.!"),
        ("GET", "/apps/hello/hello", by_token, 200, "Ahoy, Alice L.!"),
        ("POST", "/apps/hello/echo", None, 401, ""),
        ("POST", "/apps/hello/echo", Some(("alice", "wrong")), 401, ""),
        ("POST", "/apps/hello/echo", alice, 200, "over and back"),
        ("POST", "/apps/hello/echo", by_token, 200, "over and back"),
        ("GET", me, None, 401, "997"),
        ("GET", me, alice, 200, r#""id":"alice""#),
        ("GET", me, alice, 200, r#""admin":false"#),
        ("GET", me, Some(("root", PASSWORD)), 200, r#""admin":true"#),
        ("GET", "/apps/hello/nothing", None, 404, ""),
        ("GET", "/apps/hello/hello/a%2fb/c", None, 404, ""),
        ("GET", "/apps/hello/../hello/hello", None, 404, ""),
        ("GET", "/apps/other/hello", None, 404, ""),
        ("PUT", "/apps/hello/hello", None, 405, ""),
    ] {
        let answer = ask(&server, method, path, login)?;
        let context = format!("{method} {path} as {login:?}: {} {}", answer.status, answer.text());
        ensure!(answer.status == status && answer.text().contains(text), "{context}");
        ensure!(answer.find_field("x-content-type-options") == Some("nosniff"), "{context}");
    }
    let large = noise(1, 8_000_000);
    let answer = server.dav("POST", "/apps/hello/echo", ("alice", &token), &[], &large)?;
    ensure!(answer.status == 200 && answer.body == large, "{}", answer.status);
    server.finish()
}

#[test]
fn routes_follow_a_reload_and_are_gone_with_their_plugin() -> Result<()> {
    let mut server = Server::start_with(&config("Ahoy")?, &[])?;
    let hello = |server: &Server| ask(server, "GET", "/apps/hello/hello", None);
    ensure!(hello(&server)?.text() == "Ahoy, world!\n");
    let said = server.command(&["plugin", "reload", "hello"], "")?;
    ensure!(said.contains("generation 2."), "{said}");
    ensure!(hello(&server)?.text() == "Ahoy, world!\n", "after a reload");
    server.configure(&config("Hi")?)?;
    crate::reload::hangup(&server)?;
    crate::calls::wait_for(&server, "a plugin was loaded anew", 2)?;
    ensure!(hello(&server)?.text() == "Hi, world!\n", "after another section");
    let list: Value = serde_json::from_str(&server.command(&["plugin", "list", "--json"], "")?)?;
    ensure!(list[0]["generation"] == 3, "{list}");

    server.configure("log.level = \"info\"\n")?;
    server.restart()?;
    for path in ["/apps/hello/hello", "/ocs/v2.php/apps/hello/me?format=json"] {
        let answer = ask(&server, "GET", path, None)?;
        ensure!([401, 404].contains(&answer.status), "{path}: {}", answer.status);
        ensure!(!answer.text().contains("Hi"), "{path}: {}", answer.text());
    }
    ensure!(hello(&server)?.status == 404, "the route is there without its plugin");
    server.finish()
}
