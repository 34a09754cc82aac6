//! Rows of the tree, the feed and disk operations.

use super::{Bed, file, folder, home, insert, queue, read, refused, uid, write};
use crate::etag::Stamp;
use crate::ids::{NodeId, Uid};
use crate::storage::{DiskOp, Kind, StagePath, Tag};
use crate::store::StoreError;
use crate::store::nodes::{Change, ChangeKind, Node};

pub(crate) fn a_node_is_read_as_it_was_written(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let written = insert(
        &store,
        Node {
            size: 1 << 50,
            mtime: 4_294_967_295,
            created: Some(7),
            content: Stamp::new(0x3f_ffff, 9),
            tree: Stamp::new(1, 10),
            stage: Some(StagePath("k".to_owned())),
            checksums: "SHA1:aa MD5:bb".to_owned(),
            ..file(root, "ü 1")
        },
    );
    assert_eq!(read(&store, |tx| tx.node(written.id)), Some(written.clone()));
    assert_eq!(read(&store, |tx| tx.child(root, "ü 1")), Some(written.clone()));
    assert_eq!(read(&store, |tx| tx.child(root, "Ü 1")), None);
    assert_eq!(read(&store, |tx| tx.node(NodeId(written.id.0 + 1))), None);
    let changed = Node {
        name: "b".to_owned(),
        kind: Kind::Folder,
        size: 0,
        mtime: 5,
        created: None,
        uploaded: 6,
        content: Stamp(7),
        tree: Stamp(8),
        tag: Tag::default(),
        stage: None,
        checksums: String::new(),
        ..written.clone()
    };
    let update = changed.clone();
    write(&store, move |tx| tx.update_node(&update));
    assert_eq!(read(&store, |tx| tx.node(written.id)), Some(changed.clone()));
    let missing = Node { id: NodeId(written.id.0 + 1), ..changed };
    assert!(queue(&store, move |tx| tx.update_node(&missing)).recv().expect("an answer").is_err());
    let top = read(&store, |tx| tx.node(root)).expect("a root");
    assert_eq!((top.parent, top.name.as_str()), (None, "alice"));
    write(&store, move |tx| tx.update_node(&Node { size: 3, ..top }));
    let home = read(&store, |tx| tx.home(&uid("alice"))).expect("still a home");
    assert_eq!(read(&store, |tx| tx.node(home.root)).expect("a root").size, 3);
}

pub(crate) fn what_hangs_in_no_tree_is_found(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let a = insert(&store, folder(root, "a"));
    let b = insert(&store, folder(a.id, "b"));
    let gone = insert(&store, folder(root, "gone")).id;
    insert(&store, file(gone, "g"));
    write(&store, move |tx| tx.detach(gone));
    assert_eq!(read(&store, |tx| tx.unreachable(9)), []);
    let circle = Node { parent: Some(b.id), ..a.clone() };
    write(&store, move |tx| tx.update_node(&circle));
    let lost = insert(&store, file(NodeId(9_999), "f"));
    let mut found: Vec<_> =
        read(&store, |tx| tx.unreachable(9)).into_iter().map(|node| node.id).collect();
    found.sort();
    assert_eq!(found, [a.id, b.id, lost.id]);
    assert_eq!(read(&store, |tx| tx.unreachable(2)).len(), 2);
}

pub(crate) fn files_are_found_by_the_sequence_number_of_their_bytes(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let sub = insert(&store, folder(root, "sub")).id;
    // A smaller era does not make an older file.
    for (name, era, seq) in [("old", 9, 5), ("edge", 9, 6), ("new", 9, 7), ("other era", 2, 8)] {
        let content = Stamp::new(era, seq);
        insert(&store, Node { content, tree: Stamp::new(9, 99), ..file(sub, name) });
    }
    insert(&store, Node { content: Stamp::new(9, 50), ..folder(root, "folder") });
    let names = |seq, limit| -> Vec<String> {
        let found = read(&store, |tx| tx.files_after(seq, limit));
        let mut names: Vec<String> = found.into_iter().map(|node| node.name).collect();
        names.sort();
        names
    };
    assert_eq!(names(6, 9), ["new", "other era"]);
    assert_eq!(names(0, 9).len(), 4);
    assert_eq!(names(0, 3).len(), 3);
    assert_eq!(names(8, 9).len(), 0);
}

