//! From one storage to another.

use std::sync::Arc;

use moonsail::content::Publisher;
use moonsail::store;
use moonsail::wire::Body;

use super::to;
use crate::house::{Grafted, House};

#[tokio::test]
async fn what_is_moved_keeps_its_ids_and_what_is_copied_is_new() {
    let house = House::mounting(&[Grafted::at("Music"), Grafted::at("Plans")]).await;
    house.mkcol("Folder").await;
    house.mkcol("Folder/sub").await;
    house.put("Folder/sub/a.txt", "a content").await;
    house.put("Folder/b.txt", "b").await;
    let before = house.row("alice", "Folder/sub/a.txt").await;
    let folder = house.row("alice", "Folder").await;
    let size =
        |house: &House| std::fs::read_dir(house.folder.path().join("files/alice")).unwrap().count();
    for (from, at) in [("Folder", "Music/Folder"), ("Music/Folder", "Plans/F"), ("Plans/F", "Back")]
    {
        let destination = to(at);
        let fields = [("destination", destination.as_str())];
        let moved = house.ask("MOVE", from, &fields, "").await;
        assert_eq!(moved.status, 201, "{from} to {at}: {moved:?}");
        assert!(moved.header("oc-fileid").contains(&folder.id));
        assert_eq!(house.status("PROPFIND", from, &[]).await, 404, "{from}");
        let file = house.row("alice", &format!("{at}/sub/a.txt")).await;
        assert_eq!((&file.id, &file.etag), (&before.id, &before.etag), "{at}");
        // Before and after it is published.
        assert_eq!(house.bytes(&format!("{at}/sub/a.txt")).await, "a content");
        house.publisher.settle(true).await;
        assert_eq!(house.bytes(&format!("{at}/b.txt")).await, "b");
        assert_eq!(house.row("alice", at).await.id, folder.id);
    }
    assert_eq!(size(&house), 1);
    assert!(!house.on_mount("Folder").exists());
    assert!(house.folder.path().join("files/alice/Back/sub/a.txt").is_file());
    let destination = to("Music/copy");
    let fields = [("destination", destination.as_str())];
    assert_eq!(house.status("COPY", "Back", &fields).await, 201);
    assert_eq!(house.bytes("Music/copy/sub/a.txt").await, "a content");
    assert_ne!(house.row("alice", "Music/copy/sub/a.txt").await.id, before.id);
    house.publisher.settle(true).await;
    assert_eq!(std::fs::read(house.on_mount("copy/sub/a.txt")).unwrap(), b"a content");
    // Onto something: 204, and refused where it is not to be replaced.
    assert_eq!(house.status("COPY", "Back", &[fields[0], ("overwrite", "F")]).await, 412);
    assert_eq!(house.status("MOVE", "Back", &fields).await, 204);
    assert_eq!(house.row("alice", "Music/copy").await.id, folder.id);
    assert_eq!(house.strays().await, [""; 0]);
    let missing = to("Music/no/such");
    assert_eq!(house.status("MOVE", "Music/copy", &[("destination", &missing)]).await, 409);
    let missing = to("no/such");
    assert_eq!(house.status("MOVE", "Music/copy", &[("destination", &missing)]).await, 409);
    assert_eq!(house.bytes("Music/copy/b.txt").await, "b");
}

#[tokio::test]
async fn the_quota_is_that_of_the_new_place() {
    let house = House::music().await;
    house.put("Music/large.txt", "x".repeat(100)).await;
    house.quota(50).await;
    let destination = to("large.txt");
    let fields = [("destination", destination.as_str())];
    assert_eq!(house.status("MOVE", "Music/large.txt", &fields).await, 507);
    assert_eq!(house.status("COPY", "Music/large.txt", &fields).await, 507);
    house.quota(100).await;
    assert_eq!(house.status("MOVE", "Music/large.txt", &fields).await, 201);
    let destination = to("Music/again.txt");
    let fields = [("destination", destination.as_str())];
    assert_eq!(house.status("MOVE", "large.txt", &fields).await, 201);
    assert_eq!(house.ask("PUT", "small.txt", &[], "y".repeat(100)).await.status, 201);
}

#[tokio::test]
async fn chunked_uploads_end_in_a_mount_whether_it_was_told_or_not() {
    let house = House::music().await;
    let destination = to("Music/big.bin");
    for (transfer, told) in [("told", true), ("untold", false)] {
        let at = |name: &str| format!("/remote.php/dav/uploads/alice/{transfer}/{name}");
        let all = [("destination", destination.as_str())];
        let fields = if told { &all[..] } else { &[] };
        let made =
            house.at("MKCOL", at("").trim_end_matches('/'), fields, Body::from_bytes("")).await;
        assert_eq!(made.status, 201, "{made:?}");
        for (name, bytes) in [("1", "one "), ("2", "two "), ("3", transfer)] {
            let put = house.at("PUT", &at(name), fields, Body::from_bytes(bytes)).await;
            assert_eq!(put.status, 201, "{put:?}");
        }
        let staged = house.storage.list_stage().await.unwrap();
        assert_eq!(staged.iter().all(|(key, _)| key.0.starts_with(":1:")), told, "{staged:?}");
        let closed = house.at("MOVE", &at(".file"), &all, Body::from_bytes("")).await;
        assert!(matches!(closed.status, 201 | 204), "{closed:?}");
        let expected = format!("one two {transfer}");
        assert_eq!(house.bytes("Music/big.bin").await, expected);
        house.publisher.settle(true).await;
        assert_eq!(std::fs::read(house.on_mount("big.bin")).unwrap(), expected.as_bytes());
        assert_eq!(house.strays().await, [""; 0]);
    }
}

/// A crash between a commit and its publication: all of it is done again, on each storage.
#[tokio::test]
async fn what_was_decided_on_two_storages_is_done_after_a_crash() {
    let house = House::music().await;
    house.put("moves.txt", "moves").await;
    house.put("stays.txt", "stays").await;
    house.publisher.settle(true).await;
    let ops = async || store::read(&house.store, |tx| tx.disk_ops()).await.unwrap();
    let destination = to("Music/moved.txt");
    let fields = [("destination", destination.as_str())];
    assert_eq!(house.status("MOVE", "moves.txt", &fields).await, 201);
    let decided = ops().await;
    assert_eq!(decided.len(), 2, "one on each storage: {decided:?}");
    house.publisher.settle(true).await;
    assert_eq!(ops().await, []);
    // Decided again, in the order of the index, by another process: nothing is lost, nothing twice.
    let again = Publisher::start(Arc::clone(&house.storage), Arc::clone(&house.store));
    again.push(decided);
    again.settle(true).await;
    assert_eq!(std::fs::read(house.on_mount("moved.txt")).unwrap(), b"moves");
    assert!(!house.folder.path().join("files/alice/moves.txt").exists());
    assert_eq!(house.bytes("Music/moved.txt").await, "moves");
    assert_eq!(house.bytes("stays.txt").await, "stays");
}
