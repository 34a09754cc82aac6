//! The small store of plugins and scripts.

use super::{Bed, read, write};

pub(crate) fn each_instance_has_its_own_keys(bed: &impl Bed) {
    let store = bed.open();
    for (instance, key, value) in
        [("a", "k", "1"), ("b", "k", "2"), ("a", "k", "3"), ("a", "", ""), ("a", "gone", "x")]
    {
        write(&store, move |tx| tx.put_kv(instance, key, value.as_bytes()));
    }
    write(&store, |tx| tx.remove_kv("a", "gone").and_then(|()| tx.remove_kv("a", "never")));
    store.close();
    drop(store);
    let store = bed.open();
    for (instance, key, expected) in
        [("a", "k", Some("3")), ("b", "k", Some("2")), ("a", "", Some("")), ("a", "gone", None)]
    {
        let value = read(&store, move |tx| tx.kv(instance, key));
        assert_eq!(value, expected.map(|text| text.as_bytes().to_vec()), "{instance} {key}");
    }
}

pub(crate) fn keys_are_listed_by_their_beginning(bed: &impl Bed) {
    let store = bed.open();
    for key in ["a%", "a/1", "a/2", "a/ä", "a/10", "b", "A/1"] {
        write(&store, move |tx| tx.put_kv("x", key, b""));
    }
    write(&store, |tx| tx.put_kv("y", "a/0", b""));
    for (prefix, after, limit, expected) in [
        ("a/", "", 9, &["a/1", "a/10", "a/2", "a/ä"][..]),
        ("a/", "a/10", 1, &["a/2"]),
        ("a%", "", 9, &["a%"]),
        ("", "", 2, &["A/1", "a%"]),
        ("c", "", 9, &[]),
    ] {
        let keys = read(&store, move |tx| tx.kv_keys("x", prefix, after, limit));
        assert_eq!(keys, expected, "{prefix} after {after}");
    }
}
