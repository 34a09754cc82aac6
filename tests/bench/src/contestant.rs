//! Who is measured: a server that runs, and how to reach a place in it where files can be put.

use std::path::Path;

use anyhow::{Context, Result};
use e2e::http::{Endpoint, Request};
use e2e::{Server, binary};

const USER: &str = "alice";

/// A server that runs. The first of a table is what the others are compared with.
pub(crate) struct Contestant {
    /// As the table calls it.
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) endpoint: Endpoint,
    /// Files can be put below this.
    root: String,
    token: String,
    server: Server,
}

impl Contestant {
    /// The server with its built-in storage.
    pub(crate) fn built_in(name: &'static str, durability: &str) -> Result<Self> {
        let config = format!("storage.durability = {durability:?}\n");
        Self::ours(name, Server::start_with(&config, &[])?)
    }

    /// The server with the same storage, loaded as a shared library.
    pub(crate) fn plugin(durability: &str) -> Result<Self> {
        let library = binary::plugin("moonsail-storage-local")?;
        let mut server = Server::prepare("", &[])?;
        let mut config = format!("storage.durability = {durability:?}\n");
        config.push_str("storage.homes = \"plugin:local\"\n");
        config.push_str(&section(&library, server.home())?);
        server.configure(&config)?;
        server.restart()?;
        Self::ours("plugin", server)
    }

    fn ours(name: &'static str, server: Server) -> Result<Self> {
        server.add_user(USER, "a long password that nobody uses")?;
        let (endpoint, token) = (server.http(), server.token(USER)?);
        let root = format!("/remote.php/dav/files/{USER}");
        Ok(Self { name, endpoint, root, token, server })
    }

    /// A request about a file.
    pub(crate) fn request(&self, method: &str, file: &str) -> Request {
        Request::new(method, &format!("{}/{file}", self.root)).basic(USER, &self.token)
    }

    /// Processor time that it has used so far, in seconds.
    pub(crate) fn processor_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.server.pid()?))?;
        seconds(&stat).with_context(|| format!("no times in {stat:?}"))
    }

    /// Its end: what it holds must be sound.
    pub(crate) fn finish(self) -> Result<()> {
        self.server.finish()
    }
}

/// The section of the storage as a plugin, with its folders below `home`.
fn section(library: &Path, home: &Path) -> Result<String> {
    let mut section =
        format!("[[plugin]]\nname = \"local\"\npath = {library:?}\n[plugin.config]\n");
    for area in ["files", "stage", "kept"] {
        let folder = home.join("plugin").join(area);
        std::fs::create_dir_all(&folder)?;
        section.push_str(&format!("{area} = {folder:?}\n"));
    }
    Ok(section)
}

/// User and system time in `/proc/PID/stat` (proc(5): fields 14 and 15, in ticks, of which Linux shows
/// a hundred a second on every architecture).
fn seconds(stat: &str) -> Option<f64> {
    // The name, in parentheses, may hold anything.
    let after_name = stat.rsplit_once(')')?.1;
    let times: Option<Vec<u32>> =
        after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse().ok()).collect();
    times.filter(|times| times.len() == 2).map(|times| f64::from(times[0] + times[1]) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20";
        for (stat, expected) in [
            (format!("7 (moonsail) {rest}"), Some(1.75)),
            (format!("7 (a) b (c) {rest}"), Some(1.75)),
            ("7 (moonsail) S 1 2".to_owned(), None),
        ] {
            assert_eq!(seconds(&stat), expected, "{stat}");
        }
    }
}
