//! A server with one user, and the names of the clients.

use std::path::{Path, PathBuf};

use anyhow::Result;
use e2e::Server;
use e2e::suite::{Case, Outcome};
use e2e::sync_client::Account;

/// A server with the user alice and her app password.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) token: String,
}

/// The user of all cases here.
pub(crate) const USER: &str = "alice";

impl World {
    pub(crate) fn start() -> Result<Self> {
        Self::on(Server::start()?)
    }

    /// On a server that runs already.
    pub(crate) fn on(server: Server) -> Result<Self> {
        server.add_user(USER, "the long password of alice")?;
        let token = server.token(USER)?;
        Ok(Self { server, token })
    }

    /// Alice's files over HTTPS.
    pub(crate) fn files_url(&self) -> String {
        format!("{}/remote.php/dav/files/{USER}/", self.server.https().base())
    }

    /// A new folder for the test's own files.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.server.home().join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Ends the case: the server stops, and its data is sound.
    pub(crate) fn finish(self) -> Result<Outcome> {
        self.server.finish().map(|()| Outcome::Passed)
    }
}

impl Account for World {
    fn server(&self) -> &Server {
        &self.server
    }

    fn login(&self) -> &str {
        USER
    }

    fn password(&self) -> &str {
        &self.token
    }
}

/// A case that needs a program, and is skipped without it.
pub(crate) fn case(
    name: &str,
    program: Option<PathBuf>,
    missing: &'static str,
    run: fn(&Path, World) -> Result<Outcome>,
) -> Case<'static> {
    Case {
        name: name.to_owned(),
        run: Box::new(move || match &program {
            Some(program) => run(program, World::start()?),
            None => Ok(Outcome::Skipped(format!("{missing} is missing"))),
        }),
    }
}
