//! A user's tree as an app sees it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::bed::Bed;

/// Everything by its encoded path; folders end with a slash.
pub(super) type Tree = BTreeMap<String, Seen>;

/// What an app sees of a file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) id: u64,
    pub(super) etag: String,
    pub(super) modified: String,
    pub(super) checksums: String,
    /// Of files.
    pub(super) bytes: Vec<u8>,
}

const QUESTION: &str = "<d:propfind xmlns:d=\"DAV:\" xmlns:oc=\"http://owncloud.org/ns\"><d:prop>\
    <oc:fileid/><d:getetag/><d:getlastmodified/><oc:checksums/><oc:data-fingerprint/></d:prop>\
    </d:propfind>";

/// All of a user's files and folders, with their bytes.
pub(super) fn tree_of(bed: &Bed, login: (&str, &str)) -> Tree {
    let top = format!("/remote.php/dav/files/{}/", login.0);
    let mut tree = Tree::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        let (status, body) = ask(bed, "PROPFIND", login, &folder, QUESTION);
        assert_eq!(status, 207, "{folder}");
        let body = String::from_utf8(body).unwrap();
        for response in body.split("<d:response>").skip(1) {
            let href = between(response, "<d:href>", "</d:href>").unwrap();
            let bytes = match href.ends_with('/') {
                true => Vec::new(),
                false => {
                    let (status, bytes) = ask(bed, "GET", login, href, "");
                    assert_eq!(status, 200, "{href}");
                    bytes
                }
            };
            let text = |from: &str, to: &str| between(response, from, to).unwrap_or("").to_owned();
            let seen = Seen {
                id: text("<oc:fileid>", "</oc:fileid>").parse().unwrap(),
                etag: text("<d:getetag>", "</d:getetag>"),
                modified: text("<d:getlastmodified>", "</d:getlastmodified>"),
                checksums: text("<oc:checksums>", "</oc:checksums>"),
                bytes,
            };
            tree.insert(href.strip_prefix(&top).unwrap().to_owned(), seen);
            if href.ends_with('/') && href != folder {
                folders.push(href.to_owned());
            }
        }
    }
    tree
}

/// `oc:data-fingerprint` of a user's root.
pub(super) fn fingerprint(bed: &Bed, login: (&str, &str)) -> String {
    let top = format!("/remote.php/dav/files/{}/", login.0);
    let (_, body) = ask(bed, "PROPFIND", login, &top, QUESTION);
    let body = String::from_utf8(body).unwrap();
    let found = between(&body, "<oc:data-fingerprint>", "</oc:data-fingerprint>");
    found.unwrap_or_default().to_owned()
}

/// A request on a connection of its own; gives status and body.
pub(super) fn ask(
    bed: &Bed,
    method: &str,
    login: (&str, &str),
    path: &str,
    body: &str,
) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", bed.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let basic = STANDARD.encode(format!("{}:{}", login.0, login.1));
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {basic}\r\nDepth: 1\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = &answer[end..];
    match head.contains("transfer-encoding: chunked") {
        true => (status, unchunked(body)),
        false => (status, body.to_vec()),
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n").expect("a chunk");
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(from)?;
    Some(rest.split_once(to)?.0)
}
