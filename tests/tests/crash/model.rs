//! What an area of the tree should be: its nodes by path, and what each operation does to them.
//!
//! The rules in their plainest form, for one operation after the other. What was answered is part
//! of the question: [`State::after`] says whether an answer can be right here, and what then is.
//! Nothing is known of an operation without an answer but that it was carried out whole or not at
//! all, so ids, etags and tokens that nobody was told are unknown until they are seen.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Something that is told by the server; `None` until it is.
pub(crate) type Told<T> = Option<T>;

/// A file or folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    /// `oc:fileid`.
    pub(crate) id: Told<u64>,
    /// What a file has; `None` is a folder.
    pub(crate) file: Option<File>,
    /// The dead property that the workers set.
    pub(crate) dead: Option<String>,
    /// The lock on it: `Some(None)` has a token that nobody was told.
    pub(crate) lock: Option<Told<String>>,
}

/// Content of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct File {
    /// [`hash`] of its bytes.
    pub(crate) hash: u64,
    /// Its etag.
    pub(crate) etag: Told<String>,
}

/// What a worker does. Paths are relative to its area.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// `PUT`, or the closing `MOVE` of a chunked upload: the same but for where the bytes come from.
    Put {
        path: String,
        hash: u64,
        token: Option<String>,
    },
    Mkcol {
        path: String,
    },
    Delete {
        path: String,
    },
    Move {
        from: String,
        to: String,
        overwrite: bool,
    },
    Copy {
        from: String,
        to: String,
    },
    /// `COPY` from a file outside of the area, which nobody else changes.
    Import {
        hash: u64,
        dead: Option<String>,
        to: String,
    },
    Proppatch {
        path: String,
        value: String,
    },
    Lock {
        path: String,
    },
    Unlock {
        path: String,
        token: String,
    },
    Get {
        path: String,
    },
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing: it may have been carried out or not.
    None,
    /// 4xx: nothing was changed.
    Refused(u16),
    /// 2xx.
    Done(Done),
    /// Nothing, but what is left of it shows that it was carried out.
    Proven,
}

/// What a 2xx says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// The status.
    pub(crate) status: u16,
    pub(crate) id: Told<u64>,
    pub(crate) etag: Told<String>,
    pub(crate) token: Told<String>,
    /// Hash of what a `GET` brought.
    pub(crate) got: Option<u64>,
}

/// The nodes of an area, whose own folder is not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct State(pub(crate) BTreeMap<String, Node>);

/// How much of the tree a change touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Content,
    Membership,
    Tree,
}

/// Hash of bytes, for comparing.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

