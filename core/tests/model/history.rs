//! Runs a history on the server and on the model, and compares after every step.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use moonsail::content::{ChunkExpected, Expected};
use moonsail::etag::Stamp;
use moonsail::ids::NodeId;
use moonsail::path::DavPath;
use moonsail::proto::conditions::{EtagCondition, IfCondition, IfState};
use moonsail::storage::StagePath;
use moonsail::store::locks::{LockDepth, LockScope, LockType};
use moonsail::store::props::DeadProp;
use moonsail::tree::{
    Conditions, CopyPlan, Destination, IfClause, IfTarget, LockRequest, NewFolder, PropChange, Put,
    Unlock, find,
};
use moonsail::wire::{Body, BodyError, BodySource};
use sha1::{Digest, Sha1};

use crate::model::{Lock, Model, Seen, Thing, is_below, parent};
use crate::ops::{Op, When};
use crate::snapshot::{Row, Snapshot};
use crate::world::{Backend, World, actor, alice};

/// Bytes of an ordinary chunk.
const CHUNK: usize = 11;
/// Seconds for which locks are asked.
const LOCK: i64 = 1800;

/// A chunked upload as it should be.
#[derive(Debug, Clone, Default)]
struct Transfer {
    chunks: BTreeMap<u8, Vec<u8>>,
    /// Chunks of several sizes: whether the offsets of all fit is not modelled.
    odd: bool,
}

pub(crate) struct History {
    world: World,
    model: Model,
    transfers: BTreeMap<u8, Transfer>,
    last: Snapshot,
    stamp: Stamp,
    ids: HashMap<u64, NodeId>,
    used: HashSet<NodeId>,
    /// What each etag of each path stood for.
    etags: HashMap<(String, String), String>,
    counter: u32,
}

fn path(text: &str) -> DavPath {
    DavPath::from_decoded(text).unwrap()
}

/// A body that ends early.
struct Cut(Option<Bytes>);

impl BodySource for Cut {
    fn poll_data(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        Poll::Ready(Some(self.0.take().ok_or(BodyError::Cut)))
    }
}

impl History {
    pub(crate) async fn begin(backend: Backend) -> Self {
        let world = World::new(backend).await;
        let last = Snapshot::read(world.live(), Stamp(0)).await;
        let mut history = Self {
            world,
            model: Model::default(),
            transfers: BTreeMap::new(),
            last,
            stamp: Stamp(0),
            ids: HashMap::new(),
            used: HashSet::new(),
            etags: HashMap::new(),
            counter: 0,
        };
        history.stamp = history.last.rows[""].node.tree;
        history
    }

    fn now(&self) -> i64 {
        self.world.clock.seconds()
    }

