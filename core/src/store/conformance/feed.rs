//! Following the change feed.

use super::{Bed, home, insert, read, uid, write};
use crate::ids::NodeId;
use crate::store::feed::Cursor;
use crate::store::nodes::{Change, ChangeKind};
use crate::store::{StoreError, WriteTx};

fn log(tx: &mut dyn WriteTx, node: NodeId) -> Result<u64, StoreError> {
    let stamp = tx.next_stamp()?;
    tx.log_change(&Change {
        stamp,
        time: 5,
        actor: None,
        origin: "dav".to_owned(),
        kind: ChangeKind::Copied,
        node,
        owner: uid("alice"),
        path: "a".to_owned(),
        old_path: None,
        request_id: String::new(),
    })?;
    Ok(stamp.seq())
}

pub(crate) fn the_feed_tells_what_a_node_was(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let (file, folder) = (super::file(root, "f"), super::folder(root, "d"));
    let (file, folder) = (insert(&store, file).id, insert(&store, folder).id);
    write(&store, move |tx| {
        for node in [file, folder, NodeId(9999)] {
            log(tx, node)?;
        }
        // What is deleted in the same change was there when it was logged, or before.
        tx.detach(folder)?;
        log(tx, folder)
    });
    while write(&store, |tx| tx.sweep(9)) > 0 {}
    let feed = read(&store, |tx| tx.feed(0, 9));
    let seen: Vec<_> = feed.iter().map(|it| (it.change.kind, it.folder)).collect();
    let folders = [Some(false), Some(true), None, Some(true)];
    assert_eq!(seen, folders.map(|folder| (ChangeKind::Copied, folder)));
    let second = feed[1].change.stamp.seq();
    assert_eq!(read(&store, |tx| tx.feed(second, 1)), feed[2..3]);
    assert_eq!(read(&store, |tx| tx.last_seq()), feed[3].change.stamp.seq());
}

pub(crate) fn cursors_are_kept_and_forgotten(bed: &impl Bed) {
    let store = bed.open();
    let cursor = |name: &str, seq| Cursor { name: name.to_owned(), seq };
    for it in [cursor("b", 7), cursor("a", 3), cursor("b", 9), cursor("a", 2)] {
        write(&store, move |tx| tx.put_cursor(&it));
    }
    assert_eq!(read(&store, |tx| tx.cursors()), [cursor("a", 2), cursor("b", 9)]);
    write(&store, |tx| tx.remove_cursor("a").and_then(|()| tx.remove_cursor("nobody")));
    assert_eq!(read(&store, |tx| tx.cursors()), [cursor("b", 9)]);
    store.close();
    drop(store);
    assert_eq!(read(&bed.open(), |tx| tx.cursors()), [cursor("b", 9)]);
}

pub(crate) fn the_oldest_changes_are_forgotten_first(bed: &impl Bed) {
    let store = bed.open();
    let seqs =
        write(&store, |tx| (0..5).map(|_| log(tx, NodeId(1))).collect::<Result<Vec<_>, _>>());
    let up_to = seqs[2];
    assert_eq!(write(&store, move |tx| tx.forget_changes(up_to, 2)), 2);
    assert_eq!(write(&store, move |tx| tx.forget_changes(up_to, 2)), 1);
    assert_eq!(write(&store, move |tx| tx.forget_changes(up_to, 2)), 0);
    let left = read(&store, |tx| tx.feed(0, 9));
    assert_eq!(left.iter().map(|it| it.change.stamp.seq()).collect::<Vec<_>>(), seqs[3..]);
}

pub(crate) fn commits_are_told_with_their_sequence_number(bed: &impl Bed) {
    let store = bed.open();
    let first = write(&store, |tx| log(tx, NodeId(1)));
    let mut told = store.committed();
    assert_eq!(*told.borrow_and_update(), first);
    write(&store, |tx| tx.remove_cursor("nobody"));
    assert!(!told.has_changed().expect("open"), "nothing new in the feed");
    super::refused(&store, |tx| log(tx, NodeId(1)).and_then(|_| super::refuse::<()>()));
    assert!(!told.has_changed().expect("open"), "nothing was kept");
    let second = write(&store, |tx| log(tx, NodeId(1)));
    assert!(told.has_changed().expect("open"));
    assert_eq!(*told.borrow_and_update(), second);
    store.close();
    drop(store);
    assert_eq!(*bed.open().committed().borrow(), second, "also after a start");
}
