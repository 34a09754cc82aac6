//! How much one user may take (threats §0.2, §1, §6).

use anyhow::{Result, ensure};
use e2e::http::Request;

use crate::house::{FILES, House, whole};
use crate::logins::at_once;

fn patch(properties: &str) -> String {
    format!(
        r#"<d:propertyupdate xmlns:d="DAV:" xmlns:x="urn:x"><d:set><d:prop>{properties}</d:prop></d:set></d:propertyupdate>"#
    )
}

#[test]
fn properties_are_bounded_in_size_and_number_and_live_ones_are_the_servers() -> Result<()> {
    let house = House::start()?;
    let target = format!("{FILES}a.txt");
    ensure!(house.ask("PUT", &target, &[], b"hello")?.status == 201);
    let ask = |properties: &str| -> Result<String> {
        let answer = house.ask("PROPPATCH", &target, &[], patch(properties).as_bytes())?;
        ensure!(answer.status == 207, "{}", answer.status);
        Ok(answer.text())
    };
    for name in ["getetag", "getcontentlength", "resourcetype", "lockdiscovery", "quota-used-bytes"]
    {
        let said = ask(&format!("<d:{name}>x</d:{name}>"))?;
        ensure!(said.contains("403 Forbidden"), "{name}: {said}");
    }
    let fits = "x".repeat(64 * 1024);
    let said = ask(&format!("<x:a>{fits}</x:a>"))?;
    ensure!(said.contains("200 OK"), "64 KiB: {said:.300}");
    let said = ask(&format!("<x:a>{fits}y</x:a>"))?;
    ensure!(said.contains("507 "), "more than 64 KiB: {said:.300}");
    let many: String = (0..99).map(|n| format!("<x:p{n}>v</x:p{n}>")).collect();
    ensure!(ask(&many)?.contains("200 OK"), "99 more");
    ensure!(ask("<x:more>v</x:more>")?.contains("507 "), "the 101st");
    ensure!(ask("<x:p1>other</x:p1>")?.contains("200 OK"), "changing one of them");
    house.finish()
}

#[test]
fn listings_go_one_level_down() -> Result<()> {
    let house = House::start()?;
    for fields in [&[("Depth", "infinity")][..], &[("Depth", "Infinity")]] {
        let answer = house.ask("PROPFIND", FILES, fields, b"")?;
        ensure!(answer.status == 403, "{fields:?}: {}", answer.status);
        ensure!(answer.text().contains("<d:propfind-finite-depth/>"), "{}", answer.text());
    }
    for depth in ["2", "-1", "1,noroot", "99999999999999999999", "infinity "] {
        let answer = house.ask("PROPFIND", FILES, &[("Depth", depth)], b"")?;
        ensure!((400..404).contains(&answer.status), "{depth:?}: {}", answer.status);
    }
    house.finish()
}

const UPLOADS: &str = "/remote.php/dav/uploads/alice";

#[test]
fn a_user_holds_so_many_locks_transfers_and_chunks() -> Result<()> {
    let house = House::start_with(
        "[limits]\nmax_locks_per_user = 3\nmax_transfers_per_user = 2\nmax_chunks_per_transfer = 3\n",
    )?;
    let lock = |house: &House, name: &str| {
        let request = whole(house.request("LOCK", &format!("{FILES}{name}")));
        house.anybody(&request)
    };
    let first = lock(&house, "0.txt")?;
    ensure!(first.status == 201, "{}", first.text());
    for name in ["1.txt", "2.txt"] {
        ensure!(lock(&house, name)?.status == 201, "{name}");
    }
    let refused = lock(&house, "3.txt")?;
    ensure!(refused.status == 507, "the fourth lock: {}", refused.status);
    let made = house.ask("GET", &format!("{FILES}3.txt"), &[], b"")?;
    ensure!(made.status == 404, "a refused lock has made a file");
    // The apps' locks count, too; asking again for one's own is none more.
    ensure!(house.ask("PUT", &format!("{FILES}4.txt"), &[], b"x")?.status == 201);
    let app =
        |house: &House| house.ask("LOCK", &format!("{FILES}4.txt"), &[("X-User-Lock", "1")], b"");
    ensure!(app(&house)?.status == 507, "an app's lock");
    let token = first.find_field("lock-token").unwrap_or_default().to_owned();
    let fields = [("Lock-Token", token.as_str())];
    ensure!(house.ask("UNLOCK", &format!("{FILES}0.txt"), &fields, b"")?.status == 204);
    ensure!(app(&house)?.status == 200 && app(&house)?.status == 200, "there is room again");
    let bobs = Request::new("LOCK", "/remote.php/dav/files/bob/a").basic("bob", &house.bob);
    let bobs = whole(bobs);
    ensure!(house.anybody(&bobs)?.status == 201, "bob has locks of his own");

    for (name, status) in [("a", 201), ("b", 201), ("c", 507), ("a", 405)] {
        let made = house.ask("MKCOL", &format!("{UPLOADS}/{name}"), &[], b"")?;
        ensure!(made.status == status, "transfer {name}: {}", made.status);
    }
    for (name, status) in [("1", 201), ("2", 201), ("3", 201), ("4", 507), ("2", 204)] {
        let put = house.ask("PUT", &format!("{UPLOADS}/a/{name}"), &[], b"x")?;
        ensure!(put.status == status, "chunk {name}: {}", put.status);
    }
    ensure!(house.ask("DELETE", &format!("{UPLOADS}/b"), &[], b"")?.status == 204);
    ensure!(house.ask("MKCOL", &format!("{UPLOADS}/c"), &[], b"")?.status == 201);
    let to = [("Destination", "/remote.php/dav/files/alice/whole.txt")];
    ensure!(house.ask("MOVE", &format!("{UPLOADS}/a/.file"), &to, b"")?.status == 201);
    house.finish()
}

