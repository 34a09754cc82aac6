//! Homes that are on another storage than the data folder's.

use moonsail::ids::Uid;

use super::to;
use crate::house::House;

#[tokio::test]
async fn a_home_on_a_plugin_is_a_home_like_any_other() {
    let house = House::elsewhere().await;
    let home = house.tree.find_home(&Uid::parse("alice").unwrap()).await.unwrap().unwrap();
    assert_eq!(home.base, ":1/alice");
    house.mkcol("Folder").await;
    house.put("Folder/a.txt", "one").await;
    house.put("Folder/a.txt", "another").await;
    let destination = to("Folder/b.txt");
    let fields = [("destination", destination.as_str())];
    assert_eq!(house.status("COPY", "Folder/a.txt", &fields).await, 201);
    let destination = to("Moved");
    let fields = [("destination", destination.as_str())];
    assert_eq!(house.status("MOVE", "Folder", &fields).await, 201);
    assert_eq!(house.bytes("Moved/b.txt").await, "another");
    house.publisher.settle(true).await;
    assert_eq!(house.bytes("Moved/a.txt").await, "another");
    assert_eq!(house.status("DELETE", "Moved/a.txt", &[]).await, 204);
    assert_eq!(house.list("alice", "Moved", "1").await.len(), 2);
    assert_eq!(house.row("alice", "Moved/b.txt").await.letters, "RGDNVW");
    assert!(std::fs::read_dir(house.folder.path().join("files")).unwrap().next().is_none());
    assert_eq!(house.strays().await, [""; 0]);
}
