//! Locks.

use super::{Bed, file, folder, home, insert, read, uid, write};
use crate::ids::NodeId;
use crate::store::locks::{Lock, LockDepth, LockScope, LockType};

/// A lock for ever.
pub(crate) fn lock(token: &str, node: NodeId) -> Lock {
    Lock {
        token: token.to_owned(),
        node,
        user: uid("alice"),
        kind: LockType::Token,
        scope: LockScope::Exclusive,
        depth: LockDepth::Infinity,
        owner: "<d:href xmlns:d='DAV:'>me</d:href>".to_owned(),
        created: 5,
        expires: None,
        timeout: 0,
    }
}

fn tokens(locks: Vec<Lock>) -> Vec<String> {
    locks.into_iter().map(|lock| lock.token).collect()
}

pub(crate) fn a_lock_is_read_as_it_was_written(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let node = insert(&store, file(root, "a")).id;
    assert!(!read(&store, |tx| tx.any_locks()));
    let first = lock("urn:1", node);
    let second = Lock {
        kind: LockType::User,
        scope: LockScope::Shared,
        depth: LockDepth::Zero,
        owner: String::new(),
        created: 6,
        expires: Some(99),
        timeout: 93,
        ..lock("urn:2", node)
    };
    let (one, two) = (first.clone(), second.clone());
    write(&store, move |tx| {
        tx.put_lock(&one)?;
        tx.put_lock(&two)
    });
    assert!(read(&store, |tx| tx.any_locks()));
    assert_eq!(read(&store, |tx| tx.locks_on(node)), [first, second.clone()]);
    let refreshed = Lock { expires: Some(200), ..second };
    let put = refreshed.clone();
    write(&store, move |tx| {
        tx.put_lock(&put)?;
        tx.remove_lock("urn:1")?;
        tx.remove_lock("urn:never")
    });
    assert_eq!(read(&store, |tx| tx.lock("urn:2")), Some(refreshed.clone()));
    assert_eq!(read(&store, |tx| tx.lock("urn:1")), None);
    assert_eq!(read(&store, |tx| tx.locks_on(node)), [refreshed]);
}

pub(crate) fn locks_are_found_from_above(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let top = insert(&store, folder(root, "top")).id;
    let sub = insert(&store, folder(top, "sub")).id;
    let leaf = insert(&store, file(sub, "leaf")).id;
    let other = insert(&store, file(root, "other")).id;
    write(&store, move |tx| {
        for (token, node, created) in [("b", leaf, 5), ("a", top, 5), ("0", other, 6)] {
            tx.put_lock(&Lock { created, ..lock(token, node) })?;
        }
        Ok(())
    });
    for (node, expected) in [
        (root, &["a", "b", "0"][..]),
        (top, &["a", "b"]),
        (sub, &["b"]),
        (leaf, &["b"]),
        (other, &["0"]),
    ] {
        assert_eq!(tokens(read(&store, |tx| tx.locks_in(node))), expected, "{node}");
    }
    assert_eq!(tokens(read(&store, |tx| tx.locks_on_children(root))), ["a", "0"]);
    assert_eq!(tokens(read(&store, |tx| tx.locks_on_children(top))), [""; 0]);
    write(&store, move |tx| tx.remove_locks_in(top));
    assert_eq!(tokens(read(&store, |tx| tx.locks_in(root))), ["0"]);
}

pub(crate) fn expired_locks_are_removed(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    write(&store, move |tx| {
        for (token, expires) in [("past", Some(9)), ("now", Some(10)), ("ever", None)] {
            tx.put_lock(&Lock { expires, ..lock(token, root) })?;
        }
        Ok(())
    });
    assert_eq!(read(&store, |tx| tx.locks_on(root)).len(), 3, "expired ones are given, too");
    write(&store, |tx| tx.remove_expired_locks(10));
    assert_eq!(tokens(read(&store, |tx| tx.locks_on(root))), ["ever", "now"]);
}
