//! Dead properties and favourites.

use std::collections::HashSet;

use super::{Bed, file, home, insert, read, uid, write};
use crate::store::props::DeadProp;

fn prop(namespace: &str, name: &str, value: &str) -> DeadProp {
    DeadProp { namespace: namespace.into(), name: name.into(), value: value.into() }
}

pub(crate) fn properties_are_set_replaced_copied_and_removed(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let a = insert(&store, file(root, "a")).id;
    let b = insert(&store, file(root, "b")).id;
    write(&store, move |tx| {
        tx.set_dead_prop(a, &prop("", "p", "old"))?;
        tx.set_dead_prop(a, &prop("urn:x", "p", "<x xmlns='urn:x'/>"))?;
        tx.set_dead_prop(a, &prop("", "p", "new"))?;
        tx.set_dead_prop(b, &prop("", "gone", "1"))?;
        tx.remove_dead_prop(b, "", "gone")?;
        tx.remove_dead_prop(b, "", "never there")
    });
    let both = [prop("", "p", "new"), prop("urn:x", "p", "<x xmlns='urn:x'/>")];
    assert_eq!(read(&store, |tx| tx.dead_props(a)), both);
    assert_eq!(read(&store, |tx| tx.dead_props(b)), []);
    assert_eq!(read(&store, |tx| tx.children_with_dead_props(root)), HashSet::from([a]));
    write(&store, move |tx| {
        tx.set_dead_prop(b, &prop("", "replaced by the copy", "1"))?;
        tx.copy_dead_props(a, b)?;
        tx.copy_dead_props(a, a)
    });
    assert_eq!(read(&store, |tx| tx.dead_props(b)), both);
    assert_eq!(read(&store, |tx| tx.dead_props(a)), both);
    assert_eq!(read(&store, |tx| tx.children_with_dead_props(root)), HashSet::from([a, b]));
    write(&store, move |tx| {
        tx.remove_dead_prop(a, "", "p")?;
        tx.remove_dead_prop(a, "urn:x", "p")?;
        tx.copy_dead_props(a, b)
    });
    assert_eq!(read(&store, |tx| tx.children_with_dead_props(root)), HashSet::new());
}

pub(crate) fn favourites_are_personal(bed: &impl Bed) {
    let store = bed.open();
    let root = home(&store, "alice").root;
    let a = insert(&store, file(root, "a")).id;
    let b = insert(&store, file(root, "b")).id;
    let (alice, bob) = (uid("alice"), uid("bob"));
    write(&store, move |tx| {
        for node in [b, a, a] {
            tx.set_favorite(node, &uid("alice"), true)?;
        }
        tx.set_favorite(b, &uid("bob"), true)?;
        tx.set_favorite(a, &uid("bob"), false)
    });
    assert!(read(&store, |tx| tx.is_favorite(a, &alice)));
    assert!(!read(&store, |tx| tx.is_favorite(a, &bob)));
    assert_eq!(read(&store, |tx| tx.favorites(&alice)), [a, b]);
    assert_eq!(read(&store, |tx| tx.favorite_children(root, &bob)), HashSet::from([b]));
    assert_eq!(read(&store, |tx| tx.favorite_children(a, &bob)), HashSet::new());
    write(&store, move |tx| tx.set_favorite(b, &uid("alice"), false));
    assert_eq!(read(&store, |tx| tx.favorites(&alice)), [a]);
    assert_eq!(read(&store, |tx| tx.favorites(&bob)), [b]);
}
