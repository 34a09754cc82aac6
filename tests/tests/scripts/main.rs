//! Scripts in Lua, loaded by the built server: logins of real clients, and uploads that are refused.

mod logins;
mod service;
#[path = "../plugins/sync.rs"]
#[expect(dead_code, reason = "what plugins need beside it is not needed here")]
mod sync;
mod uploads;

use std::path::Path;

use anyhow::Result;
use e2e::Server;
use e2e::http::Response;

/// Writes a script, and gives its section with more keys.
pub(crate) fn script(folder: &Path, name: &str, text: &str, more: &str) -> Result<String> {
    let path = folder.join(format!("{name}.lua"));
    std::fs::write(&path, text)?;
    Ok(format!("[[script]]\nname = {name:?}\npath = {path:?}\n{more}\n"))
}

/// Who the server says this is.
pub(crate) fn whoami(server: &Server, login: &str, password: &str) -> Result<Response> {
    let fields = [("OCS-APIRequest", "true")];
    server.dav("GET", "/ocs/v2.php/cloud/user?format=json", (login, password), &fields, b"")
}