pub(crate) fn ids_are_never_reused(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let first = insert(&store, file(root, "a")).id;
    write(&store, move |tx| {
        tx.detach(first)?;
        tx.sweep(10)
    });
    assert_eq!(read(&store, |tx| tx.node(first)), None);
    drop(store);
    let second = insert(&bed.open(), file(root, "a")).id;
    assert!(second > first, "{second} after {first}");
}

pub(crate) fn names_are_unique_in_a_folder(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let sub = insert(&store, folder(root, "a")).id;
    let again = queue(&store, move |tx| tx.insert_node(&file(root, "a")));
    assert!(again.recv().expect("an answer").is_err());
    let inner = insert(&store, file(sub, "a"));
    let other = insert(&store, file(root, "A"));
    refused(&store, move |tx| tx.update_node(&Node { name: "a".to_owned(), ..other }));
    refused(&store, move |tx| tx.update_node(&Node { parent: Some(root), ..inner }));
    assert_eq!(read(&store, |tx| tx.child_count(root)), 2);
    assert_eq!(read(&store, |tx| tx.child_count(sub)), 1);
}

pub(crate) fn members_come_in_byte_order_and_in_pages(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    for name in ["b", "ä", "B", "a", "a b", "10", "9"] {
        let node = insert(&store, folder(root, name));
        insert(&store, file(node.id, "below"));
    }
    let page = |after: Option<&str>, limit| -> Vec<String> {
        let nodes = read(&store, |tx| tx.children(root, after, limit));
        nodes.into_iter().map(|node| node.name).collect()
    };
    assert_eq!(page(None, 99), ["10", "9", "B", "a", "a b", "b", "ä"]);
    assert_eq!(page(None, 3), ["10", "9", "B"]);
    assert_eq!(page(Some("B"), 2), ["a", "a b"]);
    assert_eq!(page(Some("ä"), 2), [""; 0]);
    assert_eq!(read(&store, |tx| tx.child_count(root)), 7);
}

pub(crate) fn homes_are_found_by_owner(bed: &impl Bed) {
    let store = bed.open();
    let bob = home(&store, "bob");
    let alice = home(&store, "alice");
    assert_ne!(alice.root, bob.root);
    assert_eq!(read(&store, |tx| tx.home(&uid("bob"))), Some(bob.clone()));
    assert_eq!(read(&store, |tx| tx.home(&uid("carol"))), None);
    assert_eq!(read(&store, |tx| tx.homes()), [alice, bob]);
    let root = folder(NodeId(0), "bob");
    let again = queue(&store, move |tx| tx.insert_home(&uid("bob"), "bob", &root));
    assert!(again.recv().expect("an answer").is_err());
}

pub(crate) fn storages_keep_their_numbers(bed: &impl Bed) {
    let store = bed.open();
    assert_eq!(read(&store, |tx| tx.storages()), []);
    let number = |name: &'static str| {
        queue(&store, move |tx| tx.storage_number(name)).recv().expect("an answer").unwrap()
    };
    let (music, plans) = (number("local:/srv/music"), number("plugin:s3"));
    assert!(music.0 > 0 && plans > music);
    assert_eq!(number("local:/srv/music"), music);
    let owner = Uid::of_mount(&music.to_string()).expect("an owner");
    let root = folder(NodeId(0), owner.as_str());
    let base = music.to_string();
    let tree = owner.clone();
    let made = queue(&store, move |tx| tx.insert_home(&tree, &base, &root));
    let made = made.recv().expect("an answer").unwrap();
    drop(store);
    let store = bed.open();
    let all = [(music, "local:/srv/music".to_owned()), (plans, "plugin:s3".to_owned())];
    assert_eq!(read(&store, |tx| tx.storages()), all);
    assert_eq!(read(&store, move |tx| tx.home(&owner)), Some(made.clone()));
    assert_eq!(made.storage(), music);
    let at = read(&store, move |tx| crate::store::nodes::locate(tx, made.root)).expect("a tree");
    assert!(at.path.is_root());
}

