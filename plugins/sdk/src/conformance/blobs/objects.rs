//! Putting, streaming, copying, deleting.

use bytes::Bytes;

use super::{Rig, not_found, pattern, same};
use crate::blobs::{BlobWriter, KEY_BYTES};

super::cases![
    a_small_object_is_read_back,
    an_empty_object_is_an_object,
    every_plain_key_is_taken,
    other_keys_are_refused,
    a_put_that_is_repeated_succeeds,
    the_time_of_writing_is_told,
    pieces_are_joined,
    a_stream_of_several_parts_is_joined,
    an_empty_stream_is_an_empty_object,
    nothing_is_visible_before_the_commit,
    abort_leaves_nothing,
    drop_leaves_nothing,
    a_commit_that_is_dropped_leaves_nothing_or_all,
    an_abort_leaves_other_objects_alone,
    streams_do_not_mix,
    a_copy_is_another_object,
    an_empty_object_is_copied,
    a_large_object_is_copied,
    copying_nothing_is_not_found,
    a_deleted_object_is_gone,
    deleting_twice_succeeds,
    deleting_takes_no_neighbours,
    a_deleted_key_can_be_put_again,
];

async fn begin(rig: Rig<'_>, key: &str) -> Box<dyn BlobWriter> {
    rig.store.begin(key).await.expect("begin")
}

/// Longer than two parts of the store, so that a stream needs several.
fn long(rig: Rig<'_>) -> Bytes {
    let part = usize::try_from(rig.store.abilities().part_min.min(8 << 20)).expect("8 MiB");
    pattern(2 * part + 12_345, 7)
}

/// Streams `data` in pieces of `piece` bytes.
async fn stream(rig: Rig<'_>, key: &str, data: &Bytes, piece: usize) {
    let mut writer = begin(rig, key).await;
    let mut rest = data.clone();
    while !rest.is_empty() {
        let next = rest.split_to(piece.min(rest.len()));
        writer.write(next).await.expect("write");
    }
    let info = writer.commit().await.expect("commit");
    assert_eq!(info.size, data.len() as u64);
}

async fn a_small_object_is_read_back(rig: Rig<'_>) {
    let data = pattern(1000, 1);
    let info = rig.put("a/b/c", &data).await;
    same(&rig.read("a/b/c").await, &data);
    let head = rig.store.head("a/b/c").await.expect("head");
    assert_eq!(head.size, 1000);
    assert_eq!(head.tag, info.tag, "one mark for one object");
}

async fn an_empty_object_is_an_object(rig: Rig<'_>) {
    rig.put("empty", &Bytes::new()).await;
    assert_eq!(rig.store.head("empty").await.expect("head").size, 0);
    assert_eq!(rig.read("empty").await, "");
    assert_eq!(rig.keys("").await, ["empty"]);
}

async fn every_plain_key_is_taken(rig: Rig<'_>) {
    // Folders of a store that has them may bear names of 255 bytes at most.
    let long = vec!["k".repeat(200); 2].join("/");
    assert!(long.len() < KEY_BYTES);
    let mut keys = ["ABC/xyz/0189", "a.b_c-d", "...", "-", "_", "a/...", "A", "a_", &long];
    for (number, key) in (1..).zip(keys) {
        rig.put(key, &pattern(number, 1)).await;
    }
    for (number, key) in (1..).zip(keys) {
        same(&rig.read(key).await, &pattern(number, 1));
    }
    keys.sort_unstable();
    assert_eq!(rig.keys("").await, keys);
}

async fn other_keys_are_refused(rig: Rig<'_>) {
    for key in ["", "/", "/a", "a/", "a//b", "..", "a/../b", "a b", "a%2fb", "ä", "a\0"] {
        assert!(rig.store.put(key, Bytes::from_static(b"x")).await.is_err(), "put {key:?}");
        assert!(rig.store.get(key, 0, 1).await.is_err(), "get {key:?}");
        assert!(rig.store.delete(key).await.is_err(), "delete {key:?}");
    }
    assert_eq!(rig.keys("").await, [""; 0]);
}

async fn a_put_that_is_repeated_succeeds(rig: Rig<'_>) {
    let data = pattern(100, 1);
    rig.put("k", &data).await;
    rig.put("k", &data).await;
    same(&rig.read("k").await, &data);
    assert_eq!(rig.keys("").await, ["k"]);
}

async fn the_time_of_writing_is_told(rig: Rig<'_>) {
    let put = rig.put("k", &pattern(10, 1)).await.modified;
    let head = rig.store.head("k").await.expect("head").modified;
    let listed = rig.store.list("", None).await.expect("list").entries[0].info.modified;
    let now = crate::memory::now();
    for (what, time) in [("put", put), ("head", head), ("list", listed)] {
        assert!((time - now).abs() < 3600, "{what}: {time}, and it is {now}");
    }
}

async fn pieces_are_joined(rig: Rig<'_>) {
    let data = pattern(10_000, 2);
    for piece in [1000, 3, 10_000] {
        let key = format!("by-{piece}");
        stream(rig, &key, &data, piece).await;
        same(&rig.read(&key).await, &data);
    }
}

async fn a_stream_of_several_parts_is_joined(rig: Rig<'_>) {
    let data = long(rig);
    stream(rig, "long", &data, 777_777.min(data.len() / 5)).await;
    same(&rig.read("long").await, &data);
    assert_eq!(rig.store.head("long").await.expect("head").size, data.len() as u64);
}

