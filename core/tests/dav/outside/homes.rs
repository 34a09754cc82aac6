//! Homes that are missing, and files that were there before their user.

use std::fs;

use moonsail::auth::NewUser;
use moonsail::wire::Body;

use crate::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_not_mounted_is_not_a_wish_to_delete_everything() {
    let house = House::seeing().await;
    house.put("f", "mine").await;
    house.publisher.settle(true).await;
    let (home, away) = (house.on_disk(""), house.folder.path().join("away"));
    fs::rename(&home, &away).unwrap();
    let rows = house.rows().await;
    let (counts, unserved) = house.scan().await;
    assert_eq!((counts.all(), unserved.len()), (0, 1), "{unserved:?}");
    fs::create_dir(&home).unwrap(); // an empty mount point
    let (counts, unserved) = house.scan().await;
    assert_eq!((counts.all(), unserved.len()), (0, 1), "{unserved:?}");
    assert_eq!(house.rows().await, rows, "nothing is deleted");
    assert_eq!(house.ask("GET", "f", &[], "").await.status, 503);
    fs::remove_dir(&home).unwrap();
    fs::rename(&away, &home).unwrap();
    assert_eq!(house.scan().await.0.all(), 0);
    assert_eq!(house.bytes("f").await, "mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_has_only_begun_is_not_the_home_yet() {
    let house = House::seeing().await;
    for name in ["a", "b", "c", "d"] {
        house.put(name, name).await;
    }
    house.publisher.settle(true).await;
    let (home, away) = (house.on_disk(""), house.folder.path().join("away"));
    fs::rename(&home, &away).unwrap();
    fs::create_dir(&home).unwrap();
    fs::copy(away.join("a"), home.join("a")).unwrap();
    let rows = house.rows().await;
    let (counts, unserved) = house.scan().await;
    assert_eq!((counts.all(), unserved.len()), (0, 1), "{unserved:?}");
    assert_eq!(house.rows().await, rows, "nothing is deleted");
    for name in ["b", "c", "d"] {
        fs::copy(away.join(name), home.join(name)).unwrap();
    }
    assert_eq!(house.scan().await.0.deleted, 0);
    assert_eq!(house.bytes("d").await, "d");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_was_copied_back_is_the_same_home() {
    let house = House::seeing().await;
    house.mkcol("d").await;
    house.put("d/f", "mine").await;
    house.publisher.settle(true).await;
    let rows = house.rows().await;
    let (home, away) = (house.on_disk(""), house.folder.path().join("away"));
    fs::rename(&home, &away).unwrap();
    let copied = std::process::Command::new("cp").arg("-a").args([&away, &home]).status().unwrap();
    assert!(copied.success());
    let (counts, unserved) = house.scan().await;
    assert_eq!((counts.all(), counts.touched, unserved.len()), (2, 2, 0), "{counts:?}");
    for (path, row) in house.rows().await {
        assert_eq!((row.id, row.etag()), (rows[&path].id, rows[&path].etag()), "{path}");
    }
    assert_eq!(house.bytes("d/f").await, "mine");
    assert_eq!(house.problems().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_were_there_before_their_user_become_the_home() {
    let house = House::seeing().await;
    let home = house.folder.path().join("files/carol");
    for number in 0..300 {
        let folder = home.join(format!("d{}", number % 10));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("f{number}")), number.to_string()).unwrap();
    }
    house
        .auth
        .create_user(NewUser { uid: "carol".to_owned(), ..NewUser::default() })
        .await
        .unwrap();
    let login = house.token("carol", false, None).await;
    let root = "/remote.php/dav/files/carol/";
    let mut answer = house.raw(&login, "PROPFIND", root, &[], Body::from_bytes("")).await;
    for _ in 0..100 {
        if answer.status != 503 {
            break;
        }
        answer = house.raw(&login, "PROPFIND", root, &[], Body::from_bytes("")).await;
    }
    // All of it, or nothing yet: who sees a part takes the rest for deleted.
    assert_eq!(answer.status, 207);
    assert_eq!(answer.text().matches("<d:response>").count(), 11);
    let at = format!("{root}d7/f237");
    let answer = house.raw(&login, "GET", &at, &[], Body::from_bytes("")).await;
    assert_eq!((answer.status, answer.text()), (200, "237"));
    assert_eq!(house.problems().await, []);
}
