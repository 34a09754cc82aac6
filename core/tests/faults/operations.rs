//! What is asked for while calls fail: each way in which files change.

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) user: &'static str,
    pub(crate) method: &'static str,
    /// Below `/remote.php/dav/`.
    pub(crate) target: &'static str,
    pub(crate) fields: Vec<(&'static str, &'static str)>,
    pub(crate) body: Vec<u8>,
}

/// An operation.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// Asked before, without faults.
    pub(crate) before: Vec<Ask>,
    pub(crate) ask: Ask,
    /// What is asked once it is done: the status, and what stands in the answer.
    pub(crate) after: Vec<(Ask, u16, Option<Vec<u8>>)>,
}

impl Ask {
    pub(crate) fn new(method: &'static str, target: &'static str) -> Self {
        let (fields, body) = (Vec::new(), Vec::new());
        Self { user: "alice", method, target, fields, body }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.fields.push((name, value));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

fn put(target: &'static str, body: impl Into<Vec<u8>>) -> Ask {
    Ask::new("PUT", target).body(body)
}

fn to(method: &'static str, target: &'static str, destination: &'static str) -> Ask {
    Ask::new(method, target).with("destination", destination)
}

fn holds(target: &'static str, body: impl Into<Vec<u8>>) -> (Ask, u16, Option<Vec<u8>>) {
    (Ask::new("GET", target), 200, Some(body.into()))
}

fn gone(target: &'static str) -> (Ask, u16, Option<Vec<u8>>) {
    (Ask::new("GET", target), 404, None)
}

/// No such transfer any more.
fn closed() -> (Ask, u16, Option<Vec<u8>>) {
    (Ask::new("PROPFIND", T).with("depth", "0"), 404, None)
}

fn shows(ask: Ask, part: &str) -> (Ask, u16, Option<Vec<u8>>) {
    (ask, 207, Some(part.as_bytes().to_vec()))
}

/// More than one blocking job takes.
fn large() -> Vec<u8> {
    (0..700_000u32).map(|at| (at % 251) as u8).collect()
}

const A: &str = "files/alice/a.txt";
const B: &str = "files/alice/b.txt";
const TO_B: &str = "/remote.php/dav/files/alice/b.txt";
const D: &str = "files/alice/d";
const DX: &str = "files/alice/d/x.txt";
const DEY: &str = "files/alice/d/e/y.txt";
const TO_F: &str = "/remote.php/dav/files/alice/f";
const FX: &str = "files/alice/f/x.txt";
const FEY: &str = "files/alice/f/e/y.txt";
const T: &str = "uploads/alice/t";
const T1: &str = "uploads/alice/t/00001";
const T2: &str = "uploads/alice/t/00002";
const TFILE: &str = "uploads/alice/t/.file";

fn folder() -> Vec<Ask> {
    vec![Ask::new("MKCOL", D), put(DX, "x"), Ask::new("MKCOL", "files/alice/d/e"), put(DEY, "y")]
}

fn transfer(chunks: &[(&'static str, &'static str)]) -> Vec<Ask> {
    let begin = to("MKCOL", T, TO_B);
    let chunks = chunks.iter().map(|(at, body)| put(at, *body).with("destination", TO_B));
    std::iter::once(begin).chain(chunks).collect()
}

const PATCH: &str = r#"<d:propertyupdate xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:set><d:prop><oc:favorite>1</oc:favorite><d:lastmodified>1500000000</d:lastmodified><x xmlns="urn:x">dead</x></d:prop></d:set></d:propertyupdate>"#;
const MKCOL: &str = r#"<d:mkcol xmlns:d="DAV:"><d:set><d:prop><d:resourcetype><d:collection/></d:resourcetype><x xmlns="urn:x">dead</x></d:prop></d:set></d:mkcol>"#;
const ALL: &str = r#"<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><oc:favorite/><d:getlastmodified/><x xmlns="urn:x"/></d:prop></d:propfind>"#;
const LOCK: &str = r#"<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope><d:locktype><d:write/></d:locktype><d:owner>me</d:owner></d:lockinfo>"#;

fn propfind(target: &'static str) -> Ask {
    Ask::new("PROPFIND", target).with("depth", "0").body(ALL)
}

fn operation(
    name: &'static str,
    before: Vec<Ask>,
    ask: Ask,
    after: Vec<(Ask, u16, Option<Vec<u8>>)>,
) -> Operation {
    // Everybody but a new user has a home before.
    let home = Ask::new("PROPFIND", "files/alice/").with("depth", "0");
    let before = std::iter::once(home).chain(before).collect();
    Operation { name, before, ask, after }
}

/// Something to read.
pub(crate) fn library() -> Operation {
    let favorite = Ask::new("PROPPATCH", A).body(PATCH);
    let before = [folder(), vec![put(A, "old"), put(B, large()), favorite]].concat();
    operation("read", before, propfind(A), Vec::new())
}

/// The operation of that name.
pub(crate) fn named(name: &str) -> Operation {
    let all = all();
    all.into_iter().find(|one| one.name == name).unwrap()
}

/// Does something with every operation, with all at once: most of the time they wait.
pub(crate) async fn each<F: Future<Output = ()> + Send + 'static>(work: impl Fn(Operation) -> F) {
    let mut running = tokio::task::JoinSet::new();
    for operation in all() {
        running.spawn(work(operation));
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

pub(crate) fn all() -> Vec<Operation> {
    let old = || vec![put(A, "old")];
    let both = || vec![put(A, "old"), put(B, "other")];
    let moved = || vec![gone(A), holds(B, "old")];
    let folder_there = || vec![holds(DX, "x"), holds(DEY, "y")];
    let folder_at_f = || vec![holds(FX, "x"), holds(FEY, "y")];
    vec![
        operation("put", vec![], put(A, "new"), vec![holds(A, "new")]),
        operation("put large", vec![], put(A, large()), vec![holds(A, large())]),
        operation("overwrite", old(), put(A, "newer"), vec![holds(A, "newer")]),
        operation("overwrite large", old(), put(A, large()), vec![holds(A, large())]),
        operation(
            "put with parents",
            vec![],
            put(DEY, "y").with("x-nc-webdav-auto-mkcol", "1"),
            vec![holds(DEY, "y")],
        ),
        operation("move", old(), to("MOVE", A, TO_B), moved()),
        operation("move onto", both(), to("MOVE", A, TO_B), moved()),
        operation(
            "move folder",
            folder(),
            to("MOVE", D, TO_F),
            [vec![gone(DX), gone(DEY)], folder_at_f()].concat(),
        ),
        operation("copy", old(), to("COPY", A, TO_B), vec![holds(A, "old"), holds(B, "old")]),
        operation("copy onto", both(), to("COPY", A, TO_B), vec![holds(A, "old"), holds(B, "old")]),
        operation(
            "copy folder",
            folder(),
            to("COPY", D, TO_F),
            [folder_there(), folder_at_f()].concat(),
        ),
        operation("delete", old(), Ask::new("DELETE", A), vec![gone(A)]),
        operation("delete folder", folder(), Ask::new("DELETE", D), vec![gone(DX), gone(DEY)]),
        operation("mkcol", vec![], Ask::new("MKCOL", D), vec![shows(propfind(D), "200 OK")]),
        operation(
            "mkcol with properties",
            vec![],
            Ask::new("MKCOL", D).body(MKCOL),
            vec![shows(propfind(D), ">dead<")],
        ),
        operation(
            "proppatch",
            old(),
            Ask::new("PROPPATCH", A).body(PATCH),
            vec![
                shows(propfind(A), ">dead<"),
                shows(propfind(A), "<oc:favorite>1<"),
                shows(propfind(A), "Fri, 14 Jul 2017 02:40:00 GMT"),
                holds(A, "old"),
            ],
        ),
        operation("lock", old(), Ask::new("LOCK", A).body(LOCK), vec![(put(A, "x"), 423, None)]),
        operation(
            "begin a transfer",
            vec![],
            to("MKCOL", T, TO_B),
            vec![(Ask::new("PROPFIND", T).with("depth", "0"), 207, None)],
        ),
        operation(
            "first chunk",
            transfer(&[]),
            put(T1, "one").with("destination", TO_B),
            vec![shows(Ask::new("PROPFIND", T).with("depth", "1"), "00001")],
        ),
        operation(
            "next chunk",
            transfer(&[(T1, "one")]),
            put(T2, "two").with("destination", TO_B),
            vec![shows(Ask::new("PROPFIND", T).with("depth", "1"), "00002")],
        ),
        operation(
            "chunk again",
            transfer(&[(T1, "one")]),
            put(T1, "uno").with("destination", TO_B),
            vec![shows(Ask::new("PROPFIND", T).with("depth", "1"), "00001")],
        ),
        operation(
            "close",
            [vec![put(B, "older")], transfer(&[(T1, "one"), (T2, "two")])].concat(),
            to("MOVE", TFILE, TO_B),
            vec![holds(B, "onetwo"), closed()],
        ),
        operation(
            "close out of order",
            transfer(&[(T2, "two"), (T1, "one")]),
            to("MOVE", TFILE, TO_B),
            vec![holds(B, "onetwo"), closed()],
        ),
        operation(
            "give up a transfer",
            transfer(&[(T2, "two"), (T1, "one")]),
            Ask::new("DELETE", T),
            vec![closed()],
        ),
        operation(
            "first visit",
            vec![],
            Ask { user: "bob", ..Ask::new("PROPFIND", "files/bob/").with("depth", "0") },
            vec![(Ask { user: "bob", ..propfind("files/bob/") }, 207, None)],
        ),
    ]
}