async fn an_empty_stream_is_an_empty_object(rig: Rig<'_>) {
    stream(rig, "none", &Bytes::new(), 1).await;
    let mut writer = begin(rig, "nothing-written").await;
    writer.write(Bytes::new()).await.expect("write nothing");
    assert_eq!(writer.commit().await.expect("commit").size, 0);
    for key in ["none", "nothing-written"] {
        assert_eq!(rig.read(key).await, "");
    }
}

async fn nothing_is_visible_before_the_commit(rig: Rig<'_>) {
    let data = long(rig);
    let mut writer = begin(rig, "k").await;
    assert!(rig.is_absent("k").await);
    writer.write(data.clone()).await.expect("write");
    assert!(rig.is_absent("k").await);
    assert_eq!(rig.keys("").await, [""; 0]);
    writer.commit().await.expect("commit");
    same(&rig.read("k").await, &data);
    assert_eq!(rig.keys("").await, ["k"]);
}

async fn abort_leaves_nothing(rig: Rig<'_>) {
    for data in [Bytes::new(), pattern(100, 1), long(rig)] {
        let mut writer = begin(rig, "k").await;
        writer.write(data).await.expect("write");
        writer.abort().await.expect("abort");
        assert!(rig.is_absent("k").await);
        assert_eq!(rig.keys("").await, [""; 0]);
    }
}

async fn drop_leaves_nothing(rig: Rig<'_>) {
    for data in [Bytes::new(), pattern(100, 1), long(rig)] {
        let mut writer = begin(rig, "k").await;
        writer.write(data).await.expect("write");
        drop(writer);
        rig.becomes_empty().await;
    }
}

async fn a_commit_that_is_dropped_leaves_nothing_or_all(rig: Rig<'_>) {
    let data = pattern(100, 1);
    let mut writer = begin(rig, "k").await;
    writer.write(data.clone()).await.expect("write");
    drop(writer.commit());
    match rig.store.get("k", 0, u64::MAX).await {
        Ok(all) => same(&all, &data),
        other => assert!(not_found(other)),
    }
}

async fn an_abort_leaves_other_objects_alone(rig: Rig<'_>) {
    let data = pattern(100, 1);
    rig.put("k/other", &data).await;
    let mut writer = begin(rig, "k/one").await;
    writer.write(long(rig)).await.expect("write");
    writer.abort().await.expect("abort");
    same(&rig.read("k/other").await, &data);
    assert_eq!(rig.keys("").await, ["k/other"]);
}

async fn streams_do_not_mix(rig: Rig<'_>) {
    let mut writers = Vec::new();
    for number in 0..8 {
        writers.push(begin(rig, &format!("k{number}")).await);
    }
    for round in 0..5 {
        for (number, writer) in (0..).zip(&mut writers) {
            writer.write(pattern(100, number * 10 + round)).await.expect("write");
        }
    }
    for writer in writers {
        writer.commit().await.expect("commit");
    }
    for number in 0..8 {
        let parts = (0..5).flat_map(|round| pattern(100, number * 10 + round));
        same(&rig.read(&format!("k{number}")).await, &parts.collect());
    }
}

async fn a_copy_is_another_object(rig: Rig<'_>) {
    let data = pattern(1000, 3);
    rig.put("from", &data).await;
    let info = rig.store.copy("from", "to/here").await.expect("copy");
    assert_eq!(info.size, 1000);
    rig.store.delete("from").await.expect("delete");
    same(&rig.read("to/here").await, &data);
    assert_eq!(rig.keys("").await, ["to/here"]);
}

async fn an_empty_object_is_copied(rig: Rig<'_>) {
    rig.put("from", &Bytes::new()).await;
    assert_eq!(rig.store.copy("from", "to").await.expect("copy").size, 0);
    assert_eq!(rig.read("to").await, "");
}

async fn a_large_object_is_copied(rig: Rig<'_>) {
    let data = long(rig);
    stream(rig, "from", &data, data.len()).await;
    let info = rig.store.copy("from", "to").await.expect("copy");
    assert_eq!(info.size, data.len() as u64);
    same(&rig.read("to").await, &data);
}

async fn copying_nothing_is_not_found(rig: Rig<'_>) {
    assert!(not_found(rig.store.copy("nothing", "to").await));
    assert!(rig.is_absent("to").await);
}

async fn a_deleted_object_is_gone(rig: Rig<'_>) {
    rig.put("k", &pattern(10, 1)).await;
    rig.store.delete("k").await.expect("delete");
    assert!(rig.is_absent("k").await);
    assert_eq!(rig.keys("").await, [""; 0]);
}

async fn deleting_twice_succeeds(rig: Rig<'_>) {
    rig.put("k", &pattern(10, 1)).await;
    for key in ["k", "k", "never", "never/was/there"] {
        rig.store.delete(key).await.expect("delete");
    }
}

async fn deleting_takes_no_neighbours(rig: Rig<'_>) {
    for key in ["a/b", "a/b2", "a/c/d", "a2"] {
        rig.put(key, &pattern(10, 1)).await;
    }
    for key in ["a/b", "a", "a/c"] {
        rig.store.delete(key).await.expect("delete");
    }
    assert_eq!(rig.keys("").await, ["a/b2", "a/c/d", "a2"]);
}

async fn a_deleted_key_can_be_put_again(rig: Rig<'_>) {
    rig.put("k", &pattern(10, 1)).await;
    rig.store.delete("k").await.expect("delete");
    let data = pattern(20, 2);
    rig.put("k", &data).await;
    same(&rig.read("k").await, &data);
}
