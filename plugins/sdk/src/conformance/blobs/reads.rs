//! Ranges and listings.

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{Rig, not_found, pattern, same};

super::cases![
    ranges_are_cut_from_the_object,
    a_range_of_an_empty_object_is_empty,
    a_stream_gives_at_most_what_is_asked,
    an_opened_object_tells_its_whole_size,
    reading_nothing_is_not_found,
    many_read_at_once,
    an_empty_store_lists_nothing,
    prefixes_need_not_be_whole_segments,
    sizes_are_listed,
    five_thousand_keys_are_listed_once_each,
    a_listing_goes_on_while_objects_go,
];

async fn ranges_are_cut_from_the_object(rig: Rig<'_>) {
    let data = pattern(100_000, 1);
    rig.put("k", &data).await;
    for (offset, len, start, end) in [
        (0, 100_000, 0, 100_000),
        (0, 1, 0, 1),
        (1, 1, 1, 2),
        (99_999, 1, 99_999, 100_000),
        (99_999, 100, 99_999, 100_000),
        (50_000, u64::MAX, 50_000, 100_000),
        (12_345, 54_321, 12_345, 66_666),
        (0, 0, 0, 0),
        (7, 0, 7, 7),
        (100_000, 1, 0, 0),
        (100_001, 5, 0, 0),
        (u64::MAX, u64::MAX, 0, 0),
    ] {
        let found = rig.store.get("k", offset, len).await;
        let found = found.unwrap_or_else(|error| panic!("{len} at {offset}: {error}"));
        same(&found, &data.slice(start..end));
    }
}

async fn a_range_of_an_empty_object_is_empty(rig: Rig<'_>) {
    rig.put("k", &Bytes::new()).await;
    for (offset, len) in [(0, 0), (0, 1), (1, 1), (0, u64::MAX)] {
        assert_eq!(rig.store.get("k", offset, len).await.expect("get"), "", "{len} at {offset}");
    }
}

async fn a_stream_gives_at_most_what_is_asked(rig: Rig<'_>) {
    let data = pattern(10_000, 1);
    rig.put("k", &data).await;
    for max in [1_usize, 999, 20_000] {
        let mut reader = rig.store.open("k", 100, 3000).await.expect("open");
        let mut all = Vec::new();
        loop {
            let piece = reader.next(max).await.expect("next");
            assert!(piece.len() <= max);
            if piece.is_empty() {
                break;
            }
            all.extend_from_slice(&piece);
        }
        same(&all.into(), &data.slice(100..3100));
        assert_eq!(reader.next(max).await.expect("next"), "", "the end stays the end");
    }
}

async fn an_opened_object_tells_its_whole_size(rig: Rig<'_>) {
    rig.put("k", &pattern(1000, 1)).await;
    for (offset, len) in [(0, 1000), (10, 1), (0, 0), (1000, 1), (5000, 1)] {
        let reader = rig.store.open("k", offset, len).await.expect("open");
        assert_eq!(reader.info().size, 1000, "{len} at {offset}");
    }
}

async fn reading_nothing_is_not_found(rig: Rig<'_>) {
    rig.put("a/b", &pattern(10, 1)).await;
    for key in ["nothing", "a", "a/b/c"] {
        assert!(not_found(rig.store.head(key).await), "head {key}");
        assert!(not_found(rig.store.get(key, 0, 10).await), "get {key}");
        assert!(not_found(rig.store.get(key, 0, 0).await), "get nothing of {key}");
        assert!(not_found(rig.store.get(key, 5, 10).await), "get from the middle of {key}");
    }
}

async fn many_read_at_once(rig: Rig<'_>) {
    let data = pattern(200_000, 1);
    rig.put("k", &data).await;
    let mut readers = Vec::new();
    for number in 0..20 {
        let offset = number * 10_000;
        readers.push((offset, rig.store.open("k", offset, 10_000).await.expect("open")));
    }
    let mut reading = JoinSet::new();
    for (offset, mut reader) in readers {
        reading.spawn(async move {
            let mut all = Vec::new();
            loop {
                let piece = reader.next(4096).await.expect("next");
                if piece.is_empty() {
                    return (offset as usize, Bytes::from(all));
                }
                all.extend_from_slice(&piece);
            }
        });
    }
    for (offset, found) in reading.join_all().await {
        same(&found, &data.slice(offset..offset + 10_000));
    }
}

async fn an_empty_store_lists_nothing(rig: Rig<'_>) {
    for prefix in ["", "a", "a/"] {
        let page = rig.store.list(prefix, None).await.expect("list");
        assert_eq!((page.entries, page.next), (vec![], None), "{prefix}");
    }
}

async fn prefixes_need_not_be_whole_segments(rig: Rig<'_>) {
    for key in ["a", "ab/c", "ab/d/e", "abc", "b"] {
        rig.put(key, &pattern(1, 1)).await;
    }
    for (prefix, expected) in [
        ("", &["a", "ab/c", "ab/d/e", "abc", "b"][..]),
        ("a", &["a", "ab/c", "ab/d/e", "abc"]),
        ("ab", &["ab/c", "ab/d/e", "abc"]),
        ("ab/", &["ab/c", "ab/d/e"]),
        ("ab/d", &["ab/d/e"]),
        ("abc", &["abc"]),
        ("c", &[]),
    ] {
        assert_eq!(rig.keys(prefix).await, expected, "{prefix}");
    }
}

async fn sizes_are_listed(rig: Rig<'_>) {
    for size in [0, 1, 1000] {
        rig.put(&format!("k{size}"), &pattern(size, 1)).await;
    }
    let page = rig.store.list("", None).await.expect("list");
    let sizes: Vec<_> = page.entries.iter().map(|it| (it.key.as_str(), it.info.size)).collect();
    assert_eq!(sizes, [("k0", 0), ("k1", 1), ("k1000", 1000)]);
}

async fn five_thousand_keys_are_listed_once_each(rig: Rig<'_>) {
    let keys: Vec<String> =
        (0..5000).map(|number| format!("o/{:02}/{number:04}", number % 7)).collect();
    for some in keys.chunks(32) {
        let puts = some.iter().map(|key| rig.store.put(key, Bytes::from_static(b"x")));
        for put in futures_of(puts).await {
            put.expect("put");
        }
    }
    let mut expected = keys;
    expected.sort_unstable();
    assert!(rig.keys("o/").await == expected, "all keys, once each, in order");
    let some: Vec<_> = expected.iter().filter(|key| key.starts_with("o/03/")).cloned().collect();
    assert_eq!(rig.keys("o/03/").await, some);
}

/// Waits for all of these at the same time.
async fn futures_of<T>(futures: impl Iterator<Item = crate::BoxFuture<'_, T>>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.map(Some).collect();
    let mut done: Vec<Option<T>> = waiting.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, result) in waiting.iter_mut().zip(&mut done) {
            if let Some(running) = future
                && let std::task::Poll::Ready(value) = running.as_mut().poll(context)
            {
                (*future, *result) = (None, Some(value));
            }
        }
        match waiting.iter().all(Option::is_none) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

async fn a_listing_goes_on_while_objects_go(rig: Rig<'_>) {
    for number in 0..1200 {
        rig.put(&format!("k{number:04}"), &Bytes::new()).await;
    }
    let (mut seen, mut cursor) = (0, None);
    loop {
        let page = rig.store.list("k", cursor.as_deref()).await.expect("list");
        seen += page.entries.len();
        for entry in page.entries {
            rig.store.delete(&entry.key).await.expect("delete");
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, 1200);
    assert_eq!(rig.keys("").await, [""; 0]);
}
