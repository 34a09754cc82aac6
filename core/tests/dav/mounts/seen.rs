//! Who sees a mount, and how.

use moonsail::auth::By;

use super::{PROPS, Row};
use crate::house::{Grafted, House};

const ROOT: &str = "/remote.php/dav/files/alice/";

fn of<'r>(rows: &'r [Row], path: &str) -> &'r Row {
    let href = format!("{ROOT}{path}");
    rows.iter().find(|row| row.href == href).unwrap_or_else(|| panic!("{path} is not in {rows:?}"))
}

#[tokio::test]
async fn a_mount_is_a_member_of_the_folder_it_is_grafted_into() {
    let house = House::mounting(&[Grafted::at("Music"), Grafted::at("Team/Plans")]).await;
    house.put("own.txt", "own").await;
    house.put("Music/song.txt", "la la la").await;
    house.mkcol("Music/Live").await;
    let home = house.list("alice", "", "1").await;
    let music = of(&home, "Music/");
    assert_eq!((&*music.name, &*music.letters), ("Music", "MGCK"));
    assert_eq!((&*music.mount_type, &*music.root), ("external", "true"));
    // A folder that holds a mount can neither go nor be renamed.
    assert_eq!(of(&home, "Team/").letters, "RGCK");
    let own = of(&home, "own.txt");
    assert_eq!((&*own.letters, &*own.mount_type, &*own.root), ("RGDNVW", "", "false"));
    assert_eq!((&*home[0].letters, &*home[0].root), ("RGDNVCK", "false"));
    assert_eq!(home.len(), 4);
    let inside = house.list("alice", "Music/", "1").await;
    let root = of(&inside, "Music/");
    assert_eq!((&root.id, &root.etag, &*root.name), (&music.id, &music.etag, "Music"));
    assert_eq!((&*root.letters, &*root.root), ("MGCK", "true"));
    let song = of(&inside, "Music/song.txt");
    assert_eq!((&*song.letters, &*song.mount_type, &*song.root), ("MGDNVW", "external", "false"));
    assert_eq!(of(&inside, "Music/Live/").letters, "MGDNVCK");
    assert_eq!(house.list("alice", "Team", "1").await.len(), 2);
    assert_eq!(house.bytes("Music/song.txt").await, "la la la");
    // One tree for all: bob sees the same file with the same id and etag.
    let bobs = house.row("bob", "Music/song.txt").await;
    assert_eq!((&bobs.id, &bobs.etag), (&song.id, &song.etag));
}

#[tokio::test]
async fn what_changes_in_a_mount_changes_the_etags_above_it_for_each_who_sees_it() {
    let plans = Grafted { users: &["alice"], ..Grafted::at("Team/Plans") };
    let house = House::mounting(&[Grafted::at("Music"), plans]).await;
    house.mkcol("Other").await;
    let etags = async || {
        let mut all = Vec::new();
        for (who, path) in
            [("alice", ""), ("alice", "Team"), ("alice", "Other"), ("bob", ""), ("alice", "Music")]
        {
            all.push(house.row(who, path).await.etag);
        }
        all
    };
    let changed = |before: &[String], after: &[String]| -> Vec<bool> {
        before.iter().zip(after).map(|(before, after)| before != after).collect()
    };
    let before = etags().await;
    assert_eq!(etags().await, before, "asked again it is the same");
    house.put("Team/Plans/a.txt", "a").await;
    let after = etags().await;
    assert_eq!(changed(&before, &after), [true, true, false, false, false]);
    let by_bob = house.ask_as("bob", "PUT", "Music/b.txt", &[], "b").await;
    assert_eq!(by_bob.status, 201);
    let last = etags().await;
    assert_eq!(changed(&after, &last), [true, false, false, true, true]);
    let listed = house.list("alice", "", "1").await;
    assert_eq!((&listed[0].etag, &of(&listed, "Team/").etag), (&last[0], &last[1]));
}

