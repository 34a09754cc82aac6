//! A server with Alice, who is honest or not, and Bob, who has something to hide.

use anyhow::{Context, Result, ensure};
use e2e::Server;
use e2e::http::{Connection, Request, Response, exchange};

/// Alice's password.
pub(crate) const ALICE: &str = "the long password of alice";
/// Bob's password.
pub(crate) const BOB: &str = "the long password of bob";
/// What stands in Bob's file, and must reach nobody else.
pub(crate) const SECRET: &str = "only bob may read this";

/// The server and the app passwords of its users.
pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) alice: String,
    pub(crate) bob: String,
}

impl House {
    pub(crate) fn start() -> Result<Self> {
        Self::start_with("")
    }

    pub(crate) fn start_with(config: &str) -> Result<Self> {
        let server = Server::start_with(config, &[])?;
        server.add_user("alice", ALICE)?;
        server.add_user("bob", BOB)?;
        let (alice, bob) = (server.token("alice")?, server.token("bob")?);
        Ok(Self { server, alice, bob })
    }

    /// One request of Alice's on a connection of its own.
    pub(crate) fn ask(
        &self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response> {
        self.server.dav(method, target, ("alice", &self.alice), fields, body)
    }

    /// One request of Bob's.
    pub(crate) fn bob(
        &self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response> {
        self.server.dav(method, target, ("bob", &self.bob), fields, body)
    }

    /// One request of nobody's.
    pub(crate) fn anybody(&self, request: &Request) -> Result<Response> {
        exchange(&self.server.http(), request)
    }

    /// A request of Alice's, to be sent on a connection that is kept.
    pub(crate) fn request(&self, method: &str, target: &str) -> Request {
        Request::new(method, target).basic("alice", &self.alice)
    }

    /// A connection to the server.
    pub(crate) fn connect(&self) -> Result<Connection> {
        Connection::open(&self.server.http())
    }

    /// Etag and listing of Alice's root: nothing below it changed if they are the same.
    pub(crate) fn state(&self) -> Result<String> {
        let body = br#"<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/><d:resourcetype/></d:prop></d:propfind>"#;
        let listed = self.ask("PROPFIND", FILES, &[("Depth", "1")], body)?;
        ensure!(listed.status == 207, "a listing: {}", listed.status);
        Ok(listed.text())
    }

    /// Ends a test: no request of it may have been a 500, and the data must be sound.
    pub(crate) fn finish(self) -> Result<()> {
        let failed = self.server.log_about("a handler panicked");
        ensure!(failed.is_empty(), "{failed}");
        self.server.finish()
    }
}

/// Alice's files.
pub(crate) const FILES: &str = "/remote.php/dav/files/alice/";
/// The methods that act on a file.
pub(crate) const METHODS: [&str; 14] = [
    "GET",
    "HEAD",
    "PUT",
    "DELETE",
    "MKCOL",
    "PROPFIND",
    "PROPPATCH",
    "MOVE",
    "COPY",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "PATCH",
];

/// A request of `method` that is whole but for its target.
pub(crate) fn whole(request: Request) -> Request {
    const LOCK: &str = r#"<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope><d:locktype><d:write/></d:locktype></d:lockinfo>"#;
    const PATCH: &str = r#"<d:propertyupdate xmlns:d="DAV:" xmlns:x="urn:x"><d:set><d:prop><x:a>1</x:a></d:prop></d:set></d:propertyupdate>"#;
    const FIND: &str = r#"<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/></d:prop></d:propfind>"#;
    const REPORT: &str = r#"<oc:filter-files xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><d:getetag/></d:prop><oc:filter-rules><oc:favorite>1</oc:favorite></oc:filter-rules></oc:filter-files>"#;
    match request.method.as_str() {
        "PUT" => request.body("new bytes"),
        "PROPFIND" => request.field("Depth", "0").body(FIND),
        "PROPPATCH" => request.body(PATCH),
        "LOCK" => request.body(LOCK),
        "UNLOCK" => request.field("Lock-Token", "<opaquelocktoken:none>"),
        "REPORT" => request.body(REPORT),
        "SEARCH" => request.body(search("/files/alice", 1)),
        "MOVE" | "COPY" => request.field("Destination", "/remote.php/dav/files/alice/copied"),
        "PATCH" => request
            .field("Content-Type", "application/x-sabredav-partialupdate")
            .field("X-Update-Range", "append")
            .body("more"),
        _ => request,
    }
}

/// A search below `scope` for a file id.
pub(crate) fn search(scope: &str, id: u64) -> String {
    format!(
        r#"<d:searchrequest xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:basicsearch><d:select><d:prop><oc:fileid/></d:prop></d:select><d:from><d:scope><d:href>{scope}</d:href><d:depth>infinity</d:depth></d:scope></d:from><d:where><d:eq><d:prop><oc:fileid/></d:prop><d:literal>{id}</d:literal></d:eq></d:where></d:basicsearch></d:searchrequest>"#
    )
}

/// What lies between two marks of a text.
pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> Result<&'a str> {
    let (_, rest) = text.split_once(before).with_context(|| format!("{before} in {text}"))?;
    let (found, _) = rest.split_once(after).with_context(|| format!("{after} in {rest}"))?;
    Ok(found)
}
