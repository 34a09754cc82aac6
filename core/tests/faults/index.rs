//! An index whose calls and commits fail when told to.

use std::collections::HashSet;
use std::sync::Arc;

use moonsail::etag::Stamp;
use moonsail::ids::{NodeId, Uid};
use moonsail::storage::{DiskOp, StagePath, StorageNo, Tag};
use moonsail::store::accounts::{AccountsRead, AccountsWrite, LoginFlow, Session, Token, User};
use moonsail::store::feed::{Cursor, FeedRead, FeedWrite, Logged};
use moonsail::store::kv::{KvRead, KvWrite};
use moonsail::store::locks::{Lock, LocksRead, LocksWrite};
use moonsail::store::nodes::{Change, Home, Node, NodesRead, NodesWrite};
use moonsail::store::props::{DeadProp, PropsRead, PropsWrite};
use moonsail::store::search::{Question, SearchRead};
use moonsail::store::uploads::{Chunk, Upload, UploadsRead, UploadsWrite};
use moonsail::store::{DiskSink, Installation, Job, JobDone, ReadTx, Store, StoreError, WriteTx};

use tokio::sync::watch;

use crate::fault::{Fault, Kind, Moment};

pub(crate) struct FaultyStore {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) fault: Arc<Fault>,
}

impl Store for FaultyStore {
    fn reader(&self) -> Result<Box<dyn ReadTx + '_>, StoreError> {
        if let Some((kind, _)) = self.fault.strike("reader") {
            return Err(kind.index());
        }
        Ok(Box::new(Faulty { inside: self.inner.reader()?, fault: Arc::clone(&self.fault) }))
    }

    fn submit(&self, job: Job) {
        let fault = Arc::clone(&self.fault);
        self.inner.submit(Box::new(move |tx| {
            let JobDone { keep, finish } =
                job(&mut Faulty { inside: tx, fault: Arc::clone(&fault) });
            // What the job itself gave up is rolled back alone.
            let struck = if keep { fault.strike("commit") } else { None };
            match struck {
                None => JobDone { keep, finish },
                // Killed: nobody hears of it, done or not.
                Some((Kind::Stop, moment)) => {
                    let waiting = move |_| std::mem::forget(finish);
                    JobDone { keep: moment == Moment::After, finish: Box::new(waiting) }
                }
                // A commit whose sync failed may have come to pass all the same.
                Some((kind, moment)) => {
                    let failed = move |_| finish(Err(kind.index()));
                    JobDone { keep: moment == Moment::After, finish: Box::new(failed) }
                }
            }
        }));
    }

    fn set_disk_sink(&self, sink: DiskSink) {
        self.inner.set_disk_sink(sink);
    }

    fn committed(&self) -> watch::Receiver<u64> {
        self.inner.committed()
    }

    fn installation(&self) -> &Installation {
        self.inner.installation()
    }

    fn close(&self) {
        self.inner.close();
    }
}

/// A transaction, of either kind.
struct Faulty<T> {
    inside: T,
    fault: Arc<Fault>,
}

trait Inside {
    fn read(&mut self) -> &mut dyn ReadTx;
}

impl Inside for Box<dyn ReadTx + '_> {
    fn read(&mut self) -> &mut dyn ReadTx {
        &mut **self
    }
}

impl Inside for &mut dyn WriteTx {
    fn read(&mut self) -> &mut dyn ReadTx {
        self.as_read()
    }
}

impl<T> Faulty<T> {
    fn around<R>(
        &mut self,
        name: &'static str,
        call: impl FnOnce(&mut T) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        match self.fault.strike(name) {
            None => call(&mut self.inside),
            Some((kind, Moment::Before)) => Err(kind.index()),
            Some((kind, Moment::After)) => call(&mut self.inside).and_then(|_| Err(kind.index())),
        }
    }
}