pub(crate) fn raising_adds_up_sizes_and_stamps(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let sub = insert(&store, folder(root, "sub")).id;
    let other = insert(&store, folder(root, "other"));
    write(&store, move |tx| {
        tx.raise(&[root, sub], Stamp(50), 30, Some(5_000))?;
        // An older time and no time leave the time alone.
        tx.raise(&[sub], Stamp(51), -10, Some(4_000))?;
        tx.raise(&[sub, NodeId(9_999)], Stamp(52), 0, None)
    });
    let look = |id| read(&store, |tx| tx.node(id)).expect("a node");
    let facts = |id| (look(id).tree, look(id).size, look(id).mtime);
    assert_eq!(facts(root), (Stamp(50), 30, 5_000));
    assert_eq!(facts(sub), (Stamp(52), 20, 5_000));
    assert_eq!(look(sub).content, Stamp(1));
    write(&store, move |tx| tx.raise(&[sub], Stamp(53), -21, None));
    assert_eq!(facts(sub), (Stamp(53), 0, 5_000));
    assert_eq!(look(other.id), other);
}

pub(crate) fn moving_a_folder_takes_its_members_along(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let from = insert(&store, folder(root, "from"));
    let to = insert(&store, folder(root, "to"));
    let inner = insert(&store, file(from.id, "inner"));
    let moved = Node { parent: Some(to.id), name: "new".to_owned(), ..from };
    let update = moved.clone();
    write(&store, move |tx| tx.update_node(&update));
    assert_eq!(read(&store, |tx| tx.child(root, "from")), None);
    assert_eq!(read(&store, |tx| tx.child(to.id, "new")), Some(moved.clone()));
    assert_eq!(read(&store, |tx| tx.child(moved.id, "inner")), Some(inner));
}

pub(crate) fn changes_are_fed_in_order(bed: &impl Bed) {
    let store = bed.open();
    let kinds = [
        ChangeKind::Created,
        ChangeKind::Written,
        ChangeKind::Moved,
        ChangeKind::Deleted,
        ChangeKind::Properties,
        ChangeKind::Copied,
    ];
    let written = write(&store, move |tx| {
        let mut changes = Vec::new();
        for (i, kind) in (0..).zip(kinds) {
            let change = Change {
                stamp: tx.next_stamp()?,
                time: 1_700_000_000_000 + i,
                actor: (i > 0).then(|| uid("alice")),
                origin: "dav".to_owned(),
                kind,
                node: NodeId(i),
                owner: uid("bob"),
                path: format!("a/{i}"),
                old_path: (kind == ChangeKind::Moved).then(|| "old".to_owned()),
                request_id: "r".to_owned(),
            };
            tx.log_change(&change)?;
            changes.push(change);
        }
        Ok(changes)
    });
    assert_eq!(read(&store, |tx| tx.changes(Stamp(0), 99)), written);
    assert_eq!(read(&store, |tx| tx.changes(written[1].stamp, 2)), written[2..4]);
    assert_eq!(read(&store, |tx| tx.changes(written[5].stamp, 2)), []);
    let again = written[5].clone();
    refused(&store, move |tx| tx.log_change(&again));
    // After a restore the era may be a smaller number; the feed still goes on.
    let next = Stamp::new(0, written[5].stamp.seq() + 1);
    let change = Change { stamp: next, ..written[0].clone() };
    write(&store, move |tx| tx.log_change(&change));
    let after = read(&store, |tx| tx.changes(written[5].stamp, 9));
    assert_eq!(after.iter().map(|change| change.stamp).collect::<Vec<_>>(), [next]);
}

pub(crate) fn disk_operations_are_kept_until_they_are_done(bed: &impl Bed) {
    let store = bed.open();
    let tag = || Tag("t".to_owned());
    let (path, to) = (|| "alice/a".to_owned(), || "alice/b".to_owned());
    let ops = vec![
        DiskOp::Publish { stage: StagePath("k".into()), path: path(), replaces: Some(tag()) },
        DiskOp::Publish { stage: StagePath("l".into()), path: path(), replaces: None },
        DiskOp::Move { from: path(), to: to(), tag: tag() },
        DiskOp::Remove { path: to(), tag: tag() },
        DiskOp::Touch { path: to(), tag: tag(), mtime: 7 },
    ];
    let pushed = ops.clone();
    let ids = write(&store, move |tx| {
        pushed.iter().map(|op| tx.push_disk_op(op)).collect::<Result<Vec<_>, _>>()
    });
    let expected: Vec<_> = ids.iter().copied().zip(ops).collect();
    drop(store);
    let store = bed.open();
    assert_eq!(read(&store, |tx| tx.disk_ops()), expected);
    let done = vec![ids[0], ids[3], 9_999];
    write(&store, move |tx| tx.disk_ops_done(&done));
    let left = [expected[1].clone(), expected[2].clone(), expected[4].clone()];
    assert_eq!(read(&store, |tx| tx.disk_ops()), left);
    write(&store, move |tx| tx.disk_ops_done(&ids));
    let next = write(&store, |tx| {
        tx.push_disk_op(&DiskOp::Remove { path: "x".into(), tag: Tag::default() })
    });
    assert!(next > expected[4].0, "ids of operations are not reused");
}

