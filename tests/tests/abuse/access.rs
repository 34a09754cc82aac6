//! One user against another: by path, by id, by token, on every endpoint (threats §0.3, §3).
//!
//! What is Bob's must answer Alice as what does not exist: the same status, the same body.

use anyhow::{Result, ensure};
use e2e::http::{Request, Response};

use crate::house::{FILES, House, METHODS, SECRET, between, search, whole};

/// Something of Bob's in each place that a user has.
fn furnish(house: &House) -> Result<()> {
    let bob = "/remote.php/dav/files/bob";
    ensure!(house.bob("MKCOL", &format!("{bob}/folder"), &[], b"")?.status == 201);
    for name in ["secret.txt", "folder/secret.txt"] {
        let made = house.bob("PUT", &format!("{bob}/{name}"), &[], SECRET.as_bytes())?;
        ensure!(made.status == 201, "{name}");
    }
    let transfer = "/remote.php/dav/uploads/bob/up-1";
    ensure!(house.bob("MKCOL", transfer, &[], b"")?.status == 201);
    ensure!(house.bob("PUT", &format!("{transfer}/1"), &[], SECRET.as_bytes())?.status == 201);
    ensure!(house.ask("PUT", &format!("{FILES}a.txt"), &[], b"hello")?.status == 201);
    Ok(())
}

/// Status, fields that are not about this exchange, and body, without the name that was asked for.
fn face(answer: &Response, name: &str) -> String {
    let fields: Vec<String> = answer
        .fields
        .iter()
        .filter(|(field, _)| !["date", "x-request-id", "content-length"].contains(&field.as_str()))
        .map(|(field, value)| format!("{field}: {value}"))
        .collect();
    format!("{}\n{}\n{}", answer.status, fields.join("\n"), answer.text()).replace(name, "NAME")
}

/// Bob's things, and what does not exist in their place.
const PAIRS: &[(&str, &str)] = &[
    ("/remote.php/dav/files/bob", "/remote.php/dav/files/nob"),
    ("/remote.php/dav/files/bob/", "/remote.php/dav/files/nob/"),
    ("/remote.php/dav/files/bob/secret.txt", "/remote.php/dav/files/nob/secret.txt"),
    ("/remote.php/dav/files/bob/folder/", "/remote.php/dav/files/nob/folder/"),
    ("/remote.php/dav/files/bob/folder/secret.txt", "/remote.php/dav/files/nob/folder/secret.txt"),
    ("/remote.php/dav/files/bob/none.txt", "/remote.php/dav/files/nob/none.txt"),
    ("/remote.php/dav/files/%62ob/secret.txt", "/remote.php/dav/files/%6eob/secret.txt"),
    ("/remote.php/dav/files/BOB/secret.txt", "/remote.php/dav/files/NOB/secret.txt"),
    ("/remote.php/dav//files//bob//secret.txt", "/remote.php/dav//files//nob//secret.txt"),
    ("/index.php/remote.php/dav/files/bob/", "/index.php/remote.php/dav/files/nob/"),
    ("/remote.php/dav/uploads/bob", "/remote.php/dav/uploads/nob"),
    ("/remote.php/dav/uploads/bob/up-1", "/remote.php/dav/uploads/nob/up-1"),
    ("/remote.php/dav/uploads/bob/up-1/1", "/remote.php/dav/uploads/nob/up-1/1"),
    ("/remote.php/dav/uploads/bob/up-1/.file", "/remote.php/dav/uploads/nob/up-1/.file"),
    // Alice's own place: Bob's transfer has no name there.
    ("/remote.php/dav/uploads/alice/up-1", "/remote.php/dav/uploads/alice/no-1"),
    ("/remote.php/dav/principals/users/bob", "/remote.php/dav/principals/users/nob"),
    ("/remote.php/dav/trashbin/bob/trash", "/remote.php/dav/trashbin/nob/trash"),
    ("/remote.php/dav/versions/bob/versions/1", "/remote.php/dav/versions/nob/versions/1"),
];