/// Chunks are bytes on the disk: those of all unfinished uploads count together, also where they
/// come at the same time.
#[test]
fn unfinished_uploads_count_against_the_quota() -> Result<()> {
    let house = House::start()?;
    house.server.add_user_with("carol", "the long password of carol", &["--quota", "1MB"])?;
    let token = house.server.token("carol")?;
    let uploads = "/remote.php/dav/uploads/carol";
    let ask = |method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]| {
        house.server.dav(method, target, ("carol", &token), fields, body)
    };
    for name in ["a", "b", "c"] {
        ensure!(ask("MKCOL", &format!("{uploads}/{name}"), &[], b"")?.status == 201);
    }
    let part = vec![b'x'; 400_000];
    ensure!(ask("PUT", &format!("{uploads}/a/1"), &[], &part)?.status == 201);
    ensure!(ask("PUT", &format!("{uploads}/b/1"), &[], &part)?.status == 201);
    let third = ask("PUT", &format!("{uploads}/c/1"), &[], &part)?;
    ensure!(third.status == 507, "1.2 MB of a megabyte: {}", third.status);
    // Given up or finished is counted once.
    ensure!(ask("DELETE", &format!("{uploads}/a"), &[], b"")?.status == 204);
    ensure!(ask("PUT", &format!("{uploads}/c/1"), &[], &part)?.status == 201);
    let to = [("Destination", "/remote.php/dav/files/carol/c.bin")];
    ensure!(ask("MOVE", &format!("{uploads}/c/.file"), &to, b"")?.status == 201);
    ensure!(ask("PUT", &format!("{uploads}/b/2"), &[], &part)?.status == 507, "beside a file");
    // What will be replaced makes room for what replaces it.
    let again = ask("PUT", &format!("{uploads}/b/2"), &to, &part)?;
    ensure!(again.status == 201, "over the file: {}", again.status);
    // Eight at once, where two have room.
    ensure!(ask("DELETE", &format!("{uploads}/b"), &[], b"")?.status == 204);
    ensure!(ask("MKCOL", &format!("{uploads}/d"), &[], b"")?.status == 201);
    let answers = at_once(&house, 8, &|number| {
        Request::new("PUT", &format!("{uploads}/d/{number}"))
            .basic("carol", &token)
            .body(vec![b'y'; 250_000])
    })?;
    let taken = answers.iter().filter(|answer| answer.status == 201).count();
    let refused = answers.iter().filter(|answer| answer.status == 507).count();
    ensure!((taken, refused) == (2, 6), "{taken} taken, {refused} refused");
    house.finish()
}

/// An app password for one folder has transfers of its own.
#[test]
fn a_device_with_one_folder_sees_no_other_devices_uploads() -> Result<()> {
    let house = House::start()?;
    ensure!(house.ask("MKCOL", &format!("{FILES}scans"), &[], b"")?.status == 201);
    let scoped = |name: &str| -> Result<String> {
        let arguments = ["token", "add", "alice", name, "--folder", "scans"];
        Ok(house.server.command(&arguments, "")?.trim().to_owned())
    };
    let (scanner, other) = (scoped("scanner")?, scoped("other")?);
    let desktop = house.alice.clone();
    let ask = |who: &str, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]| {
        house.server.dav(method, target, ("alice", who), fields, body)
    };
    // The same name three times: each has its own.
    for (who, body) in [(&desktop, "desktop"), (&scanner, "scanner"), (&other, "other")] {
        ensure!(ask(who, "MKCOL", &format!("{UPLOADS}/up"), &[], b"")?.status == 201);
        let put = ask(who, "PUT", &format!("{UPLOADS}/up/1"), &[], body.as_bytes())?;
        ensure!(put.status == 201, "{body}: {}", put.status);
    }
    ensure!(ask(&desktop, "MKCOL", &format!("{UPLOADS}/desktops-own"), &[], b"")?.status == 201);
    for who in [&scanner, &other] {
        let listed = ask(who, "PROPFIND", UPLOADS, &[("Depth", "1")], b"")?.text();
        ensure!(listed.contains(&format!("{UPLOADS}/up/<")), "its own is missing: {listed}");
        ensure!(!listed.contains("desktops-own"), "{listed}");
        for (method, target) in [
            ("PROPFIND", format!("{UPLOADS}/desktops-own")),
            ("PUT", format!("{UPLOADS}/desktops-own/1")),
            ("DELETE", format!("{UPLOADS}/desktops-own")),
            ("MOVE", format!("{UPLOADS}/desktops-own/.file")),
        ] {
            let to = [("Destination", "/remote.php/dav/files/alice/scans/x")];
            let answer = ask(who, method, &target, &to, b"")?;
            ensure!(answer.status == 404, "{method} {target}: {}", answer.status);
        }
    }
    let listed = ask(&desktop, "PROPFIND", UPLOADS, &[("Depth", "1")], b"")?.text();
    ensure!(listed.matches("<d:response>").count() == 3, "the desktop sees more: {listed}");
    ensure!(ask(&other, "DELETE", &format!("{UPLOADS}/up"), &[], b"")?.status == 204);
    for (who, name, body) in [(&desktop, "d", "desktop"), (&scanner, "scans/s", "scanner")] {
        let to = format!("{FILES}{name}");
        let fields = [("Destination", to.as_str())];
        let closed = ask(who, "MOVE", &format!("{UPLOADS}/up/.file"), &fields, b"")?;
        ensure!(closed.status == 201, "{body}: {}", closed.status);
        ensure!(house.ask("GET", &to, &[], b"")?.body == body.as_bytes(), "{body}");
    }
    house.finish()
}
