//! Names and things on the disk that no app can be shown.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use crate::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_served_is_told_and_never_served() {
    let house = House::seeing().await;
    house.put("\u{e9}.txt", "composed").await;
    house.publisher.settle(true).await;
    let outside = house.folder.path().join("secret");
    fs::write(&outside, "secret").unwrap();
    symlink(&outside, house.on_disk("link")).unwrap();
    symlink(house.folder.path(), house.on_disk("links")).unwrap();
    house.write_outside("e\u{301}.txt", "decomposed");
    house.write_outside("back\\slash", "x");
    fs::write(house.on_disk("").join(OsStr::from_bytes(b"caf\xe9")), "latin-1").unwrap();
    let socket = std::os::unix::net::UnixListener::bind(house.on_disk("socket")).unwrap();
    let (counts, unserved) = house.scan().await;
    assert_eq!(counts.all(), 0);
    let told: Vec<&str> = unserved.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        told,
        [
            "alice/back\\slash",
            "alice/caf\\xe9",
            "alice/e\u{301}.txt",
            "alice/link",
            "alice/links",
            "alice/socket"
        ]
    );
    let listing = house.ask("PROPFIND", "", &[], "").await;
    assert_eq!(listing.text().matches("<d:response>").count(), 2, "the root and one file");
    assert_eq!(house.bytes("\u{e9}.txt").await, "composed");
    assert_eq!(house.bytes("e\u{301}.txt").await, "composed", "one name in two forms is one file");
    for path in ["link", "links/secret", "links/files/alice/e", "socket"] {
        assert_eq!(house.ask("GET", path, &[], "").await.status, 404, "{path}");
    }
    drop(socket);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_the_place_of_a_file_is_not_followed() {
    let house = House::seeing().await;
    house.put("f", "mine").await;
    house.mkcol("d").await;
    house.put("d/g", "mine").await;
    house.publisher.settle(true).await;
    let outside = house.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("g"), "not mine").unwrap();
    fs::remove_file(house.on_disk("f")).unwrap();
    symlink(outside.join("g"), house.on_disk("f")).unwrap();
    fs::remove_dir_all(house.on_disk("d")).unwrap();
    symlink(&outside, house.on_disk("d")).unwrap();
    for path in ["f", "d/g"] {
        let answer = house.ask("GET", path, &[], "").await;
        assert!(matches!(answer.status, 404 | 503), "{path}: {answer:?}");
    }
    house.scan().await;
    for (method, path) in [("GET", "f"), ("GET", "d/g"), ("PROPFIND", "d"), ("DELETE", "d/g")] {
        assert_eq!(house.ask(method, path, &[], "").await.status, 404, "{method} {path}");
    }
    assert_eq!(house.ask("PUT", "d/g", &[], "x").await.status, 409);
    // A folder of that name is a new one; the link goes aside, what it points to stays.
    house.mkcol("d").await;
    house.put("d/g", "mine again").await;
    house.publisher.settle(true).await;
    assert_eq!(fs::read(outside.join("g")).unwrap(), b"not mine");
    assert_eq!(house.bytes("d/g").await, "mine again");
}