#[test]
fn what_is_bobs_answers_alice_as_what_does_not_exist() -> Result<()> {
    let house = House::start()?;
    furnish(&house)?;
    let bobs = house.bob("PROPFIND", "/remote.php/dav/files/bob/", &[("Depth", "1")], b"")?.text();
    let mut connection = house.connect()?;
    for (his, none) in PAIRS {
        for method in METHODS {
            // Making a transfer of one's own is no crime.
            if *his == "/remote.php/dav/uploads/alice/up-1" && method == "MKCOL" {
                continue;
            }
            let theirs = connection.send(&whole(house.request(method, his)))?;
            let nobodys = connection.send(&whole(house.request(method, none)))?;
            let (seen, wanted) = (face(&theirs, "bob"), face(&nobodys, "nob"));
            let (seen, wanted) = (seen.replace("BOB", "NAME"), wanted.replace("NOB", "NAME"));
            ensure!(seen == wanted, "{method} {his}:\n{seen}\nand {none}:\n{wanted}");
            ensure!(theirs.status >= 400 || his.contains("alice"), "{method} {his}: {seen}");
            ensure!(!theirs.text().contains(SECRET), "{method} {his} shows the secret");
        }
    }
    let after = house.bob("PROPFIND", "/remote.php/dav/files/bob/", &[("Depth", "1")], b"")?.text();
    ensure!(after == bobs, "something of Bob's has changed");
    let chunk = house.bob("PROPFIND", "/remote.php/dav/uploads/bob/up-1", &[], b"")?.text();
    ensure!(chunk.contains("/up-1/1<"), "the chunk is gone: {chunk}");
    house.finish()
}

#[test]
fn nobody_takes_from_bob_nor_gives_him() -> Result<()> {
    let house = House::start()?;
    furnish(&house)?;
    for method in ["MOVE", "COPY"] {
        for (his, none) in [("bob", "nob"), ("BOB", "NOB"), ("%62ob", "%6eob")] {
            for name in ["secret.txt", "folder", "new.txt"] {
                let ask = |user: &str| {
                    let to = format!("/remote.php/dav/files/{user}/{name}");
                    let fields = [("Destination", to.as_str()), ("Overwrite", "T")];
                    house.ask(method, &format!("{FILES}a.txt"), &fields, b"")
                };
                let (theirs, nobodys) = (ask(his)?, ask(none)?);
                ensure!(theirs.status == 403, "{method} to {his}/{name}: {}", theirs.status);
                ensure!(face(&theirs, his) == face(&nobodys, none), "{method} to {his}/{name}");
            }
        }
    }
    let got = house.bob("GET", "/remote.php/dav/files/bob/secret.txt", &[], b"")?;
    ensure!(got.text() == SECRET, "Bob's file is {}", got.text());
    house.finish()
}

/// The number in a listing.
fn file_id(listed: &Response) -> Result<u64> {
    Ok(between(&listed.text(), "<oc:fileid>", "</oc:fileid>")?.parse()?)
}

#[test]
fn ids_of_bobs_find_nothing() -> Result<()> {
    let house = House::start()?;
    furnish(&house)?;
    let wanted = br#"<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><oc:fileid/></d:prop></d:propfind>"#;
    let his = "/remote.php/dav/files/bob/secret.txt";
    let id = file_id(&house.bob("PROPFIND", his, &[("Depth", "0")], wanted)?)?;
    let missing = id + 1_000_000;
    for scope in ["/files/alice", "/files/alice/", "", "/files/bob", "/files/nob", "/files", "/"] {
        let theirs = house.ask("SEARCH", "/remote.php/dav/", &[], search(scope, id).as_bytes())?;
        let body = search(scope, missing);
        let nobodys = house.ask("SEARCH", "/remote.php/dav/", &[], body.as_bytes())?;
        ensure!(face(&theirs, "bob") == face(&nobodys, "nob"), "{scope}: {}", theirs.text());
        ensure!(!theirs.text().contains("secret"), "{scope}: {}", theirs.text());
    }
    let (bobs, nobs) = (search("/files/bob", id), search("/files/nob", id));
    let theirs = house.ask("SEARCH", "/remote.php/dav/", &[], bobs.as_bytes())?;
    let nobodys = house.ask("SEARCH", "/remote.php/dav/", &[], nobs.as_bytes())?;
    ensure!(theirs.status == 409, "{}", theirs.status);
    ensure!(face(&theirs, "bob") == face(&nobodys, "nob"), "{}", theirs.text());
    // What both have as a favourite is nothing that both see.
    let favourite = br#"<d:propertyupdate xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:set><d:prop><oc:favorite>1</oc:favorite></d:prop></d:set></d:propertyupdate>"#;
    ensure!(house.bob("PROPPATCH", his, &[], favourite)?.status == 207);
    let report = br#"<oc:filter-files xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><oc:fileid/></d:prop><oc:filter-rules><oc:favorite>1</oc:favorite></oc:filter-rules></oc:filter-files>"#;
    let found = house.ask("REPORT", FILES, &[], report)?;
    ensure!(found.status == 207 && !found.text().contains("d:response>"), "{}", found.text());
    // Addresses by id, of what is not built and what may be some day.
    for target in [
        format!("/f/{id}"),
        format!("/index.php/f/{id}"),
        format!("/index.php/core/preview?fileId={id}"),
        format!("/remote.php/dav/comments/files/{id}/"),
        format!("/remote.php/dav/meta/{id}/v"),
        format!("/ocs/v2.php/apps/files/api/v1/direct?fileId={id}"),
    ] {
        for method in ["GET", "PROPFIND", "POST"] {
            let ask = |target: &str| house.ask(method, target, &[("OCS-APIRequest", "true")], b"");
            let theirs = ask(&target)?;
            let nobodys = ask(&target.replace(&id.to_string(), &missing.to_string()))?;
            ensure!(theirs.status >= 300, "{method} {target}: {}", theirs.status);
            let (his, none) = (id.to_string(), missing.to_string());
            // The ids are short, so only where they stand as such. A text may name its request.
            let shown = |answer: &Response, id: &str| {
                let text =
                    face(answer, &format!("fileId={id}")).replace(&format!("/{id}"), "/NAME");
                let lines = text.lines().filter(|line| !line.starts_with("Request id: "));
                lines.collect::<Vec<_>>().join("\n")
            };
            let (theirs, nobodys) = (shown(&theirs, &his), shown(&nobodys, &none));
            ensure!(theirs == nobodys, "{method} {target}: {theirs}\n{nobodys}");
        }
    }
    house.finish()
}