pub(crate) fn is_below(path: &str, above: &str) -> bool {
    above.is_empty() || path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

fn is_in(path: &str, top: &str) -> bool {
    path == top || is_below(path, top)
}

impl State {
    pub(crate) fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || self.0.get(path).is_some_and(|node| node.file.is_none())
    }

    /// The state after `op`, if `answer` is right for it in this one.
    pub(crate) fn after(&self, op: &Op, answer: &Answer) -> Option<State> {
        let nothing = Done::default();
        let done = match answer {
            Answer::Done(done) => done,
            _ => &nothing,
        };
        let mut next = self.clone();
        match (next.carry_out(op, done), answer) {
            // What was there when the request came, and gone when it was to be locked: a lock could
            // have made a new file, but to refuse it changes nothing.
            (Some(201), Answer::Refused(404)) if matches!(op, Op::Lock { .. }) => {
                Some(self.clone())
            }
            (Some(status), Answer::Done(done)) => (done.status == status).then_some(next),
            (Some(_), Answer::None | Answer::Proven) => Some(next),
            (None, Answer::Refused(_)) => Some(self.clone()),
            _ => None,
        }
    }

    /// Changes the state; gives the status of success. `None`: to be refused, or what was told does
    /// not go with what is known.
    fn carry_out(&mut self, op: &Op, done: &Done) -> Option<u16> {
        match op {
            Op::Put { path, hash, token } => self.put(path, *hash, token.as_ref(), done),
            Op::Mkcol { path } => {
                (!self.0.contains_key(path) && self.is_folder(parent(path))).then_some(())?;
                self.free(path, Reach::Membership)?;
                let node = Node { id: done.id, file: None, dead: None, lock: None };
                self.0.insert(path.clone(), node);
                Some(201)
            }
            Op::Delete { path } => {
                self.0.contains_key(path).then_some(())?;
                self.free(path, Reach::Tree)?;
                self.take(path);
                Some(204)
            }
            Op::Move { from, to, overwrite } => {
                self.ends(from, to)?;
                self.free(from, Reach::Tree)?;
                let moved = self.take(from);
                let status = self.clear(to, *overwrite)?;
                self.put_all(moved, to, done)?;
                Some(status)
            }
            Op::Copy { from, to } => {
                self.ends(from, to)?;
                let mut copied: BTreeMap<String, Node> = self.part(from);
                for node in copied.values_mut() {
                    (node.id, node.lock) = (None, None);
                    node.file.iter_mut().for_each(|file| file.etag = None);
                }
                let status = self.clear(to, true)?;
                self.put_all(copied, to, done)?;
                Some(status)
            }
            Op::Import { hash, dead, to } => {
                let status = self.clear(to, true)?;
                let file = Some(File { hash: *hash, etag: None });
                let node = Node { id: None, file, dead: dead.clone(), lock: None };
                self.put_all(BTreeMap::from([(String::new(), node)]), to, done)?;
                Some(status)
            }
            Op::Proppatch { path, value } => {
                self.free(path, Reach::Content)?;
                let node = self.0.get_mut(path)?;
                node.dead = Some(value.clone());
                Some(207)
            }
            Op::Lock { path } => self.lock(path, done),
            Op::Unlock { path, token } => {
                let node = self.0.get_mut(path)?;
                node.lock.take_if(|lock| lock.as_ref() == Some(token))?;
                Some(204)
            }
            // A folder answers with a page for people.
            Op::Get { path } if self.is_folder(path) => Some(200),
            Op::Get { path } => {
                let node = self.0.get_mut(path).filter(|node| node.file.is_some())?;
                node.told(done)?;
                let file = node.file.as_ref()?;
                done.got.is_none_or(|got| got == file.hash).then_some(200)
            }
        }
    }

    fn put(&mut self, path: &str, hash: u64, token: Option<&String>, done: &Done) -> Option<u16> {
        let file = Some(File { hash, etag: None });
        match self.0.get_mut(path) {
            Some(node) => {
                node.file.as_ref()?;
                match (&node.lock, token) {
                    (None, None) => {}
                    (Some(Some(held)), Some(token)) if held == token => {}
                    _ => return None,
                }
                node.file = file;
                node.told(done)?;
                Some(204)
            }
            None => {
                (token.is_none() && self.is_folder(parent(path))).then_some(())?;
                self.free(path, Reach::Membership)?;
                let node = Node { id: None, file, dead: None, lock: None };
                self.put_all(BTreeMap::from([(String::new(), node)]), path, done)?;
                Some(201)
            }
        }
    }

    fn lock(&mut self, path: &str, done: &Done) -> Option<u16> {
        let status = match self.0.contains_key(path) {
            true => 200,
            false => {
                let empty = Done { token: None, ..done.clone() };
                self.put(path, hash(b""), None, &empty)?
            }
        };
        let node = self.0.get_mut(path).filter(|node| node.lock.is_none())?;
        node.lock = Some(done.token.clone());
        node.told(done)?;
        Some(status)
    }

    fn part(&self, top: &str) -> BTreeMap<String, Node> {
        let inside = self.0.iter().filter(|(path, _)| is_in(path, top));
        inside.map(|(path, node)| (path[top.len()..].to_owned(), node.clone())).collect()
    }

    /// Takes out what is at `top` and below.
    fn take(&mut self, top: &str) -> BTreeMap<String, Node> {
        let part = self.part(top);
        self.0.retain(|path, _| !is_in(path, top));
        part
    }

    /// Whether no lock is in the way of a change. All locks have depth 0, and so protect on a
    /// folder its properties and the set of its members (RFC 4918 §7.4).
    fn free(&self, path: &str, reach: Reach) -> Option<()> {
        let locked = |path: &str| self.0.get(path).is_some_and(|node| node.lock.is_some());
        let above = reach != Reach::Content && locked(parent(path));
        let mut below = self.0.keys().filter(|at| is_below(at, path));
        let below = reach == Reach::Tree && below.any(|at| locked(at));
        (!locked(path) && !above && !below).then_some(())
    }

    fn ends(&self, from: &str, to: &str) -> Option<()> {
        (self.0.contains_key(from) && !is_in(to, from) && !is_in(from, to)).then_some(())
    }

    /// Makes a name free; gives the status of what goes there.
    fn clear(&mut self, to: &str, overwrite: bool) -> Option<u16> {
        self.is_folder(parent(to)).then_some(())?;
        match self.0.contains_key(to) {
            false => {
                self.free(to, Reach::Membership)?;
                Some(201)
            }
            true => {
                overwrite.then_some(())?;
                self.free(to, Reach::Tree)?;
                self.take(to);
                Some(204)
            }
        }
    }

    /// Puts a subtree at `to`, where nothing is.
    fn put_all(&mut self, part: BTreeMap<String, Node>, to: &str, done: &Done) -> Option<()> {
        self.0.extend(part.into_iter().map(|(below, node)| (format!("{to}{below}"), node)));
        self.0.get_mut(to)?.told(done)
    }
}

