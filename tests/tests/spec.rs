//! The dialogues of `spec/cases`: one test a file. `e2e::spec` describes their format.
//!
//! All files share one server, each with users of its own; a file that says `@own-server` has its own,
//! and so has one beside a `server.toml`, which is that server's.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use e2e::Server;
use e2e::spec::{Dialogue, World, run};
use e2e::suite::{self, Case, Outcome};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/cases");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let shared = Shared::default();
    let cases = files
        .iter()
        .enumerate()
        .map(|(number, file)| {
            let name = file.strip_prefix(&root).unwrap_or(file).with_extension("");
            let shared = &shared;
            Case {
                name: name.display().to_string(),
                run: Box::new(move || play(file, number, shared).map(|()| Outcome::Passed)),
            }
        })
        .collect();
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get() * 2);
    let result = suite::run(cases, threads);
    match shared.finish() {
        Ok(()) => result,
        Err(error) => {
            // The closing line is printed already, so this is told apart by the exit code too.
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "the server at the end of the run: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("the cases are beside the test");
    for entry in entries.map_while(|entry| entry.ok()) {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "http") {
            files.push(path);
        }
    }
}

/// The server that most files share, started by the first that needs it.
#[derive(Default)]
struct Shared(OnceLock<Result<Server, String>>);

impl Shared {
    fn server(&self) -> Result<&Server> {
        let started = self.0.get_or_init(|| Server::start().map_err(|error| format!("{error:#}")));
        started.as_ref().map_err(|error| anyhow::Error::msg(error.clone()))
    }

    fn finish(self) -> Result<()> {
        match self.0.into_inner() {
            Some(Ok(server)) => server.finish(),
            _ => Ok(()),
        }
    }
}

fn play(file: &Path, number: usize, shared: &Shared) -> Result<()> {
    let text = std::fs::read_to_string(file)?;
    let dialogue = Dialogue::parse(&text)?;
    let configuration = file.with_file_name("server.toml");
    let own = match dialogue.own_server {
        _ if configuration.is_file() => Some(configured(&configuration)?),
        true => Some(Server::start()?),
        false => None,
    };
    let server = match &own {
        Some(server) => server,
        None => shared.server()?,
    };
    let mut values = e2e::spec::pattern::Captures::new();
    for user in ["alice", "bob"] {
        let mentioned = [format!("{{{{{user}"), format!("@as {user}"), format!("@password {user}")]
            .iter()
            .any(|mention| text.contains(mention));
        if user != "alice" && !mentioned {
            continue;
        }
        let name = format!("{user}{number}");
        let password = format!("the long password of {name}");
        let quota = dialogue.quotas.iter().find(|(who, _)| who == user);
        let more: Vec<&str> =
            quota.iter().flat_map(|(_, size)| ["--quota", size.as_str()]).collect();
        server.add_user_with(&name, &password, &more).with_context(|| format!("adding {name}"))?;
        let token = server.token(&name)?;
        values.insert(format!("{user}.password"), password);
        values.insert(format!("{user}.token"), token);
        values.insert(user.to_owned(), name);
    }
    let world = World { http: server.http(), https: Some(server.https()), values };
    let result = run(&dialogue, &world).map_err(|error| with_log(error, server));
    if let Some(server) = own {
        // The answer that was wrong says more than what the end of the server may say.
        let end = server.finish();
        result?;
        return end;
    }
    ensure!(server.ca().exists(), "the server made no certificate authority");
    result
}

/// A server with this configuration, and the folders that its mounts are of.
fn configured(file: &Path) -> Result<Server> {
    let text = std::fs::read_to_string(file)?;
    let mut server = Server::prepare(&text, &[])?;
    for mount in text.lines().filter_map(|line| line.strip_prefix("storage = \"local:")) {
        std::fs::create_dir_all(server.home().join(mount.trim_end_matches('"')))?;
    }
    server.restart()?;
    Ok(server)
}

/// Adds what the server logged about the request that went wrong.
fn with_log(error: anyhow::Error, server: &Server) -> anyhow::Error {
    let text = format!("{error:#}");
    let field = text.lines().find(|line| line.to_ascii_lowercase().contains("< x-request-id: "));
    match field.and_then(|line| line.rsplit(' ').next()) {
        Some(id) => anyhow::Error::msg(format!("{text}\nlog:\n{}", server.log_about(id))),
        None => error,
    }
}
