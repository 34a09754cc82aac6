//! Changing what is in a mount.

use super::{PROPS, to};
use crate::house::{Grafted, House};

#[tokio::test]
async fn everything_that_works_in_a_home_works_in_a_mount() {
    let house = House::music().await;
    house.quota(10).await;
    house.mkcol("Music/Live").await;
    // Nobody's quota counts in a mount.
    house.put("Music/Live/a.txt", "a".repeat(1000)).await;
    house.put("Music/Live/a.txt", "b".repeat(2000)).await;
    assert_eq!(house.ask("PUT", "own.txt", &[], "a".repeat(11)).await.status, 507);
    assert_eq!(house.row("alice", "Music").await.name, "Music");
    let moved = to("Music/b.txt");
    assert_eq!(house.status("MOVE", "Music/Live/a.txt", &[("destination", &moved)]).await, 201);
    let copied = to("Music/Live/c.txt");
    assert_eq!(house.status("COPY", "Music/b.txt", &[("destination", &copied)]).await, 201);
    assert_eq!(house.status("DELETE", "Music/b.txt", &[]).await, 204);
    house.publisher.settle(true).await;
    assert_eq!(std::fs::read(house.on_mount("Live/c.txt")).unwrap(), "b".repeat(2000).as_bytes());
    assert!(!house.on_mount("b.txt").exists() && !house.on_mount("Live/a.txt").exists());
    assert!(!house.folder.path().join("files/alice/Music").exists());
    assert_eq!(house.strays().await, [""; 0]);
    let size = house.ask("PROPFIND", "", &[("depth", "0")], PROPS).await;
    size.has("<oc:size>0</oc:size>");
}

#[tokio::test]
async fn mount_points_stay_where_they_are() {
    let house = House::mounting(&[Grafted::at("Music"), Grafted::at("Team/Plans")]).await;
    house.put("own.txt", "own").await;
    house.mkcol("Own").await;
    let elsewhere = to("Elsewhere");
    let (music, team, plans) = (to("Music"), to("Team"), to("Team/Plans"));
    for (method, at, destination, status, source) in [
        ("DELETE", "Music", None, 403, "a mount's root"),
        ("DELETE", "Team/Plans", None, 403, "a mount's root"),
        ("DELETE", "Team", None, 403, "a folder with a mount in it"),
        ("MOVE", "Music", Some(&elsewhere), 403, "a mount's root"),
        ("MOVE", "Team", Some(&elsewhere), 403, "a folder with a mount in it"),
        ("MOVE", "Own", Some(&music), 403, "onto a mount"),
        ("MOVE", "Own", Some(&team), 403, "onto a folder with a mount in it"),
        ("COPY", "own.txt", Some(&plans), 403, "onto a mount"),
        ("MKCOL", "Music", None, 405, "it exists"),
        ("PUT", "Music", None, 409, "a folder"),
        ("COPY", "Music", Some(&elsewhere), 201, "a copy is a folder like any other"),
    ] {
        let mut fields = Vec::new();
        fields.extend(destination.map(|to| ("destination", to.as_str())));
        assert_eq!(house.status(method, at, &fields).await, status, "{method} {at}: {source}");
    }
    assert_eq!(house.list("alice", "", "1").await.len(), 6);
    assert_eq!(house.row("alice", "Elsewhere").await.root, "false");
}

#[tokio::test]
async fn nobody_changes_a_read_only_mount() {
    let house = House::mounting(&[Grafted { read_only: true, ..Grafted::at("Music") }]).await;
    std::fs::create_dir(house.on_mount("Live")).unwrap();
    std::fs::write(house.on_mount("Live/a.txt"), "la").unwrap();
    house.content.look_into(":1").await;
    house.content.look_into(":1/Live").await;
    house.put("own.txt", "own").await;
    for path in ["Music", "Music/Live", "Music/Live/a.txt"] {
        assert_eq!(house.row("alice", path).await.letters, "MG", "{path}");
    }
    assert_eq!(house.bytes("Music/Live/a.txt").await, "la");
    let before = house.snapshot().await;
    let (inside, outside) = (to("Music/Live/x.txt"), to("x.txt"));
    for (method, at, fields) in [
        ("PUT", "Music/Live/b.txt", vec![]),
        ("PUT", "Music/Live/a.txt", vec![]),
        ("MKCOL", "Music/New", vec![]),
        ("DELETE", "Music/Live/a.txt", vec![]),
        ("PROPPATCH", "Music/Live/a.txt", vec![]),
        ("LOCK", "Music/Live/a.txt", vec![]),
        ("PATCH", "Music/Live/a.txt", vec![("x-recalculate-hash", "md5")]),
        ("MOVE", "Music/Live/a.txt", vec![("destination", outside.as_str())]),
        ("MOVE", "own.txt", vec![("destination", inside.as_str())]),
        ("COPY", "own.txt", vec![("destination", inside.as_str())]),
    ] {
        assert_eq!(house.status(method, at, &fields).await, 403, "{method} {at}");
    }
    assert_eq!(house.snapshot().await, before);
    let fields = [("destination", outside.as_str())];
    assert_eq!(house.status("COPY", "Music/Live/a.txt", &fields).await, 201);
    assert_eq!(house.bytes("x.txt").await, "la");
}

#[tokio::test]
async fn conditions_and_locks_reach_over_the_border() {
    let house = House::music().await;
    house.put("own.txt", "own").await;
    house.put("Music/a.txt", "a").await;
    let info = r#"<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope><d:locktype><d:write/></d:locktype></d:lockinfo>"#;
    let locked = house.ask("LOCK", "Music/a.txt", &[("timeout", "Second-60")], info).await;
    assert_eq!(locked.status, 200);
    locked.has("<d:href>/remote.php/dav/files/alice/Music/a.txt</d:href>");
    let token = locked.header("lock-token").to_owned();
    let refused = house.ask_as("bob", "PUT", "Music/a.txt", &[], "b").await;
    assert_eq!(refused.status, 423);
    refused.has("<d:href>/remote.php/dav/files/bob/Music/a.txt</d:href>");
    let destination = to("Music/a.txt");
    let onto = |token: &str| format!("<{destination}> ({token})");
    let fields = [("destination", destination.as_str())];
    assert_eq!(house.status("MOVE", "own.txt", &fields).await, 423);
    let submitted = onto(&token);
    let fields = [("destination", destination.as_str()), ("if", submitted.as_str())];
    assert_eq!(house.status("MOVE", "own.txt", &fields).await, 204);
    assert_eq!(house.bytes("Music/a.txt").await, "own");
    let etag = house.ask("HEAD", "Music/a.txt", &[], "").await.header("etag").to_owned();
    for (value, status) in [(format!("<{destination}> ([{etag}])"), 204), (onto("[\"x\"]"), 412)] {
        let fields = [("if", value.as_str())];
        house.put("other.txt", "other").await;
        assert_eq!(house.status("DELETE", "other.txt", &fields).await, status, "{value}");
    }
}