impl Node {
    /// Takes over what the server says of it. `None` if it contradicts what is known.
    fn told(&mut self, done: &Done) -> Option<()> {
        learn(&mut self.id, done.id.as_ref())?;
        match &mut self.file {
            Some(file) => learn(&mut file.etag, done.etag.as_ref()),
            None => Some(()),
        }
    }
}

fn learn<T: Clone + PartialEq>(known: &mut Told<T>, told: Option<&T>) -> Option<()> {
    match (&known, told) {
        (Some(known), Some(told)) => (known == told).then_some(()),
        (None, Some(told)) => {
            *known = Some(told.clone());
            Some(())
        }
        (_, None) => Some(()),
    }
}

/// Whether what is seen is what should be. `is_new` says whether an id was not there before.
pub(crate) fn agrees(
    should: &State,
    seen: &State,
    is_new: &dyn Fn(u64) -> bool,
) -> Result<(), String> {
    for (path, node) in &should.0 {
        let Some(there) = seen.0.get(path) else { return Err(format!("{path} is missing")) };
        if node.file.as_ref().map(|file| file.hash) != there.file.as_ref().map(|file| file.hash) {
            return Err(format!("{path} has another content: {there:?}, not {node:?}"));
        }
        let id = there.id.unwrap_or(0);
        if node.id.map_or(!is_new(id), |known| known != id) {
            return Err(format!("{path} has the id {id}, not {:?}", node.id));
        }
        let etag = node.file.as_ref().and_then(|file| file.etag.as_ref());
        if etag.is_some() && there.file.as_ref().and_then(|file| file.etag.as_ref()) != etag {
            return Err(format!("{path} has another etag: {there:?}, not {etag:?}"));
        }
        if node.dead != there.dead {
            return Err(format!("{path} has the property {:?}, not {:?}", there.dead, node.dead));
        }
        let same = match (&node.lock, &there.lock) {
            (None, None) | (Some(None), Some(_)) => true,
            (known, seen) => known == seen,
        };
        if !same {
            return Err(format!("{path} has the lock {:?}, not {:?}", there.lock, node.lock));
        }
    }
    match seen.0.keys().find(|path| !should.0.contains_key(*path)) {
        Some(path) => Err(format!("{path} is there and should not be")),
        None => Ok(()),
    }
}
