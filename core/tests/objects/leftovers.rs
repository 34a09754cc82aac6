//! What is lost is seen, and what is left over goes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moonsail::content::Expected;
use moonsail::ids::Uid;
use moonsail::storage::Durability;
use moonsail_sdk::blobs::BlobStorage;
use moonsail_sdk::memory::blobs::MemoryBlobs;

use crate::house::{FILES, House, UPLOADS, pattern, small_parts};

const DAY: Duration = Duration::from_secs(86_400);

async fn house(store: &MemoryBlobs) -> House {
    House::new(Arc::new(store.clone()), small_parts()).await
}

/// Keys of finished files.
fn objects(store: &MemoryBlobs) -> Vec<String> {
    store.keys().into_iter().filter(|key| key.starts_with("o/")).collect()
}

fn make_old(store: &MemoryBlobs) {
    store.keys().iter().for_each(|key| store.age(key, 2 * 86_400));
}

#[tokio::test]
async fn a_lost_object_is_seen_and_not_served() {
    let store = MemoryBlobs::new();
    let house = house(&store).await;
    for name in ["lost", "cut", "changed", "stays"] {
        house.put(name, &pattern(1000, name.len() as u32)).await;
    }
    house.settle().await;
    let find = async |seed: u32| {
        for key in objects(&store) {
            if store.get(&key, 0, 1000).await.unwrap() == pattern(1000, seed) {
                return key;
            }
        }
        panic!("no object of {seed}");
    };
    assert_eq!(house.verify().await, Vec::<String>::new());
    store.delete(&find(4).await).await.unwrap();
    store.put(&find(3).await, pattern(999, 3)).await.unwrap();
    store.put(&find(7).await, pattern(1000, 8)).await.unwrap();
    let mut problems = house.verify().await;
    problems.sort();
    let expected = [
        "alice/changed has other bytes than were stored",
        "alice/cut has an object of another length",
        "alice/lost is lost",
    ];
    assert_eq!(problems.len(), 3, "{problems:?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}");
    }
    for name in ["lost", "cut"] {
        let answer = house.ask("GET", &format!("{FILES}/{name}"), &[], "").await;
        assert_eq!(answer.status, 503, "{name}: {answer:?}");
    }
    house.holds("stays", &pattern(1000, 5)).await;
}

#[tokio::test]
async fn a_removed_folder_is_swept_a_day_later() {
    let store = MemoryBlobs::new();
    let house = house(&store).await;
    house.must(201, "MKCOL", &format!("{FILES}/d"), &[], "").await;
    for name in ["d/a", "d/b", "stays"] {
        house.put(name, &pattern(300_000, 1)).await;
    }
    let copied = house.relocate("COPY", &format!("{FILES}/d"), "copy").await;
    assert_eq!(copied.status, 201);
    house.must(204, "DELETE", &format!("{FILES}/d"), &[], "").await;
    house.settle().await;
    assert_eq!(objects(&store).len(), 5, "of d two, of its copy two, and one that stays");
    let swept = house.content().sweep_objects(DAY).await.unwrap();
    assert_eq!((swept.seen, swept.removed), (5, 0), "too young");
    make_old(&store);
    // Until its rows are swept, a removed folder counts as one that may come back.
    house.sweep_rows().await;
    let problems = house.verify().await;
    assert_eq!(problems, ["builtin:local 2 objects with 600000 bytes belong to no file"]);
    let swept = house.content().sweep_objects(DAY).await.unwrap();
    assert_eq!((swept.removed, swept.removed_bytes, swept.refused), (2, 600_000, 0));
    for name in ["copy/a", "copy/b", "stays"] {
        house.holds(name, &pattern(300_000, 1)).await;
    }
    assert_eq!(house.verify().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_sweeper_leaves_unfinished_uploads_and_staged_files() {
    let store = MemoryBlobs::new();
    let mut house = house(&store).await;
    house.must(201, "MKCOL", &format!("{UPLOADS}/t"), &[], "").await;
    let all = pattern(200_000, 3);
    house
        .must(201, "PUT", &format!("{UPLOADS}/t/1"), &[("oc-chunk-offset", "0")], all.clone())
        .await;
    // Closed and refused: the file is finished, and only the transfer has it.
    let (alice, expected) = (Uid::parse("alice").unwrap(), Expected::default());
    let assembled = house.content().assemble(&alice, "t", &expected).await.unwrap();
    house.content().keep_transfer(&assembled).await;
    drop(assembled);
    assert_eq!(objects(&store).len(), 1);
    for _ in 0..2 {
        make_old(&store);
        let swept = house.content().sweep_objects(DAY).await.unwrap();
        assert_eq!((swept.seen, swept.removed), (1, 0));
        house.restart().await;
    }
    let closed = house.relocate("MOVE", &format!("{UPLOADS}/t/.file"), "whole").await;
    assert_eq!(closed.status, 201, "{closed:?}");
    make_old(&store);
    assert_eq!(house.content().sweep_objects(DAY).await.unwrap().removed, 0);
    house.holds("whole", &all).await;
}

#[tokio::test]
async fn what_a_dead_process_left_is_swept() {
    let store = MemoryBlobs::new();
    let mut house = house(&store).await;
    house.put("stays", &pattern(1000, 1)).await;
    // Written, and never decided.
    let lost = house.files().put_small(Bytes::from_static(b"x"), None, Durability::Full).await;
    let mut begun = house.files().begin_stage(None).await.unwrap();
    begun.write_at(0, pattern(300_000, 2)).await.unwrap();
    begun.keep(); // as one that is killed
    assert!(lost.is_ok());
    assert!(store.uploads() == 1, "an upload is on its way");
    house.restart().await;
    assert_eq!(store.uploads(), 0, "the start has found its trace");
    make_old(&store);
    assert_eq!(house.content().sweep_objects(DAY).await.unwrap().removed, 1);
    assert_eq!(objects(&store).len(), 1);
    house.holds("stays", &pattern(1000, 1)).await;
}

#[tokio::test]
async fn a_replaced_file_goes_after_its_time() {
    let store = MemoryBlobs::new();
    let settings = moonsail::ext::blobs::BlobSettings {
        delete_after: Duration::from_millis(300),
        ..small_parts()
    };
    let house = House::new(Arc::new(store.clone()), settings).await;
    house.put("f", &pattern(1000, 1)).await;
    house.put("f", &pattern(1000, 2)).await;
    house.put("g", &pattern(1000, 3)).await;
    house.must(204, "DELETE", &format!("{FILES}/g"), &[], "").await;
    house.settle().await;
    assert_eq!(house.verify().await, Vec::<String>::new(), "what is condemned is no orphan");
    for _ in 0..500 {
        if objects(&store).len() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(objects(&store).len(), 1);
    house.holds("f", &pattern(1000, 2)).await;
}

#[tokio::test]
async fn another_index_does_not_sweep_here() {
    let store = MemoryBlobs::new();
    let first = house(&store).await;
    let claimed = first.files().objects().unwrap().claim("another").await;
    assert!(claimed.is_err(), "{claimed:?}");
}
