//! Uploads in chunks: an acknowledged one is there after a restart, however small, and nothing is
//! buffered as a whole.

use std::sync::Arc;

use bytes::Bytes;
use moonsail_sdk::blobs::{BlobAbilities, BlobStorage};
use moonsail_sdk::memory::blobs::MemoryBlobs;

use crate::flaky::Flaky;
use crate::house::{Answer, FILES, House, UPLOADS, pattern, small_parts};

async fn house(store: &MemoryBlobs) -> House {
    let house = House::new(Arc::new(store.clone()), small_parts()).await;
    house.must(201, "MKCOL", &format!("{UPLOADS}/t"), &[], "").await;
    house
}

async fn chunk(house: &House, name: u32, offset: usize, body: &Bytes) -> Answer {
    let (at, offset) = (format!("{UPLOADS}/t/{name}"), offset.to_string());
    house.ask("PUT", &at, &[("oc-chunk-offset", &offset)], body.clone()).await
}

async fn close(house: &House, to: &str) -> Answer {
    house.relocate("MOVE", &format!("{UPLOADS}/t/.file"), to).await
}

/// Chunks of this size, in this order, over restarts; then all of it, and nothing else in the store.
async fn whole_upload(store: MemoryBlobs, size: usize, order: &[usize], restart: bool) {
    let mut house = house(&store).await;
    let all = pattern(size * order.len(), 9);
    for index in order {
        let start = index * size;
        let stored = chunk(&house, *index as u32 + 1, start, &all.slice(start..start + size)).await;
        assert_eq!(stored.status, 201, "chunk {index} of {size}: {stored:?}");
        if restart {
            house.restart().await;
        }
    }
    let closed = close(&house, "whole").await;
    assert_eq!(closed.status, 201, "{size} {order:?}: {closed:?}");
    house.holds("whole", &all).await;
    house.settle().await;
    assert_eq!(house.verify().await, Vec::<String>::new());
    for _ in 0..200 {
        // Notes and pieces go in the background.
        if store.keys().len() == 2 && store.uploads() == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let keys = store.keys();
    assert!(keys.len() == 2 && keys[1] == "owner", "one file, and the owner's mark: {keys:?}");
    assert_eq!(store.uploads(), 0, "{size} {order:?}");
    house.restart().await;
    house.holds("whole", &all).await;
}

#[tokio::test]
async fn chunks_of_any_size_survive_restarts() {
    for size in [1, 15, 16, 5000, 64 << 10, 100_000, 200_001] {
        for restart in [false, true] {
            whole_upload(MemoryBlobs::new(), size, &[0, 1, 2, 3, 4], restart).await;
        }
    }
}

#[tokio::test]
async fn chunks_in_any_order_survive_restarts() {
    for order in [&[1, 0, 2][..], &[2, 1, 0], &[0, 2, 1, 3], &[0, 1, 3, 2]] {
        for restart in [false, true] {
            whole_upload(MemoryBlobs::new(), 90_000, order, restart).await;
        }
    }
}

#[tokio::test]
async fn a_store_without_parts_takes_chunks_too() {
    let store = MemoryBlobs::new();
    let abilities = BlobAbilities { multipart: false, server_copy: false, ..store.abilities() };
    for restart in [false, true] {
        let store = MemoryBlobs::new().with_abilities(abilities);
        whole_upload(store, 90_000, &[0, 1, 2, 3], restart).await;
    }
}

#[tokio::test]
async fn a_chunk_that_is_cut_changes_nothing() {
    let store = MemoryBlobs::new();
    let mut house = house(&store).await;
    let all = pattern(300_000, 3);
    assert_eq!(chunk(&house, 1, 0, &all.slice(..100_000)).await.status, 201);
    for restart in [false, true] {
        let at = format!("{UPLOADS}/t/2");
        let fields = [("oc-chunk-offset", "100000"), ("content-length", "200001")];
        let cut = house.ask("PUT", &at, &fields, pattern(150_000, 77)).await;
        assert_eq!(cut.status, 400, "{cut:?}");
        if restart {
            house.restart().await;
        }
    }
    assert_eq!(chunk(&house, 2, 100_000, &all.slice(100_000..)).await.status, 201);
    assert_eq!(close(&house, "whole").await.status, 201);
    house.holds("whole", &all).await;
}

#[tokio::test]
async fn a_chunk_that_was_taken_back_is_sent_again() {
    let store = MemoryBlobs::new();
    let house = house(&store).await;
    let all = pattern(300_000, 3);
    for (name, range) in [(1, 0..100_000), (2, 100_000..200_000)] {
        assert_eq!(chunk(&house, name, range.start, &all.slice(range)).await.status, 201);
    }
    house.must(204, "DELETE", &format!("{UPLOADS}/t/2"), &[], "").await;
    for (name, range) in [(2, 100_000..150_000), (3, 150_000..300_000)] {
        let stored = chunk(&house, name, range.start, &all.slice(range)).await;
        assert_eq!(stored.status, 201, "chunk {name}: {stored:?}");
    }
    assert_eq!(close(&house, "whole").await.status, 201);
    house.holds("whole", &all).await;
}

#[tokio::test]
async fn a_closing_move_that_was_refused_can_be_repeated() {
    let store = MemoryBlobs::new();
    let mut house = house(&store).await;
    let all = pattern(200_000, 3);
    assert_eq!(chunk(&house, 1, 0, &all).await.status, 201);
    let sum = [("oc-checksum", "SHA1:0000000000000000000000000000000000000000")];
    for round in 0..3 {
        let to = format!("/remote.php/dav/{FILES}/no/such/folder");
        let at = format!("{UPLOADS}/t/.file");
        let refused = house.ask("MOVE", &at, &[("destination", &to)], "").await;
        assert_eq!(refused.status, 409, "{refused:?}");
        let to = format!("/remote.php/dav/{FILES}/whole");
        let refused = house.ask("MOVE", &at, &[("destination", &to), sum[0]], "").await;
        assert_eq!(refused.status, 400, "round {round}: {refused:?}");
        if round == 1 {
            house.restart().await;
        }
    }
    // And goes on with another chunk.
    let more = pattern(100_000, 4);
    assert_eq!(chunk(&house, 2, 200_000, &more).await.status, 201);
    assert_eq!(close(&house, "whole").await.status, 201);
    house.holds("whole", &[all, more].concat().into()).await;
}

#[tokio::test]
async fn an_abandoned_upload_leaves_nothing() {
    let store = MemoryBlobs::new();
    let mut house = house(&store).await;
    for (name, offset) in [(1, 0), (2, 200_000), (4, 600_000)] {
        assert_eq!(chunk(&house, name, offset, &pattern(200_000, name)).await.status, 201);
    }
    house.restart().await;
    house.must(204, "DELETE", &format!("{UPLOADS}/t"), &[], "").await;
    assert_eq!((store.keys(), store.uploads()), (vec!["owner".to_owned()], 0));
}

#[tokio::test]
async fn a_write_in_the_middle_keeps_the_rest() {
    let store = MemoryBlobs::new();
    let house = house(&store).await;
    let all = pattern(300_000, 3);
    house.put("f", &all).await;
    let fields = [
        ("content-type", "application/x-sabredav-partialupdate"),
        ("x-update-range", "bytes=1000-50999"),
    ];
    let patched = house.ask("PATCH", &format!("{FILES}/f"), &fields, pattern(50_000, 4)).await;
    assert_eq!(patched.status, 204, "{patched:?}");
    let expected = [&all[..1000], &pattern(50_000, 4), &all[51_000..]].concat();
    house.holds("f", &expected.into()).await;
}

#[tokio::test]
async fn closing_an_upload_moves_no_bytes() {
    let flaky = Flaky::new(Arc::new(MemoryBlobs::new()));
    let house = House::new(Arc::new(flaky.clone()), small_parts()).await;
    house.must(201, "MKCOL", &format!("{UPLOADS}/t"), &[], "").await;
    for index in 0..20 {
        let body = pattern(200_000, index);
        assert_eq!(chunk(&house, index + 1, index as usize * 200_000, &body).await.status, 201);
    }
    flaky.arm(None);
    assert_eq!(close(&house, "whole").await.status, 201);
    // The note, whether it is finished already, the last part, the end; some to tidy up behind it.
    assert!(flaky.calls() < 12, "{} calls for 62 parts", flaky.calls());
}