#[test]
fn lock_tokens_of_bobs_open_nothing() -> Result<()> {
    let house = House::start()?;
    furnish(&house)?;
    let his = "/remote.php/dav/files/bob/secret.txt";
    let locked = {
        let request = whole(Request::new("LOCK", his).basic("bob", &house.bob));
        house.anybody(&request)?
    };
    ensure!(locked.status == 200, "{}", locked.text());
    let token = locked.find_field("lock-token").unwrap_or_default().to_owned();
    ensure!(token.starts_with("<opaquelocktoken:"), "{token}");
    let none = "<opaquelocktoken:0000000000000000000000000000000000000000000>";
    for target in [his, "/remote.php/dav/files/alice/a.txt"] {
        let fields = [("Lock-Token", token.as_str())];
        let theirs = house.ask("UNLOCK", target, &fields, b"")?;
        let nobodys = house.ask("UNLOCK", target, &[("Lock-Token", none)], b"")?;
        ensure!(theirs.status >= 400, "UNLOCK {target}: {}", theirs.status);
        ensure!(face(&theirs, &token) == face(&nobodys, none), "UNLOCK {target}");
        for value in [format!("({token})"), format!("<{his}> ({token})")] {
            let fields = [("If", value.as_str())];
            let theirs = house.ask("PUT", target, &fields, b"mine")?;
            let nobodys = value.replace(&token, none);
            let nobodys = house.ask("PUT", target, &[("If", &nobodys)], b"mine")?;
            ensure!(theirs.status >= 400, "PUT {target} {value}: {}", theirs.status);
            ensure!(face(&theirs, &token) == face(&nobodys, none), "PUT {target} {value}");
        }
    }
    let body = br#"<d:propfind xmlns:d="DAV:"><d:prop><d:lockdiscovery/></d:prop></d:propfind>"#;
    for target in ["/remote.php/dav/", "/remote.php/dav/files/", FILES] {
        let seen = house.ask("PROPFIND", target, &[("Depth", "1")], body)?;
        ensure!(!seen.text().contains(token.trim_matches(['<', '>'])), "{target}");
    }
    let fields = [("Lock-Token", token.as_str())];
    ensure!(house.bob("UNLOCK", his, &fields, b"")?.status == 204, "the lock is gone");
    house.finish()
}

