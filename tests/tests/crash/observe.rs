//! What is there: asked of the server, and looked up on its disk.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use e2e::Server;
use e2e::http::{Connection, Endpoint, Request, Response};

use crate::model::{File, Node, State, hash};

/// The user whose files are worked on.
pub(crate) const USER: &str = "alice";
/// The namespace of the workers' dead property.
pub(crate) const NAMESPACE: &str = "http://example.com/ns";

/// Asks the server as the user.
pub(crate) struct Client {
    endpoint: Endpoint,
    connection: Connection,
    token: String,
}

/// One member of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    /// Path below the listed one's place, decoded, without slashes at its ends.
    pub(crate) path: String,
    pub(crate) folder: bool,
    pub(crate) id: u64,
    pub(crate) etag: String,
    /// `oc:size`, or the length of a chunk.
    pub(crate) size: u64,
    pub(crate) dead: Option<String>,
    pub(crate) lock: Option<String>,
}

/// Percent-encodes what is no plain letter of a path.
pub(crate) fn encode(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn decode(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where a path of the user's files is on the server.
pub(crate) fn files(path: &str) -> String {
    format!("/remote.php/dav/files/{USER}/{}", encode(path))
}

impl Client {
    pub(crate) fn open(server: &Server, token: &str) -> Result<Self> {
        let endpoint = server.http();
        let connection = Connection::open(&endpoint)?;
        Ok(Self { endpoint, connection, token: token.to_owned() })
    }

    /// A request with credentials.
    pub(crate) fn request(&self, method: &str, target: &str) -> Request {
        Request::new(method, target).basic(USER, &self.token)
    }

    pub(crate) fn send(&mut self, request: &Request) -> Result<Response> {
        self.connection.send_raw(request)?;
        self.receive(&request.method)
    }

    /// Sends a request whose body goes on in [`Client::send_more`].
    pub(crate) fn send_first(&mut self, request: &Request) -> Result<()> {
        self.connection.send_raw(request)
    }

    pub(crate) fn send_more(&mut self, bytes: &[u8]) -> Result<()> {
        self.connection.send_bytes(bytes)
    }

    pub(crate) fn receive(&mut self, method: &str) -> Result<Response> {
        let response = self.connection.read_response(method)?;
        if response.status >= 400 {
            // The connection of a body that was refused before all of it was read is closed.
            self.connection = Connection::open(&self.endpoint)?;
        }
        Ok(response)
    }

    /// A file's bytes and etag, `None` if it is not there.
    pub(crate) fn get(&mut self, path: &str) -> Result<Option<(Vec<u8>, String)>> {
        let answer = self.send(&self.request("GET", &files(path)))?;
        match answer.status {
            200 => {
                let etag = answer.find_field("etag").context("GET without an etag")?;
                let etag = etag.trim_matches('"').to_owned();
                Ok(Some((answer.body, etag)))
            }
            404 => Ok(None),
            status => bail!("GET {path} is {status}: {}", answer.text()),
        }
    }

    /// What is listed at a target (`Depth: 1`): itself first. `None` if it is not there.
    pub(crate) fn list(&mut self, target: &str) -> Result<Option<Vec<Entry>>> {
        let body = format!(
            "<d:propfind xmlns:d=\"DAV:\" xmlns:oc=\"http://owncloud.org/ns\" xmlns:q=\"{NAMESPACE}\"><d:prop>\
             <d:getetag/><d:resourcetype/><oc:fileid/><oc:size/><d:getcontentlength/><d:lockdiscovery/><q:p/>\
             </d:prop></d:propfind>"
        );
        let answer = self.send(&self.request("PROPFIND", target).field("Depth", "1").body(body))?;
        match answer.status {
            207 => {}
            404 => return Ok(None),
            status => bail!("PROPFIND {target} is {status}: {}", answer.text()),
        }
        let text = answer.text();
        ensure!(text.ends_with("</d:multistatus>"), "PROPFIND {target} ends early: {text}");
        text.split("<d:response>").skip(1).map(parse).collect::<Result<Vec<_>>>().map(Some)
    }

    /// All that the user has: the state, and each folder (`""` is the root) with its etag.
    pub(crate) fn read(&mut self) -> Result<(State, BTreeMap<String, String>)> {
        let (mut state, mut folders) = (State::default(), BTreeMap::new());
        let mut waiting = vec![String::new()];
        let root = files("");
        while let Some(folder) = waiting.pop() {
            let listed = self.list(&files(&folder))?;
            let listed = listed.with_context(|| format!("{folder} was listed and is gone"))?;
            for (index, entry) in listed.into_iter().enumerate() {
                if index == 0 {
                    folders.insert(folder.clone(), entry.etag);
                    continue;
                }
                let path = entry.path.strip_prefix(&*root);
                let path = path.with_context(|| format!("{} in {folder}", entry.path))?.to_owned();
                let file = match entry.folder {
                    true => {
                        waiting.push(path.clone());
                        None
                    }
                    false => {
                        let got = self.get(&path)?;
                        let (bytes, etag) = got.with_context(|| format!("{path} cannot be had"))?;
                        ensure!(etag == entry.etag, "{path}: {etag} in GET, not {}", entry.etag);
                        ensure!(entry.size == bytes.len() as u64, "{path} has a wrong size");
                        Some(File { hash: hash(&bytes), etag: Some(etag) })
                    }
                };
                let lock = entry.lock.map(Some);
                state.0.insert(path, Node { id: Some(entry.id), file, dead: entry.dead, lock });
            }
        }
        Ok((state, folders))
    }
}

fn parse(response: &str) -> Result<Entry> {
    let found = response.split("<d:propstat>").find(|part| part.contains("HTTP/1.1 200 OK"));
    let found = found.unwrap_or_default();
    let href = between(response, "<d:href>", "</d:href>").context("a response without href")?;
    let number = |name: &str| {
        between(found, &format!("<{name}>"), &format!("</{name}>"))
            .and_then(|text| text.parse::<u64>().ok())
    };
    let etag = between(found, "<d:getetag>", "</d:getetag>").unwrap_or_default();
    let dead = between(found, ":p xmlns:", "</").and_then(|text| text.split_once('>'));
    Ok(Entry {
        path: decode(href.trim_end_matches('/')),
        folder: found.contains("<d:collection/>"),
        id: number("oc:fileid").unwrap_or(0),
        etag: etag.replace("&quot;", ""),
        size: number("d:getcontentlength").or(number("oc:size")).unwrap_or(0),
        dead: dead.map(|(_, value)| value.to_owned()),
        lock: between(found, "<d:locktoken><d:href>", "</d:href>").map(str::to_owned),
    })
}

/// The text between two marks.
pub(crate) fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let rest = &text[text.find(from)? + from.len()..];
    Some(&rest[..rest.find(to)?])
}

/// Everything below a folder of the disk: `None` for folders, the bytes' hash for files.
pub(crate) fn disk(root: &Path) -> Result<BTreeMap<String, Option<u64>>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        let entries = std::fs::read_dir(&folder);
        for entry in entries.with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
            if path.is_dir() {
                found.insert(name, None);
                waiting.push(path);
            } else {
                found.insert(name, Some(hash(&std::fs::read(&path)?)));
            }
        }
    }
    Ok(found)
}

/// Names in a folder of the data directory.
pub(crate) fn names(server: &Server, folder: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(server.data().join(folder))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
