//! The guides of `docs/extend`, walked from an empty folder to a login and an upload by their own blocks
//! of code (`e2e::guide`), with the built server and its plugins.
//!
//! What differs from a newcomer's machine stands in one table a guide: ports, where this repository is,
//! where the directory answers. Each must be found in the guide.

mod packaged;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::guide::{self, Guide};
use e2e::http::{self, Endpoint, Request};
use e2e::slapd::{self, Slapd};
use e2e::weed;
use e2e::{binary, tools};
use tempfile::TempDir;

/// Where guides lie, below the repository.
const GUIDES: &str = "docs/extend";

/// A guide that is walked with a server of its own.
struct Walker {
    guide: Guide,
    port: u16,
    environment: Vec<(String, String)>,
}

impl Walker {
    /// Of the guide with this name: what all guides begin with.
    fn new(name: &str) -> Result<Self> {
        let [port] = guide::ports()?;
        let http = format!("127.0.0.1:{port}");
        let server = binary::path()?;
        let server = server.parent().context("a binary without a folder")?.display().to_string();
        let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).canonicalize()?;
        // In the repository's folder: what cargo is told for the guide's own crate must not reach it.
        let build = format!(
            "env -C '{}' cargo build --profile {} --target-dir '{}' --manifest-path",
            source.display(),
            binary::profile(),
            binary::target_dir().display(),
        );
        let guide = Guide::read(&format!("{GUIDES}/{name}.md"))?.with(&[
            ("127.0.0.1:8080", &http),
            ("$SOURCE/target/release:", &format!("{server}:")),
            ("=~/moonsail", &format!("='{}'", source.display())),
            ("cargo build --release --manifest-path", &build),
        ])?;
        // Addresses that no guide names: other tests have theirs at the same time.
        let environment = [
            ("MOONSAIL_SERVER__LISTEN", "127.0.0.1:0"),
            ("MOONSAIL_SERVER__LISTEN_HTTP", &http),
            ("MOONSAIL_SERVER__ADMIN_LISTEN", ""),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Self { guide, port, environment: environment.to_vec() })
    }

    /// The guide builds a plugin of this repository.
    fn builds(self, package: &str) -> Result<Self> {
        let library = binary::plugin(package)?.display().to_string();
        let name = package.replace('-', "_");
        let words = format!("$SOURCE/target/release/lib{name}.so");
        self.with(&[(&words, &library)])
    }

    fn with(mut self, words: &[(&str, &str)]) -> Result<Self> {
        self.guide = self.guide.with(words)?;
        Ok(self)
    }

    fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Walks to the end; then `login` must come in at the server that the guide has left running, and
    /// nobody else.
    fn walk(self, parent: &TempDir, login: (&str, &str)) -> Result<()> {
        let environment: Vec<_> =
            self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let walk = self.guide.walk(parent.path(), &environment)?;
        ensure!(walk.outputs() > 0, "the guide shows nothing that it has come to");
        let server = Endpoint { port: self.port, ca: None };
        for (password, expected) in [(login.1, 207), ("something else", 401)] {
            let home = format!("/remote.php/dav/files/{}/", login.0);
            let request = Request::new("PROPFIND", &home).basic(login.0, password);
            let answer = http::exchange(&server, &request.field("Depth", "1"))?;
            ensure!(answer.status == expected, "{}, not {expected}", answer.status);
            let shown = answer.text().contains(".txt") || answer.text().contains(".bin");
            ensure!(shown == (expected == 207), "the uploaded file: {}", answer.text());
        }
        Ok(())
    }
}

#[test]
fn a_plugin_in_c() -> Result<()> {
    for program in ["gcc", "openssl", "curl"] {
        ensure!(tools::find(program).is_some(), "{program} is missing: tests/run installs it");
    }
    Walker::new("a-plugin-in-c")?.walk(&tempfile::tempdir()?, ("ann", "blue teapot"))
}

#[test]
fn a_plugin_in_rust() -> Result<()> {
    let folder = tempfile::tempdir()?;
    packaged::publish(folder.path())?;
    // No newer versions than those the repository was built with: what somebody publishes today must
    // not decide about this test.
    let walker = Walker::new("a-plugin-in-rust")?.environment("CARGO_NET_OFFLINE", "true");
    walker.walk(&folder, ("guest-ann", "sunflower"))
}