    fn is_stalled(&self) -> bool {
        self.world.live().stalled.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// Bytes like no others.
    fn fresh(&mut self, size: usize) -> Vec<u8> {
        self.counter += 1;
        let mut bytes: Vec<u8> =
            (0..size).map(|i| (i * 31 + self.counter as usize) as u8).collect();
        let mark = self.counter.to_be_bytes();
        let fits = mark.len().min(size);
        bytes[..fits].copy_from_slice(&mark[..fits]);
        bytes
    }

    /// All tokens there are, in a header that holds.
    fn submitted(&self, tokens: bool) -> Conditions {
        let clause = |negated, token: &str| IfClause {
            target: IfTarget::Request,
            conditions: vec![IfCondition { negated, state: IfState::Token(token.to_owned()) }],
        };
        let mut clauses = Vec::new();
        if tokens {
            clauses.push(clause(true, "DAV:no-lock"));
            clauses.extend(self.model.locks.iter().map(|lock| clause(false, &lock.token)));
        }
        Conditions { if_clauses: clauses, ..Conditions::default() }
    }

    /// Conditions, and whether they hold.
    fn demanded(&self, at: &str, when: When, tokens: bool) -> (Conditions, bool) {
        let etag = self.last.rows.get(at).map(|row| row.node.etag().quoted());
        let mut conditions = self.submitted(tokens);
        let holds = match when {
            When::Always => true,
            When::Matches => {
                let wanted = etag.clone().unwrap_or_else(|| "*".to_owned());
                conditions.if_match = Some(EtagCondition::parse(&wanted).unwrap());
                etag.is_some()
            }
            When::MatchesOther => {
                conditions.if_match = Some(EtagCondition::parse("\"0123456789abcdef\"").unwrap());
                false
            }
            When::Absent => {
                conditions.if_none_match = Some(EtagCondition::parse("*").unwrap());
                etag.is_none()
            }
        };
        (conditions, holds)
    }

    pub(crate) async fn step(&mut self, op: Op) {
        self.world.clock.advance(Duration::from_secs(1));
        let before = self.model.clone();
        let expected = self.act(&op).await;
        if expected.is_none() {
            self.model = before;
        }
        self.compare(&op, expected).await;
    }

    /// Does it. `None` is a refusal, on both sides.
    async fn act(&mut self, op: &Op) -> Option<Seen> {
        let now = self.now();
        let live = self.world.live();
        let tree = live.tree.clone();
        let content = live.content.clone();
        let me = alice();
        let (expected, done) = match op {
            Op::Put { path: at, size, mtime, when, tokens, tight } => {
                let bytes = self.fresh(*size);
                let (conditions, holds) = self.demanded(at, *when, *tokens);
                let quota = tight.then(|| self.model.size("") + 100);
                let stored = mtime.unwrap_or(now);
                let expected = self
                    .model
                    .put(at, bytes.clone(), stored, quota, (*tokens, now))
                    .filter(|_| holds);
                let wanted = Expected { mtime: *mtime, ..Expected::default() };
                let received =
                    content.receive(&mut Body::from_bytes(bytes), &wanted).await.unwrap();
                let staged = received.staged.at.clone();
                let put = Put {
                    path: path(at),
                    staged: received.staged,
                    checksums: received.checksums,
                    mtime: received.mtime,
                    created: None,
                    conditions,
                    upload: None,
                };
                let done = tree.put(actor(quota), &me, put).await.map(|_| ());
                if done.is_err() {
                    content.discard(&staged).await;
                }
                (expected, done)
            }
            Op::Mkcol { path: at, tokens } => {
                let expected = self.model.mkcol(at, *tokens, now);
                let staged = content.stage_folder().await.unwrap();
                let key = staged.at.clone();
                let conditions = self.submitted(*tokens);
                let new = NewFolder::plain(path(at), staged, conditions);
                let done = tree.mkcol(actor(None), &me, new).await;
                if done.is_err() {
                    content.discard(&key).await;
                }
                (expected, done.map(|_| ()))
            }
            Op::Remove { path: at, tokens } => {
                let conditions = self.submitted(*tokens);
                let expected = self.model.remove(at, *tokens, now);
                (expected, tree.remove(actor(None), &me, path(at), conditions).await)
            }
            Op::Move { from, to, overwrite, mtime, tokens } => {
                let conditions = self.submitted(*tokens);
                let expected = self.model.relocate((from, to), *overwrite, *mtime, (*tokens, now));
                let to = Destination { path: path(to), overwrite: *overwrite };
                let done =
                    tree.relocate(actor(None), &me, path(from), to, *mtime, conditions).await;
                (expected, done.map(|_| ()))
            }
            Op::Copy { from, to, overwrite, deep, tokens, tight } => {
                let conditions = self.submitted(*tokens);
                let quota = tight.then(|| self.model.size("") + 100);
                let expected =
                    self.model.copy((from, to), *overwrite, *deep, quota, (*tokens, now));
                let plan = tree.plan_copy(&me, &path(from), &path(to), *deep).await;
                let plan = match plan {
                    Ok(plan) => plan,
                    Err(error) => return self.agree(op, expected, Err(error)),
                };
                let Some(made) = self.stage(&plan).await else {
                    assert!(self.is_stalled(), "what is to be copied cannot be read: {op:?}");
                    return None;
                };
                let top = made[0].at.clone();
                let to = Destination { path: path(to), overwrite: *overwrite };
                let done =
                    tree.commit_copy(actor(quota), &me, path(from), to, (plan, made), conditions);
                let done = done.await;
                if done.is_err() {
                    content.discard(&top).await;
                }
                (expected, done.map(|_| ()))
            }
            Op::Favorite { path: at, on, tokens } => {
                let change = |thing: &mut Thing| thing.favorite = *on;
                self.patch(at, *tokens, vec![PropChange::Favorite(*on)], change).await
            }
            Op::Mtime { path: at, mtime, tokens } => {
                let change = |thing: &mut Thing| thing.mtime = *mtime;
                self.patch(at, *tokens, vec![PropChange::Mtime(*mtime)], change).await
            }
            Op::Mtimes { path: at, first, second } => {
                let changes = vec![PropChange::Mtime(*first), PropChange::Mtime(*second)];
                self.patch(at, true, changes, |thing| thing.mtime = *second).await
            }
            Op::Dead { path: at, name, set, tokens } => {
                let name = format!("p{name}");
                self.counter += 1;
                let value = format!("v{}", self.counter);
                let change = match set {
                    true => PropChange::Set(DeadProp {
                        namespace: "urn:x".to_owned(),
                        name: name.clone(),
                        value: value.clone(),
                    }),
                    false => PropChange::Remove("urn:x".to_owned(), name.clone()),
                };
                let apply = |thing: &mut Thing| match set {
                    true => drop(thing.dead.insert(name, value)),
                    false => drop(thing.dead.remove(&name)),
                };
                self.patch(at, *tokens, vec![change], apply).await
            }
            Op::Lock { path: at, deep } => {
                let expected =
                    self.model.may_lock(at, *deep, now).then(|| self.model.announced(at));
                let request = LockRequest {
                    kind: LockType::Token,
                    scope: LockScope::Exclusive,
                    depth: if *deep { LockDepth::Infinity } else { LockDepth::Zero },
                    owner: String::new(),
                    timeout: LOCK,
                };
                let done = tree
                    .lock(actor(None), &me, path(at), request, None, Conditions::default())
                    .await;
                if let Ok(granted) = &done {
                    let token = granted.lock.token.clone();
                    let lock = Lock { token, path: at.clone(), deep: *deep, expires: now + LOCK };
                    self.model.locks.push(lock);
                }
                (expected, done.map(|_| ()))
            }
            Op::Refresh { nth } => {
                let lock = pick(&mut self.model.locks, *nth)?;
                let mut conditions = Conditions::default();
                conditions.if_clauses.push(IfClause {
                    target: IfTarget::Request,
                    conditions: vec![IfCondition {
                        negated: false,
                        state: IfState::Token(lock.token.clone()),
                    }],
                });
                let alive = lock.expires > now;
                let at = path(&lock.path);
                lock.expires = if alive { now + LOCK } else { lock.expires };
                let done = tree.refresh_lock(actor(None), &me, at, LOCK, conditions).await;
                (alive.then(Seen::default), done.map(|_| ()))
            }
            Op::Unlock { nth } => {
                let lock = pick(&mut self.model.locks, *nth).cloned()?;
                let expected = (lock.expires > now).then(|| self.model.announced(&lock.path));
                self.model.locks.retain(|other| expected.is_none() || *other != lock);
                let which = Unlock::Token(lock.token);
                let done = tree.unlock(actor(None), &me, path(&lock.path), which).await;
                (expected, done.map(|_| ()))
            }
            Op::Settle => {
                if !self.is_stalled() {
                    self.settled().await;
                }
                return None;
            }
            Op::Stall => {
                live.stalled.store(true, std::sync::atomic::Ordering::SeqCst);
                return None;
            }
            Op::Restart | Op::Kill => {
                self.world.restart(matches!(op, Op::Restart)).await;
                self.settled().await;
                return None;
            }
            Op::Wait { seconds } => {
                self.world.clock.advance(Duration::from_secs(*seconds));
                return None;
            }
            Op::Close { transfer, path: at, when, tokens } => {
                return self.close(op, *transfer, at, *when, *tokens).await;
            }
            upload => {
                self.upload(upload).await;
                return None;
            }
        };
        self.agree(op, expected, done)
    }

    fn agree<E: std::fmt::Debug>(
        &self,
        op: &Op,
        expected: Option<Seen>,
        done: Result<(), E>,
    ) -> Option<Seen> {
        assert_eq!(expected.is_some(), done.is_ok(), "{op:?} gave {done:?}");
        expected
    }

    async fn patch(
        &mut self,
        at: &str,
        tokens: bool,
        changes: Vec<PropChange>,
        change: impl FnOnce(&mut Thing),
    ) -> (Option<Seen>, Result<(), moonsail::tree::TreeError>) {
        let now = self.now();
        let conditions = self.submitted(tokens);
        let me = alice();
        let expected = self.model.change(at, (tokens, now), change);
        let tree = self.world.live().tree.clone();
        let done = tree.patch_props(actor(None), &me, path(at), changes, 100, conditions);
        (expected, done.await.map(|_| ()))
    }

    /// Stages a copy as the room does; `None` if the bytes cannot be read.
    async fn stage(&self, plan: &CopyPlan) -> Option<Vec<moonsail::storage::Staged>> {
        let content = &self.world.live().content;
        let mut made: Vec<moonsail::storage::Staged> = Vec::new();
        for source in &plan.sources {
            let at: Option<StagePath> = made
                .first()
                .map(|top| source.below.segments().fold(top.at.clone(), |at, name| at.join(name)));
            let staged = match source.node.is_folder() {
                true => content.stage_folder_at(at).await,
                false => content.stage_copy(&source.node, &source.disk_path, at).await,
            };
            match staged {
                Ok(staged) => made.push(staged),
                Err(_) => {
                    if let Some(top) = made.first() {
                        content.discard(&top.at).await;
                    }
                    return None;
                }
            }
        }
        Some(made)
    }

    async fn upload(&mut self, op: &Op) {
        let content = self.world.live().content.clone();
        let me = alice();
        let name = |transfer: &u8| format!("transfer-{transfer}");
        match op {
            Op::Begin { transfer } => {
                let begun = content.begin_transfer(&me, &name(transfer), None).await;
                assert_eq!(begun.is_ok(), !self.transfers.contains_key(transfer), "{op:?}");
                self.transfers.entry(*transfer).or_default();
            }
            Op::Chunk { transfer, number, big, offset } => {
                let bytes = self.fresh(if *big { 300_000 } else { CHUNK });
                let claimed = (*offset && !*big).then(|| (u64::from(*number) - 1) * CHUNK as u64);
                let expected = ChunkExpected {
                    length: Some(bytes.len() as u64),
                    offset: claimed,
                    ..ChunkExpected::default()
                };
                let mut body = Body::from_bytes(bytes.clone());
                let chunk = number.to_string();
                let done =
                    content.put_chunk(&me, &name(transfer), &chunk, &mut body, &expected).await;
                let Some(known) = self.transfers.get_mut(transfer) else {
                    assert!(done.is_err(), "{op:?} into nothing");
                    return;
                };
                known.odd |= *big;
                match done {
                    Ok(stored) => {
                        let new = known.chunks.insert(*number, bytes).is_none();
                        assert_eq!(stored.created, new, "{op:?}");
                    }
                    Err(error) => assert!(known.odd, "{op:?} gave {error:?}"),
                }
            }
            Op::CutChunk { transfer, number } => {
                let mut body = Body::new(Cut(Some(Bytes::from_static(b"cut"))));
                let expected = ChunkExpected { length: Some(11), ..ChunkExpected::default() };
                let chunk = number.to_string();
                let done =
                    content.put_chunk(&me, &name(transfer), &chunk, &mut body, &expected).await;
                assert!(done.is_err(), "{op:?}");
            }
            Op::RemoveChunk { transfer, number } => {
                let done = content.remove_chunk(&me, &name(transfer), &number.to_string()).await;
                let known = self.transfers.get_mut(transfer);
                let there = known.and_then(|known| known.chunks.remove(number));
                assert_eq!(done.is_ok(), there.is_some(), "{op:?}");
            }
            Op::Abort { transfer } => {
                let done = content.abort_transfer(&me, &name(transfer)).await;
                assert_eq!(done.is_ok(), self.transfers.remove(transfer).is_some(), "{op:?}");
            }
            other => unreachable!("{other:?}"),
        }
    }

    async fn close(
        &mut self,
        op: &Op,
        transfer: u8,
        at: &str,
        when: When,
        tokens: bool,
    ) -> Option<Seen> {
        let now = self.now();
        let name = format!("transfer-{transfer}");
        let (tree, content) = (self.world.live().tree.clone(), self.world.live().content.clone());
        let expected = Expected::default();
        let assembled = content.assemble(&alice(), &name, &expected).await;
        let Some(known) = self.transfers.get(&transfer).cloned() else {
            assert!(assembled.is_err(), "{op:?} of nothing");
            return None;
        };
        let whole = known.chunks.keys().copied().eq(1..=known.chunks.len() as u8) && !known.odd;
        let assembled = match assembled {
            Ok(assembled) => assembled,
            Err(error) => {
                assert!(!whole, "{op:?} of a whole transfer: {error:?}");
                return None;
            }
        };
        let bytes: Vec<u8> = known.chunks.values().flatten().copied().collect();
        let (conditions, holds) = self.demanded(at, when, tokens);
        let seen = self.model.put(at, bytes, now, None, (tokens, now)).filter(|_| holds);
        let put = Put {
            path: path(at),
            staged: assembled.received.staged.clone(),
            checksums: assembled.received.checksums.clone(),
            mtime: assembled.received.mtime,
            created: None,
            conditions,
            upload: Some((assembled.transfer.upload.clone(), assembled.transfer.chunks.clone())),
        };
        let done = tree.put(actor(None), &alice(), put).await;
        match done {
            Ok(_) => {
                content.end_transfer(&assembled).await;
                self.transfers.remove(&transfer);
            }
            Err(_) => content.keep_transfer(&assembled).await,
        }
        self.agree(op, seen, done.map(|_| ()))
    }

    /// Everything that must hold after every step.
    async fn compare(&mut self, op: &Op, seen: Option<Seen>) {
        let now = Snapshot::read(self.world.live(), self.stamp).await;
        let seen = seen.unwrap_or_default();
        self.compare_feed(op, &now, &seen);
        self.compare_rows(op, &now);
        self.compare_etags(op, &now, &seen);
        self.compare_transfers(op, &now);
        if seen.feed.is_empty() && !matches!(op, Op::Refresh { .. }) {
            let (old, new) = (self.last.decided(), now.decided());
            assert_eq!(old.rows, new.rows, "{op:?} was refused and changed something");
        }
        if !self.is_stalled() {
            for at in &seen.places {
                self.compare_bytes(at).await;
            }
        }
        self.stamp = now.changes.last().map_or(self.stamp, |change| change.stamp);
        self.last = now;
    }

    fn compare_feed(&self, op: &Op, now: &Snapshot, seen: &Seen) {
        let rows: Vec<_> = now
            .changes
            .iter()
            .map(|change| (change.kind, change.path.clone(), change.old_path.clone()))
            .collect();
        assert_eq!(rows, seen.feed, "the feed of {op:?}");
        let stamps: Vec<Stamp> = now.changes.iter().map(|change| change.stamp).collect();
        assert!(stamps.windows(2).all(|two| two[0] < two[1]), "{stamps:?}");
        assert!(stamps.first().is_none_or(|first| *first > self.stamp), "{stamps:?}");
    }

    fn compare_rows(&mut self, op: &Op, now: &Snapshot) {
        let (there, wanted): (Vec<_>, Vec<_>) = (
            now.rows.keys().filter(|at| !at.is_empty()).collect(),
            self.model.things.keys().collect(),
        );
        assert_eq!(there, wanted, "the listing after {op:?}");
        let clock = self.now();
        for (at, row) in &now.rows {
            assert_eq!(row.node.size, self.model.size(at), "the size of {at:?} after {op:?}");
            let Some(thing) = self.model.things.get(at) else { continue };
            compare_row(at, row, thing);
            let mut tokens: Vec<_> = row.locks.iter().collect();
            tokens.retain(|lock| lock.expires.unwrap() > clock);
            let mut wanted: Vec<_> = self.model.locks.iter().collect();
            wanted.retain(|lock| lock.path == *at && lock.expires > clock);
            assert!(
                tokens.iter().map(|lock| &lock.token).eq(wanted.iter().map(|lock| &lock.token)),
                "locks on {at:?} after {op:?}: {tokens:?} {wanted:?}"
            );
            match self.ids.get(&thing.label) {
                Some(id) => assert_eq!(*id, row.node.id, "the id of {at:?} after {op:?}"),
                None => {
                    assert!(self.used.insert(row.node.id), "{op:?} used an id again: {at:?}");
                    self.ids.insert(thing.label, row.node.id);
                }
            }
        }
    }

    fn compare_etags(&mut self, op: &Op, now: &Snapshot, seen: &Seen) {
        let before: HashMap<NodeId, _> =
            self.last.rows.values().map(|row| (row.node.id, row.node.etag())).collect();
        for (at, row) in &now.rows {
            let etag = row.node.etag();
            if let Some(old) = before.get(&row.node.id) {
                let must = match row.node.is_folder() {
                    false => seen.written.contains(at),
                    true => {
                        seen.folders.contains(at)
                            || seen.places.iter().any(|place| is_below(place, at))
                    }
                };
                assert_eq!(*old != etag, must, "the etag of {at:?} after {op:?}");
            }
            let meaning = match &self.model.things.get(at).and_then(|thing| thing.bytes.as_ref()) {
                Some(bytes) => hex::encode(Sha1::digest(bytes)),
                None => listing(now, at),
            };
            let key = (at.clone(), etag.0);
            let known = self.etags.entry(key).or_insert_with(|| meaning.clone());
            assert_eq!(*known, meaning, "one etag for two contents: {at:?} after {op:?}");
        }
    }

    fn compare_transfers(&self, op: &Op, now: &Snapshot) {
        let there: BTreeMap<_, BTreeMap<_, _>> = now
            .uploads
            .iter()
            .map(|(upload, chunks)| {
                let chunks = chunks.iter().map(|chunk| (chunk.name.clone(), chunk.size)).collect();
                (upload.name.clone(), chunks)
            })
            .collect();
        let wanted: BTreeMap<_, BTreeMap<_, _>> = self
            .transfers
            .iter()
            .map(|(name, transfer)| {
                let chunks = transfer.chunks.iter();
                let chunks = chunks
                    .map(|(number, bytes)| (number.to_string(), bytes.len() as u64))
                    .collect();
                (format!("transfer-{name}"), chunks)
            })
            .collect();
        assert_eq!(there, wanted, "transfers after {op:?}");
    }

    async fn compare_bytes(&self, at: &str) {
        let Some(thing) = self.model.things.get(at) else { return };
        let Some(bytes) = &thing.bytes else { return };
        let live = self.world.live();
        let wanted = path(at);
        let found = moonsail::store::read(&live.store, move |tx| find(tx, &alice(), &wanted));
        let (node, disk_path) = found.await.unwrap();
        let open = live.content.open(node, disk_path).await.unwrap();
        assert_eq!(open.file.size(), bytes.len() as u64, "{at:?}");
        let got = open.file.read_at(0, bytes.len()).await.unwrap();
        assert!(got == bytes, "the bytes of {at:?}");
    }

    /// What must hold once all that was decided is visible: the plain files are the tree.
    async fn settled(&mut self) {
        self.world.live().publisher.settle(true).await;
        let disk = self.world.disk().await;
        let mut wanted = BTreeMap::from([("alice".to_owned(), None)]);
        for (at, thing) in &self.model.things {
            let file = thing.bytes.clone().map(|bytes| (bytes, thing.mtime));
            wanted.insert(format!("alice/{at}"), file);
        }
        let names = |tree: &BTreeMap<String, _>| tree.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&disk), names(&wanted), "names on the disk");
        for (at, file) in &disk {
            let differs = *file != wanted[at];
            let brief = |file: &Option<(Vec<u8>, i64)>| {
                file.as_ref().map(|(bytes, mtime)| (bytes.len(), *mtime))
            };
            assert!(!differs, "{at:?} on the disk: {:?}, {:?}", brief(file), brief(&wanted[at]));
        }
        assert_eq!(self.world.kept(), Vec::<String>::new(), "nobody wrote from outside");
        assert_eq!(self.world.strays().await, Vec::<String>::new(), "in the stage");
        let all: Vec<String> = self.model.things.keys().cloned().collect();
        for at in all {
            self.compare_bytes(&at).await;
        }
    }

    pub(crate) async fn end(mut self) {
        if self.is_stalled() {
            self.world.restart(false).await;
        }
        self.settled().await;
        self.world.restart(true).await;
        self.settled().await;
        self.compare(&Op::Settle, None).await;
    }
}