pub(crate) fn a_published_stage_is_forgotten_with_all_below_it(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let stages = ["key", "key/a", "key/sub/b", "key0", "key-2", "other"];
    let ids: Vec<NodeId> = stages
        .iter()
        .map(|at| {
            let stage = Some(StagePath((*at).to_owned()));
            insert(&store, Node { stage, ..file(root, &at.replace('/', " ")) }).id
        })
        .collect();
    let op = DiskOp::Publish { stage: StagePath("key".into()), path: "a".into(), replaces: None };
    let id = write(&store, move |tx| tx.push_disk_op(&op));
    write(&store, move |tx| tx.disk_ops_done(&[id]));
    let left: Vec<_> = ids
        .iter()
        .filter_map(|id| read(&store, |tx| tx.node(*id)).expect("a node").stage)
        .map(|stage| stage.0)
        .collect();
    assert_eq!(left, ["key0", "key-2", "other"]);
}

pub(crate) fn tags_are_replaced_only_where_they_match(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let tags = ["one", "two", ""];
    for tag in tags {
        insert(&store, Node { tag: Tag(tag.to_owned()), ..file(root, &format!("f{tag}")) });
    }
    for (from, to) in [("one", "1"), ("three", "3"), ("", "never")] {
        write(&store, move |tx| tx.retag(&Tag(from.to_owned()), &Tag(to.to_owned())));
    }
    let nodes = read(&store, |tx| tx.children(root, None, 9));
    let tags: Vec<_> = nodes.iter().map(|node| node.tag.0.as_str()).collect();
    assert_eq!(tags, ["", "1", "two"]);
}

pub(crate) fn what_was_decided_since_is_known_without_gaps(bed: &impl Bed) {
    let store = bed.open();
    let op = || DiskOp::Remove { path: "x".into(), tag: Tag::default() };
    assert_eq!(read(&store, |tx| tx.last_disk_op()), 0);
    let first = write(&store, move |tx| tx.push_disk_op(&op()));
    refused(&store, move |tx| {
        tx.push_disk_op(&op())?;
        Err::<(), _>(StoreError::Busy)
    });
    let second = write(&store, move |tx| tx.push_disk_op(&op()));
    assert_eq!(second, first + 1, "a job that was rolled back leaves no gap");
    assert_eq!(read(&store, |tx| tx.last_disk_op()), second);
    assert_eq!(read(&store, |tx| tx.disk_ops_after(first)), [(second, op())]);
    write(&store, move |tx| tx.disk_ops_done(&[second]));
    assert_eq!(read(&store, |tx| tx.disk_ops_after(first)), []);
    assert_eq!(read(&store, |tx| tx.last_disk_op()), second, "also when it is forgotten");
}

pub(crate) fn nodes_are_found_by_their_tags(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    for (name, tag) in [("a", "t"), ("b", "t"), ("c", "other"), ("d", "")] {
        insert(&store, Node { tag: Tag(tag.to_owned()), ..file(root, name) });
    }
    for (tag, limit, expected) in [("t", 9, 2), ("t", 1, 1), ("none", 9, 0), ("", 9, 0)] {
        let found = read(&store, |tx| tx.nodes_tagged(&Tag(tag.to_owned()), limit));
        assert_eq!(found.len(), expected, "{tag:?}, at most {limit}");
        assert!(found.iter().all(|node| node.tag.0 == tag));
    }
}

pub(crate) fn files_that_were_not_read_are_found(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let unread = |name: &str| Node { checksums: String::new(), ..file(root, name) };
    let a = insert(&store, unread("a"));
    insert(&store, Node { checksums: "SHA1:aa".to_owned(), ..file(root, "b") });
    insert(&store, folder(root, "c"));
    let d = insert(&store, unread("d"));
    let found = |after, limit| read(&store, |tx| tx.files_without_checksums(after, limit));
    assert_eq!(found(NodeId(0), 9), [a.clone(), d.clone()]);
    assert_eq!(found(NodeId(0), 1).len(), 1);
    assert_eq!(found(a.id, 9), [d]);
}
