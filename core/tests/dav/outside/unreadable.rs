//! Files that the server may not read, and what lies beside them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_hinders_nothing_else() {
    if rustix::process::geteuid().is_root() {
        // Root reads everything: without the capability it does not.
        let own = std::env::current_exe().unwrap();
        let again = std::process::Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"])
            .arg(own)
            .args(["--exact", "outside::unreadable::what_cannot_be_read_hinders_nothing_else"])
            .current_dir("/")
            .status();
        assert!(again.unwrap().success(), "as another user");
        return;
    }
    let house = House::seeing().await;
    house.put("mine", "mine").await;
    house.publisher.settle(true).await;
    house.write_outside("closed", "secret");
    house.write_outside("folder/inside", "x");
    house.write_outside("open", "theirs");
    house.write_outside("z/after", "theirs");
    fs::set_permissions(house.on_disk("closed"), Permissions::from_mode(0o0)).unwrap();
    fs::set_permissions(house.on_disk("folder"), Permissions::from_mode(0o0)).unwrap();
    let (counts, unserved) = house.scan().await;
    assert_eq!(counts.created, 3, "open, z, z/after");
    let told: Vec<&str> = unserved.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(told, ["alice/closed", "alice/folder"]);
    assert_eq!(house.bytes("open").await, "theirs");
    assert_eq!(house.bytes("z/after").await, "theirs");
    fs::set_permissions(house.on_disk("mine"), Permissions::from_mode(0o0)).unwrap();
    assert_eq!(house.scan().await.0.all(), 0, "not being readable is not being gone");
    for path in ["closed", "folder", "mine"] {
        let at = house.on_disk(path);
        let mode = if at.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(at, Permissions::from_mode(mode)).unwrap();
    }
    let (counts, unserved) = house.scan().await;
    assert_eq!((counts.created, unserved.len()), (3, 0), "{counts:?}");
    assert_eq!(house.problems().await, []);
}
