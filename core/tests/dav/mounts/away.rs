//! A mount whose disk is not there, and one that others change.

use std::time::Duration;

use moonsail::content::Finding;
use tokio::sync::mpsc;

use super::{PROPS, to};
use crate::house::House;

/// Longer than what was seen of a disk is believed.
const A_WHILE: Duration = Duration::from_millis(2200);

#[tokio::test]
async fn a_disk_that_is_gone_is_503_and_never_an_empty_folder() {
    let house = House::music().await;
    house.put("own.txt", "own").await;
    house.put("Music/a.txt", "a").await;
    house.publisher.settle(true).await;
    let (there, away) = (house.on_mount(""), house.folder.path().join("unplugged"));
    let before = house.list("alice", "", "1").await;
    std::fs::rename(&there, &away).unwrap();
    tokio::time::sleep(A_WHILE).await;
    let into = to("Music/x.txt");
    for (method, at, fields) in [
        ("PROPFIND", "Music", vec![]),
        ("PROPFIND", "Music/a.txt", vec![]),
        ("GET", "Music/a.txt", vec![]),
        ("PUT", "Music/b.txt", vec![]),
        ("DELETE", "Music/a.txt", vec![]),
        ("MOVE", "own.txt", vec![("destination", into.as_str())]),
    ] {
        let answer = house.ask(method, at, &fields, "").await;
        assert_eq!(answer.status, 503, "{method} {at}: {answer:?}");
    }
    assert_eq!(house.list("alice", "", "1").await, before, "the home shows it as it was");
    assert_eq!(house.bytes("own.txt").await, "own");
    // An empty folder in its place is no loss either: a disk is mounted there, as a rule.
    std::fs::create_dir(&there).unwrap();
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(house.ask("PROPFIND", "Music", &[], PROPS).await.status, 503);
    std::fs::remove_dir_all(&there).unwrap();
    std::fs::rename(&away, &there).unwrap();
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(house.list("alice", "Music", "1").await.len(), 2);
    assert_eq!(house.bytes("Music/a.txt").await, "a");
    assert_eq!(house.list("alice", "", "1").await, before);
}

#[tokio::test]
async fn what_others_change_in_a_mount_is_seen() {
    let house = House::music().await;
    assert_eq!(house.list("alice", "Music", "1").await.len(), 1);
    let keeper = tokio::spawn(house.keeper.clone().run());
    let empty = house.row("alice", "").await.etag;
    std::fs::create_dir(house.on_mount("Live")).unwrap();
    std::fs::write(house.on_mount("Live/new.txt"), "new").unwrap();
    let mut tries = 0;
    while house.status("GET", "Music/Live/new.txt", &[]).await != 200 {
        tries += 1;
        assert!(tries < 200, "it is never seen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_ne!(house.row("alice", "").await.etag, empty);
    // The server's own folder in there is nobody's business.
    assert!(house.on_mount(".moonsail").is_dir());
    assert_eq!(house.list("alice", "Music", "1").await.len(), 2);
    let hidden = to("Music/.moonsail/x");
    house.put("own.txt", "own").await;
    assert_eq!(house.ask("PUT", "Music/.moonsail", &[], "x").await.status, 403);
    assert_eq!(house.ask("MKCOL", "Music/.moonsail", &[], "").await.status, 403);
    assert_eq!(house.status("MOVE", "own.txt", &[("destination", &hidden)]).await, 403);
    keeper.abort();
}

#[tokio::test]
async fn fsck_reads_mounts_too() {
    let house = House::music().await;
    house.put("Music/a.txt", "right").await;
    house.publisher.settle(true).await;
    let problems = async || {
        let (findings, mut found) = mpsc::channel(100);
        let content = house.content.clone();
        let verify = tokio::spawn(async move { content.verify(&findings).await });
        let mut problems = Vec::new();
        while let Some(finding) = found.recv().await {
            if let Finding::Problem(problem) = finding {
                problems.push(problem.path);
            }
        }
        verify.await.unwrap().unwrap();
        problems
    };
    assert_eq!(problems().await, [""; 0]);
    std::fs::write(house.on_mount("a.txt"), "wrong").unwrap();
    assert_eq!(problems().await, [":1/a.txt"]);
}