fn compare_row(at: &str, row: &Row, thing: &Thing) {
    assert_eq!(row.node.is_folder(), thing.bytes.is_none(), "{at:?}");
    assert_eq!(row.favorite, thing.favorite, "{at:?} as a favourite");
    let dead: BTreeMap<_, _> =
        row.dead.iter().map(|prop| (prop.name.clone(), prop.value.clone())).collect();
    assert_eq!(dead, thing.dead, "dead properties of {at:?}");
    if let Some(bytes) = &thing.bytes {
        assert_eq!(row.node.mtime, thing.mtime, "the time of {at:?}");
        let sum = format!("SHA1:{}", hex::encode(Sha1::digest(bytes)));
        assert_eq!(row.node.checksums, sum, "{at:?}");
    }
}

/// What a listing of the folder shows.
fn listing(now: &Snapshot, folder: &str) -> String {
    let members = now.rows.iter().filter(|(at, _)| !at.is_empty() && parent(at) == folder);
    let line = |(at, row): (&String, &Row)| {
        let node = &row.node;
        format!("{at} {} {} {} {:?} {:?}", node.id, node.etag(), node.mtime, row.favorite, row.dead)
    };
    members.map(line).collect::<Vec<_>>().join("\n")
}

fn pick(locks: &mut [Lock], nth: usize) -> Option<&mut Lock> {
    let count = locks.len();
    locks.get_mut(nth.checked_rem(count)?)
}
