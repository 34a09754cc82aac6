//! Deleting: out of the tree at once, the rows later.

use std::sync::Arc;

use super::locks::lock;
use super::{Bed, file, folder, home, insert, read, uid, write};
use crate::ids::NodeId;
use crate::store::Store;
use crate::store::nodes::Node;
use crate::store::props::DeadProp;
use crate::store::search::{Filter, Question};

fn prop() -> DeadProp {
    DeadProp { namespace: "urn:x".into(), name: "p".into(), value: "v".into() }
}

/// A folder with a file in it that has a property, a favourite and a lock.
fn laden(store: &Arc<dyn Store>, root: NodeId) -> (NodeId, NodeId) {
    let top = insert(store, folder(root, "top")).id;
    let inner = insert(store, file(top, "inner")).id;
    write(store, move |tx| {
        for node in [top, inner] {
            tx.set_dead_prop(node, &prop())?;
            tx.set_favorite(node, &uid("alice"), true)?;
            tx.put_lock(&lock(&format!("urn:{node}"), node))?;
        }
        Ok(())
    });
    (top, inner)
}

pub(crate) fn a_detached_node_frees_its_name_and_keeps_its_id(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let old = insert(&store, folder(root, "a")).id;
    let inner = insert(&store, file(old, "inner")).id;
    write(&store, move |tx| tx.detach(old));
    assert_eq!(read(&store, |tx| tx.child(root, "a")), None);
    // Two of one name may wait for the sweep.
    let new = insert(&store, folder(root, "a")).id;
    write(&store, move |tx| tx.detach(new));
    assert_eq!(read(&store, |tx| tx.node(old)).expect("not swept").parent, None);
    assert_eq!(read(&store, |tx| tx.node(inner)).expect("not swept").parent, Some(old));
    assert_eq!(read(&store, |tx| tx.homes()).len(), 1);
    // A late update of a detached row does not bring it back, nor take a name.
    let late = read(&store, |tx| tx.node(old)).expect("not swept");
    let name = new.to_string();
    write(&store, move |tx| tx.update_node(&Node { name, size: 5, ..late }));
    assert_eq!(read(&store, |tx| tx.node(old)).expect("not swept").parent, None);
    assert_eq!(read(&store, |tx| tx.child_count(root)), 0);
}

pub(crate) fn what_is_detached_is_out_of_all_lists(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let (top, inner) = laden(&store, root);
    let alice = uid("alice");
    let question = |below| Question {
        below,
        user: uid("alice"),
        filter: Filter::And(Vec::new()),
        sort: Vec::new(),
        offset: 0,
        limit: 99,
        time: std::time::Duration::from_secs(60),
        members_only: false,
    };
    let token = format!("urn:{inner}");
    assert_eq!(read(&store, |tx| tx.favorites(&alice)), [top, inner]);
    assert!(read(&store, |tx| tx.lock(&token)).is_some());
    assert_eq!(read(&store, |tx| tx.search(&question(root))).len(), 2);
    write(&store, move |tx| tx.detach(top));
    assert_eq!(read(&store, |tx| tx.favorites(&alice)), []);
    assert_eq!(read(&store, |tx| tx.favorite_children(root, &alice)).len(), 0);
    assert_eq!(read(&store, |tx| tx.children_with_dead_props(root)).len(), 0);
    assert_eq!(read(&store, |tx| tx.lock(&token)), None);
    for node in [root, top, inner] {
        assert_eq!(read(&store, |tx| tx.locks_in(node)), [], "{node}");
        assert_eq!(read(&store, |tx| tx.search(&question(node))), [], "{node}");
    }
    assert_eq!(read(&store, |tx| tx.locks_on_children(root)), []);
    // Questions about the ids themselves are answered until the sweep.
    assert_eq!(read(&store, |tx| tx.children(top, None, 9)).len(), 1);
    assert_eq!(read(&store, |tx| tx.dead_props(inner)), [prop()]);
    assert_eq!(read(&store, |tx| tx.locks_on(inner)).len(), 1);
}

pub(crate) fn sweeping_goes_in_slices_and_takes_all_that_hangs_on_a_node(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let (top, inner) = laden(&store, root);
    let stays = insert(&store, file(root, "stays")).id;
    write(&store, move |tx| {
        let mut parent = top;
        for i in 0..20 {
            for name in ["x", "y", "z"] {
                tx.insert_node(&file(parent, name))?;
                tx.insert_node(&folder(parent, &format!("empty {name}")))?;
            }
            parent = tx.insert_node(&folder(parent, &format!("{i}")))?;
        }
        tx.set_dead_prop(stays, &prop())?;
        tx.put_lock(&lock("urn:stays", stays))?;
        tx.detach(top)
    });
    let mut slices = Vec::new();
    loop {
        let swept = write(&store, |tx| tx.sweep(50));
        slices.push(swept);
        assert_eq!(read(&store, |tx| tx.unreachable(9)), [], "members go before their folders");
        if swept == 0 {
            break;
        }
    }
    assert_eq!(slices, [50, 50, 42, 0]);
    for node in [top, inner] {
        assert_eq!(read(&store, |tx| tx.node(node)), None);
        assert_eq!(read(&store, |tx| tx.dead_props(node)), []);
        assert!(!read(&store, |tx| tx.is_favorite(node, &uid("alice"))));
        assert_eq!(read(&store, |tx| tx.locks_on(node)), []);
    }
    assert!(read(&store, |tx| tx.lock("urn:stays")).is_some());
    assert_eq!(read(&store, |tx| tx.dead_props(stays)), [prop()]);
}

pub(crate) fn a_detached_root_takes_its_home_along(bed: &impl Bed) {
    let store = bed.open();
    let alice = home(&store, "alice");
    let bob = home(&store, "bob");
    insert(&store, file(alice.root, "a"));
    write(&store, move |tx| tx.detach(alice.root));
    assert_eq!(read(&store, |tx| tx.homes()), [bob]);
    assert_eq!(write(&store, |tx| tx.sweep(99)), 2);
    assert!(home(&store, "alice").root > alice.root);
}