const API: &[(&str, &str)] = &[("OCS-APIRequest", "true"), ("Content-Type", FORM)];
const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn the_api_tells_alice_nothing_of_others_and_lets_her_change_nothing() -> Result<()> {
    let house = House::start()?;
    house.server.add_user_with("root", "the long password of root", &["--admin"])?;
    for version in ["v1", "v2"] {
        for (method, path, body) in [
            ("GET", "cloud/users/USER", ""),
            ("GET", "cloud/user/fields/USER", ""),
            ("PUT", "cloud/users/USER", "key=displayname&value=x"),
            ("PUT", "cloud/users/USER", "key=email&value=x@example.org"),
            ("PUT", "cloud/users/USER", "key=password&value=another-password"),
            ("PUT", "cloud/users/USER", "key=quota&value=1"),
            ("PUT", "cloud/users/USER", "key=language&value=de"),
            ("DELETE", "cloud/users/USER", ""),
            ("PUT", "cloud/users/USER/enable", ""),
            ("PUT", "cloud/users/USER/disable", ""),
            ("GET", "cloud/users/USER/groups", ""),
            ("POST", "cloud/users/USER/groups", "groupid=admin"),
            ("DELETE", "cloud/users/USER/groups", "groupid=admin"),
            ("GET", "cloud/users/USER/subadmins", ""),
            ("GET", "cloud/users", ""),
            ("GET", "cloud/users?search=USER", ""),
            ("GET", "cloud/users/details", ""),
            ("POST", "cloud/users", "userid=USER&password=another-password"),
            ("GET", "cloud/groups", ""),
            ("GET", "cloud/groups/USER", ""),
            ("POST", "cloud/groups", "groupid=USER"),
            ("GET", "cloud/groups/USER/users", ""),
            ("DELETE", "cloud/groups/USER", ""),
        ] {
            let ask = |user: &str, login: (&str, &str)| {
                let target = format!("/ocs/{version}.php/{}", path.replace("USER", user));
                let body = body.replace("USER", user);
                house.server.dav(method, &target, login, API, body.as_bytes())
            };
            for alice in [("alice", house.alice.as_str()), ("alice", crate::house::ALICE)] {
                let what = format!("{method} {version} {path} {body}");
                let (theirs, roots) = (ask("bob", alice)?, ask("root", alice)?);
                let nobodys = ask("nob", alice)?;
                ensure!(face(&theirs, "bob") == face(&nobodys, "nob"), "{what}: {}", theirs.text());
                ensure!(face(&roots, "root") == face(&nobodys, "nob"), "{what}: {}", roots.text());
                let said = theirs.text();
                let refused =
                    !said.contains("<statuscode>100<") && !said.contains("<statuscode>200<");
                ensure!(refused, "{what}: {said}");
            }
        }
    }
    // What belongs to another role is no field of hers either.
    for body in
        ["key=quota&value=none", "key=admin&value=1", "key=groups&value=admin", "key=uid&value=x"]
    {
        let answer = house.ask("PUT", "/ocs/v2.php/cloud/users/alice", API, body.as_bytes())?;
        ensure!(answer.status >= 400, "{body}: {}", answer.text());
    }
    let record = house.ask("GET", "/ocs/v2.php/cloud/user", API, b"")?.text();
    ensure!(!record.contains("<element>admin</element>"), "{record}");
    house.finish()
}

/// Everything that needs a login, asked without one and with one that is wrong.
#[test]
fn nothing_is_reached_without_a_login() -> Result<()> {
    let house = House::start_with("[auth]\nthrottle_failures = 100000\n")?;
    furnish(&house)?;
    for target in [
        "/remote.php/dav/",
        "/remote.php/dav/files/",
        "/remote.php/dav/files/bob/secret.txt",
        "/remote.php/webdav/",
        "/remote.php/dav/uploads/bob/up-1",
        "/remote.php/dav/principals/users/bob",
        "/remote.php/dav/nothing/here",
        "/index.php/remote.php/dav/files/bob/",
    ] {
        for method in METHODS {
            for request in [
                whole(Request::new(method, target)),
                whole(Request::new(method, target)).field("Remote-User", "bob"),
                whole(Request::new(method, target)).field("X-Forwarded-User", "bob"),
                whole(Request::new(method, target)).field("X-Auth-Request-User", "bob"),
                whole(Request::new(method, target)).field("Authorization", "Bearer bob"),
                whole(Request::new(method, target)).field("Cookie", "moonsail_session=bob"),
            ] {
                let answer = house.anybody(&request)?;
                ensure!(answer.status == 401, "{method} {target}: {}", answer.status);
                ensure!(!answer.text().contains(SECRET));
            }
        }
    }
    for target in
        ["cloud/user", "cloud/users", "cloud/users/bob", "cloud/groups", "core/getapppassword"]
    {
        let target = format!("/ocs/v2.php/{target}");
        let request = Request::new("GET", &target).field("OCS-APIRequest", "true");
        for request in [request.clone(), request.field("Remote-User", "bob")] {
            let answer = house.anybody(&request)?;
            ensure!(answer.status == 401, "{target}: {}", answer.status);
        }
    }
    house.finish()
}