/// Every method of a port that is read from.
macro_rules! read {
    ($port:ident: $($name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        impl<T: Inside> $port for Faulty<T> {
            $(fn $name(&mut self $(, $arg: $type)*) -> Result<$out, StoreError> {
                self.around(stringify!($name), |inside| inside.read().$name($($arg),*))
            })*
        }
    };
}

/// Every method of a port that is written to.
macro_rules! write {
    ($port:ident: $($name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        impl $port for Faulty<&mut dyn WriteTx> {
            $(fn $name(&mut self $(, $arg: $type)*) -> Result<$out, StoreError> {
                self.around(stringify!($name), |inside| inside.$name($($arg),*))
            })*
        }
    };
}

read! { NodesRead:
    home(owner: &Uid) -> Option<Home>;
    homes() -> Vec<Home>;
    storages() -> Vec<(StorageNo, String)>;
    node(id: NodeId) -> Option<Node>;
    child(parent: NodeId, name: &str) -> Option<Node>;
    children(parent: NodeId, after: Option<&str>, limit: usize) -> Vec<Node>;
    child_count(parent: NodeId) -> u64;
    unreachable(limit: usize) -> Vec<Node>;
    files_after(seq: u64, limit: usize) -> Vec<Node>;
    disk_ops() -> Vec<(i64, DiskOp)>;
    last_disk_op() -> i64;
    disk_ops_after(id: i64) -> Vec<(i64, DiskOp)>;
    nodes_tagged(tag: &Tag, limit: usize) -> Vec<Node>;
    files_without_checksums(after: NodeId, limit: usize) -> Vec<Node>;
    changes(after: Stamp, limit: usize) -> Vec<Change>;
}

read! { PropsRead:
    dead_props(node: NodeId) -> Vec<DeadProp>;
    children_with_dead_props(parent: NodeId) -> HashSet<NodeId>;
    is_favorite(node: NodeId, user: &Uid) -> bool;
    favorite_children(parent: NodeId, user: &Uid) -> HashSet<NodeId>;
    favorites(user: &Uid) -> Vec<NodeId>;
}

read! { LocksRead:
    locks_on(node: NodeId) -> Vec<Lock>;
    lock(token: &str) -> Option<Lock>;
    locks_on_children(parent: NodeId) -> Vec<Lock>;
    locks_in(node: NodeId) -> Vec<Lock>;
    count_locks(user: &Uid) -> usize;
    any_locks() -> bool;
}

read! { UploadsRead:
    upload(user: &Uid, name: &str) -> Option<Upload>;
    uploads(user: &Uid) -> Vec<Upload>;
    stale_uploads(before: i64) -> Vec<Upload>;
    chunks(upload: i64) -> Vec<Chunk>;
    chunk(upload: i64, name: &str) -> Option<Chunk>;
    count_chunks(upload: i64) -> usize;
    uploads_size(user: &Uid) -> u64;
    upload_stage_keys() -> Vec<StagePath>;
}

read! { SearchRead:
    search(question: &Question) -> Vec<(Node, String)>;
}

read! { AccountsRead:
    user(uid: &str) -> Option<User>;
    user_by_email(email: &str) -> Option<User>;
    user_by_subject(provider: &str, subject: &str) -> Option<User>;
    users(text: &str, limit: usize, offset: usize) -> Vec<User>;
    groups_of(uid: &Uid) -> Vec<String>;
    groups(text: &str, limit: usize, offset: usize) -> Vec<String>;
    group_members(group: &str) -> Option<Vec<Uid>>;
    token(hash: &str) -> Option<Token>;
    tokens_of(uid: &Uid) -> Vec<Token>;
    session(hash: &str) -> Option<Session>;
    flow_by_poll(hash: &str) -> Option<LoginFlow>;
    flow_by_login(hash: &str) -> Option<LoginFlow>;
}

read! { FeedRead:
    feed(after: u64, limit: usize) -> Vec<Logged>;
    cursors() -> Vec<Cursor>;
    last_seq() -> u64;
}

read! { KvRead:
    kv(instance: &str, key: &str) -> Option<Vec<u8>>;
    kv_keys(instance: &str, prefix: &str, after: &str, limit: usize) -> Vec<String>;
}

impl<T: Inside> ReadTx for Faulty<T> {
    fn save_copy(&mut self, to: &std::path::Path) -> Result<(), StoreError> {
        self.around("save_copy", |inside| inside.read().save_copy(to))
    }
}

write! { NodesWrite:
    next_stamp() -> Stamp;
    storage_number(name: &str) -> StorageNo;
    insert_home(owner: &Uid, base: &str, root: &Node) -> Home;
    insert_node(node: &Node) -> NodeId;
    update_node(node: &Node) -> ();
    raise(folders: &[NodeId], stamp: Stamp, size_delta: i64, mtime: Option<i64>) -> ();
    detach(id: NodeId) -> ();
    sweep(limit: usize) -> usize;
    log_change(change: &Change) -> ();
    push_disk_op(op: &DiskOp) -> i64;
    disk_ops_done(ids: &[i64]) -> ();
    retag(from: &Tag, to: &Tag) -> ();
}

write! { KvWrite:
    put_kv(instance: &str, key: &str, value: &[u8]) -> ();
    remove_kv(instance: &str, key: &str) -> ();
}

write! { PropsWrite:
    set_dead_prop(node: NodeId, prop: &DeadProp) -> ();
    remove_dead_prop(node: NodeId, namespace: &str, name: &str) -> ();
    copy_dead_props(from: NodeId, to: NodeId) -> ();
    set_favorite(node: NodeId, user: &Uid, on: bool) -> ();
}

write! { LocksWrite:
    put_lock(lock: &Lock) -> ();
    remove_lock(token: &str) -> ();
    remove_locks_in(node: NodeId) -> ();
    remove_expired_locks(now: i64) -> ();
}

write! { UploadsWrite:
    insert_upload(upload: &Upload) -> Option<i64>;
    update_upload(upload: &Upload) -> ();
    remove_upload(id: i64) -> ();
    put_chunk(upload: i64, chunk: &Chunk) -> ();
    remove_chunk(upload: i64, name: &str) -> ();
}

write! { AccountsWrite:
    insert_user(user: &User) -> bool;
    update_user(user: &User) -> ();
    remove_user(uid: &Uid) -> ();
    insert_group(group: &str) -> bool;
    remove_group(group: &str) -> bool;
    set_member(group: &str, uid: &Uid, member: bool) -> ();
    insert_token(token: &Token) -> i64;
    update_token(token: &Token) -> ();
    touch_tokens(used: &[(String, i64)]) -> ();
    remove_token(id: i64) -> bool;
    put_session(session: &Session) -> ();
    remove_session(hash: &str) -> ();
    remove_sessions_of(uid: &Uid) -> ();
    put_flow(flow: &LoginFlow) -> ();
    remove_flow(poll_hash: &str) -> ();
    remove_stale_logins(flows: i64, sessions: i64, oldest: i64) -> ();
}

write! { FeedWrite:
    put_cursor(cursor: &Cursor) -> ();
    remove_cursor(name: &str) -> ();
    forget_changes(up_to: u64, limit: usize) -> usize;
}

impl WriteTx for Faulty<&mut dyn WriteTx> {
    fn as_read(&mut self) -> &mut dyn ReadTx {
        self
    }
}
