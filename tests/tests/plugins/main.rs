//! Native plugins, loaded by the built server from its configuration (`docs/extend`).

mod calls;
mod capabilities;
mod hooks;
mod in_c;
mod ldap;
mod loading;
mod refusals;
mod reload;
mod routes;
mod s3;
mod s3_sync;
mod sync;
mod verbs;
mod webhook;

use std::path::Path;

use anyhow::Result;
use e2e::http::Response;
use e2e::{Server, binary};

/// The sample plugin of `tests/plugins/sample`.
pub(crate) fn sample() -> Result<std::path::PathBuf> {
    binary::plugin("sample-plugin")
}

/// A `[[plugin]]` section of the sample, with more keys and its own section.
pub(crate) fn section(name: &str, path: &Path, more: &str, config: &str) -> String {
    let path = path.display();
    format!("[[plugin]]\nname = {name:?}\npath = \"{path}\"\n{more}\n[plugin.config]\n{config}\n")
}

/// A configuration whose logins are the sample's, and the built-in users.
pub(crate) fn with_sample(more: &str, config: &str) -> Result<String> {
    let section = section("sample", &sample()?, more, config);
    Ok(format!("auth.chain = [\"plugin:sample\", \"builtin:users\"]\n{section}"))
}

/// Who the server says this is.
pub(crate) fn whoami(server: &Server, login: &str, password: &str) -> Result<Response> {
    let fields = [("OCS-APIRequest", "true")];
    server.dav("GET", "/ocs/v2.php/cloud/user?format=json", (login, password), &fields, b"")
}