#[test]
fn an_auth_script_in_five_minutes() -> Result<()> {
    for program in ["openssl", "curl"] {
        ensure!(tools::find(program).is_some(), "{program} is missing: tests/run installs it");
    }
    let walker = Walker::new("an-auth-script-in-five-minutes")?;
    walker.walk(&tempfile::tempdir()?, ("ann", "blue teapot"))
}

#[test]
fn rules_for_uploads() -> Result<()> {
    Walker::new("rules-for-uploads")?.walk(&tempfile::tempdir()?, ("alice", "the tide comes in"))
}

#[test]
fn your_own_endpoint() -> Result<()> {
    Walker::new("your-own-endpoint")?.walk(&tempfile::tempdir()?, ("alice", "the tide comes in"))
}

#[test]
fn from_shadow_to_live() -> Result<()> {
    Walker::new("from-shadow-to-live")?.walk(&tempfile::tempdir()?, ("alice", "the tide comes in"))
}

#[test]
fn ldap_in_ten_minutes() -> Result<()> {
    if slapd::must_skip() {
        return Ok(());
    }
    let more = "mail: alice@example.org\nemployeeType: 5 GB\n";
    let people = [
        slapd::person("alice", "Alice Liddell", more),
        slapd::group("staff", &[&slapd::person_dn("alice")]),
    ];
    let slapd = Slapd::start(&people.concat())?;
    let ca = slapd.ca().display().to_string();
    Walker::new("ldap-in-ten-minutes")?
        .builds("moonsail-auth-ldap")?
        .with(&[
            ("ldaps://ldap.example.org", &slapd.tls_url()),
            ("/etc/ssl/directory-ca.pem", &ca),
            ("dc=example,dc=org", slapd::BASE),
            ("the password of cn=reader", slapd::READER_PASSWORD),
            ("her own password", slapd::PASSWORD),
        ])?
        .walk(&tempfile::tempdir()?, ("alice", slapd::PASSWORD))
}

#[test]
fn homes_on_s3() -> Result<()> {
    let Some(installed) = weed::installed()? else { return Ok(()) };
    let ports: [u16; 8] = guide::ports()?;
    // The S3 port stands in addresses too.
    let named = [
        "-master.port=18110",
        "-master.port.grpc=18120",
        "-volume.port=18111",
        "-volume.port.grpc=18121",
        "-filer.port=18112",
        "-filer.port.grpc=18122",
        "18113",
        "-s3.port.grpc=18123",
    ];
    let mut walker = Walker::new("homes-on-s3")?.builds("moonsail-storage-s3")?;
    for (words, port) in named.into_iter().zip(ports) {
        let (start, _) = words.split_at(words.len() - 5);
        walker = walker.with(&[(words, &format!("{start}{port}"))])?;
    }
    // The environment in which tests/run has installed it: then nothing is downloaded here.
    let venv = format!("ln -s '{}' venv", installed.display());
    walker
        .with(&[("python3 -m venv venv", &venv)])?
        .walk(&tempfile::tempdir()?, ("alice", "the tide comes in"))
}

/// A page with commands is a guide, and guides are walked.
#[test]
fn every_guide_is_walked() -> Result<()> {
    let repository = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut guides = Vec::new();
    for page in std::fs::read_dir(repository.join(GUIDES))? {
        let page = page?.path();
        let text = std::fs::read_to_string(&page)?;
        if text.lines().any(|line| line.starts_with("```sh") || line.contains(" file=")) {
            guides.push(page.file_stem().context("a name")?.to_string_lossy().into_owned());
        }
    }
    guides.sort_unstable();
    let walked = [
        "a-plugin-in-c",
        "a-plugin-in-rust",
        "an-auth-script-in-five-minutes",
        "from-shadow-to-live",
        "homes-on-s3",
        "ldap-in-ten-minutes",
        "rules-for-uploads",
        "your-own-endpoint",
    ];
    ensure!(guides == walked, "{guides:?} have commands, and the tests walk {walked:?}");
    Ok(())
}
