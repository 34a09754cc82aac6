//! What a worker does next, decided by its seed.

use crate::model::{Op, State, hash};
use crate::rng::Rng;

/// Names that meet often.
const NAMES: [&str; 4] = ["a", "b", "c", "\u{e9} 1"];
/// Nodes of an area from which on a worker tidies up.
const MANY: usize = 30;

/// A step of a worker.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// `PUT`; `slow` sends the second half of the body after a while.
    Put { path: String, body: Vec<u8>, token: Option<String>, slow: bool },
    /// A request without a body of bytes.
    Ask(Op),
    /// `COPY` from the worker's own area to the shared one.
    Import { to: String },
    /// `PROPFIND` with `Depth: 1`.
    List { path: String },
    /// The next request of the worker's chunked upload.
    Upload,
}

/// Bytes like no others: a mark, and what follows from it.
pub(crate) fn bytes(mark: &str, rng: &mut Rng) -> Vec<u8> {
    let size = match rng.below(20) {
        0 => 300_000 + rng.below(400_000),
        1..4 => 3_000 + rng.below(100_000),
        _ => mark.len() + rng.below(3_000),
    };
    filled(mark, size, rng.next())
}

/// So many bytes, made of a mark and a number.
pub(crate) fn filled(mark: &str, size: usize, seed: u64) -> Vec<u8> {
    let mut bytes = mark.as_bytes().to_vec();
    let mut filler = Rng::new(seed, &[]);
    while bytes.len() < size {
        bytes.extend_from_slice(&filler.next().to_le_bytes());
    }
    bytes.truncate(size.max(mark.len()));
    bytes
}

/// A path of at most three names.
fn any(rng: &mut Rng) -> String {
    let depth = [1, 1, 1, 2, 2, 3][rng.below(6)];
    let names: Vec<&str> = (0..depth).map(|_| NAMES[rng.below(NAMES.len())]).collect();
    names.join("/")
}

/// A path that is in `known`, mostly.
fn there(known: &State, files: Option<bool>, rng: &mut Rng) -> String {
    let wanted = |path: &&String| files.is_none_or(|files| known.is_folder(path) != files);
    let paths: Vec<&String> = known.0.keys().filter(wanted).collect();
    match rng.pick(&paths) {
        Some(path) if rng.chance(85) => (*path).clone(),
        _ => any(rng),
    }
}

/// A name in a folder that is in `known`, mostly.
fn place(known: &State, rng: &mut Rng) -> String {
    let folder = if rng.chance(40) { String::new() } else { there(known, Some(false), rng) };
    let name = NAMES[rng.below(NAMES.len())];
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The next step in an area of which the worker knows `known`, and the locks it holds there.
/// `shared` says that others work in it, too.
pub(crate) fn step(
    known: &State,
    tokens: &[(String, String)],
    shared: bool,
    mark: &str,
    rng: &mut Rng,
) -> Step {
    let full = known.0.len() > MANY;
    match rng.below(100) {
        0..10 if full => Step::Ask(Op::Delete { path: there(known, Some(false), rng) }),
        0..24 => put(place(known, rng), tokens, mark, rng),
        24..38 => put(there(known, Some(true), rng), tokens, mark, rng),
        38..46 => Step::Ask(Op::Mkcol { path: place(known, rng) }),
        46..52 => Step::Ask(Op::Delete { path: there(known, None, rng) }),
        52..60 => moved(there(known, Some(true), rng), place(known, rng), rng),
        60..64 => moved(there(known, Some(true), rng), there(known, Some(true), rng), rng),
        64..70 => moved(there(known, Some(false), rng), place(known, rng), rng),
        70..75 if shared => Step::Import { to: place(known, rng) },
        70..75 => Step::Ask(Op::Copy { from: there(known, None, rng), to: place(known, rng) }),
        75..79 => {
            let value = format!("{mark} &amp; more");
            Step::Ask(Op::Proppatch { path: there(known, None, rng), value })
        }
        79..82 => Step::Ask(Op::Lock { path: there(known, Some(true), rng) }),
        82..86 => match rng.pick(tokens) {
            Some((path, token)) => {
                Step::Ask(Op::Unlock { path: path.clone(), token: token.clone() })
            }
            None => Step::Upload,
        },
        86..92 => Step::Upload,
        92..96 => Step::Ask(Op::Get { path: there(known, Some(true), rng) }),
        _ => Step::List { path: there(known, Some(false), rng) },
    }
}

fn put(path: String, tokens: &[(String, String)], mark: &str, rng: &mut Rng) -> Step {
    let held = tokens.iter().find(|(at, _)| *at == path).map(|(_, token)| token.clone());
    let token = held.filter(|_| rng.chance(80));
    Step::Put { path, body: bytes(mark, rng), token, slow: rng.chance(5) }
}

fn moved(from: String, to: String, rng: &mut Rng) -> Step {
    Step::Ask(Op::Move { from, to, overwrite: rng.chance(80) })
}

/// Where a chunked upload ends.
pub(crate) fn target(known: &State, rng: &mut Rng) -> String {
    if rng.chance(50) { place(known, rng) } else { there(known, Some(true), rng) }
}

/// The model's word for a `PUT`.
pub(crate) fn put_op(path: &str, body: &[u8], token: Option<&String>) -> Op {
    Op::Put { path: path.to_owned(), hash: hash(body), token: token.cloned() }
}