#[tokio::test]
async fn membership_counts_at_each_request() {
    let staff = Grafted { groups: &["staff"], ..Grafted::at("Team") };
    let house = House::mounting(&[staff]).await;
    let status = async |who| house.ask_as(who, "PROPFIND", "Team", &[], PROPS).await.status;
    assert_eq!((status("alice").await, status("bob").await), (404, 404));
    let before = house.row("bob", "").await.etag;
    let by = By::console();
    house.auth.create_group(&by, "staff").await.unwrap();
    house.auth.set_member(&by, "staff", "bob", true).await.unwrap();
    assert_eq!((status("alice").await, status("bob").await), (404, 207));
    assert_ne!(house.row("bob", "").await.etag, before, "the app has to be told");
    house.auth.set_member(&by, "staff", "bob", false).await.unwrap();
    assert_eq!(status("bob").await, 404);
    assert_eq!(house.row("bob", "").await.etag, before);
    assert_eq!(house.ask_as("bob", "PUT", "Team/x", &[], "x").await.status, 409);
}

#[tokio::test]
async fn what_lies_where_a_mount_is_seen_is_hidden_and_kept() {
    let none = Grafted { groups: &["staff"], ..Grafted::at("Music") };
    let house = House::mounting(&[none]).await;
    house.mkcol("Music").await;
    house.put("Music/own.txt", "own").await;
    let by = By::console();
    house.auth.create_group(&by, "staff").await.unwrap();
    house.auth.set_member(&by, "staff", "alice", true).await.unwrap();
    let rows = house.list("alice", "", "1").await;
    assert_eq!(rows.iter().filter(|row| row.href.ends_with("/Music/")).count(), 1);
    assert_eq!(of(&rows, "Music/").root, "true");
    assert_eq!(house.status("GET", "Music/own.txt", &[]).await, 404);
    house.auth.set_member(&by, "staff", "alice", false).await.unwrap();
    assert_eq!(house.bytes("Music/own.txt").await, "own");
}

#[tokio::test]
async fn favourites_and_searches_reach_into_mounts() {
    let house = House::music().await;
    house.put("needle-1.txt", "1").await;
    house.put("Music/needle-2.txt", "22").await;
    house.mkcol("Music/Live").await;
    house.put("Music/Live/needle-3.txt", "333").await;
    let search = async |scope: &str, limit: u32| {
        let body = format!(
            r#"<d:searchrequest xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:basicsearch>
            <d:select><d:prop><oc:permissions/></d:prop></d:select>
            <d:from><d:scope><d:href>/files/alice{scope}</d:href><d:depth>infinity</d:depth></d:scope></d:from>
            <d:where><d:like><d:prop><d:displayname/></d:prop><d:literal>needle%</d:literal></d:like></d:where>
            <d:orderby><d:order><d:prop><oc:size/></d:prop><d:descending/></d:order></d:orderby>
            <d:limit><d:nresults>{limit}</d:nresults></d:limit></d:basicsearch></d:searchrequest>"#
        );
        let answer = house.ask("SEARCH", "", &[("content-type", "text/xml")], body).await;
        assert_eq!(answer.status, 207, "{answer:?}");
        let hrefs = answer.text().split("<d:href>").skip(1);
        let name = |rest: &str| rest.split("</d:href>").next().unwrap_or_default().to_owned();
        hrefs.map(|rest| name(rest).replace(ROOT, "")).collect::<Vec<_>>()
    };
    let all = ["Music/Live/needle-3.txt", "Music/needle-2.txt", "needle-1.txt"];
    assert_eq!(search("", 10).await, all);
    assert_eq!(search("", 2).await, all[..2], "one order over all trees");
    assert_eq!(search("/Music/Live", 10).await, all[..1]);
    let mark = r#"<d:propertyupdate xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:set><d:prop><oc:favorite>1</oc:favorite></d:prop></d:set></d:propertyupdate>"#;
    for path in ["Music", "Music/needle-2.txt"] {
        assert_eq!(house.ask("PROPPATCH", path, &[], mark).await.status, 207);
    }
    let report = r#"<oc:filter-files xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><oc:favorite/></d:prop><oc:filter-rules><oc:favorite>1</oc:favorite></oc:filter-rules></oc:filter-files>"#;
    let marked = house.ask("REPORT", "", &[], report).await;
    assert_eq!(marked.text().matches("<d:response>").count(), 2, "{marked:?}");
    marked.has("Music/needle-2.txt</d:href>");
    marked.has("Music/</d:href>");
    let bobs = house.ask_as("bob", "REPORT", "", &[], report).await;
    assert_eq!(bobs.text().matches("<d:response>").count(), 0, "favourites are one's own");
}
