//! Keys of server.toml bite: each is set to something unusual, and the running server asked.

mod world;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use world::{FILES, World, connect, free_port, rest, talk};

use crate::bed::Bed;

fn propfind(inside: &str) -> String {
    format!(r#"<d:propfind xmlns:d="DAV:"><d:prop>{inside}</d:prop></d:propfind>"#)
}

fn proppatch(name: &str, value: &str) -> String {
    format!(
        r#"<d:propertyupdate xmlns:d="DAV:"><d:set><d:prop><x:{name} xmlns:x="urn:x">{value}</x:{name}></d:prop></d:set></d:propertyupdate>"#
    )
}

fn search(condition: &str) -> String {
    format!(
        r#"<d:searchrequest xmlns:d="DAV:"><d:basicsearch><d:select><d:prop><d:getetag/></d:prop></d:select><d:from><d:scope><d:href>/files/alice</d:href><d:depth>infinity</d:depth></d:scope></d:from><d:where>{condition}</d:where></d:basicsearch></d:searchrequest>"#
    )
}

fn nested(n: usize) -> String {
    format!("{}<d:is-collection/>{}", "<d:not>".repeat(n - 1), "</d:not>".repeat(n - 1))
}

#[test]
fn bodies_and_heads_are_bounded() {
    let world = World::new(
        "[limits]\nmax_xml_bytes = 4096\nmax_xml_depth = 16\nmax_properties = 50\n\
         max_dead_property_bytes = 10\nmax_dead_properties = 2\nmax_search_operators = 4\n\
         max_search_results = 3\nmax_ranges = 2\nmax_ocs_body_bytes = 4096\n\
         max_uri_bytes = 4096\nmax_header_bytes = 8192\nmax_headers = 32\n",
    );
    world.check("PUT", "a.txt", "", "0123456789", 201);
    let many = |n: usize| propfind(&(0..n).map(|i| format!("<d:p{i}/>")).collect::<String>());
    let deep = |n: usize| propfind(&format!("{}{}", "<d:a>".repeat(n), "</d:a>".repeat(n)));
    let spaces = |n: usize| propfind(&" ".repeat(n));
    for (body, status, key) in [
        (spaces(4000), 207, "max_xml_bytes"),
        (spaces(4100), 413, "max_xml_bytes"),
        (deep(14), 207, "max_xml_depth"),
        (deep(15), 400, "max_xml_depth"),
        (many(50), 207, "max_properties"),
        (many(51), 400, "max_properties"),
    ] {
        assert_eq!(world.ask("PROPFIND", "", "Depth: 0\r\n", &body).0, status, "{key}");
    }
    for (body, found, key) in [
        (proppatch("a", "0123456789"), "200 OK", "max_dead_property_bytes"),
        (proppatch("b", "0123456789x"), "507 ", "max_dead_property_bytes"),
        (proppatch("b", ""), "200 OK", "max_dead_properties"),
        (proppatch("c", ""), "507 ", "max_dead_properties"),
    ] {
        let text = world.check("PROPPATCH", "a.txt", "", &body, 207);
        assert!(text.contains(&format!("HTTP/1.1 {found}")), "{key}: {text}");
    }
    world.check("SEARCH", "/remote.php/dav/", "", &search(&nested(4)), 207);
    world.check("SEARCH", "/remote.php/dav/", "", &search(&nested(5)), 400);
    for name in ["1", "2", "3", "4"] {
        world.check("MKCOL", name, "", "", 201);
    }
    let found = world.check("SEARCH", "/remote.php/dav/", "", &search(&nested(1)), 207);
    assert_eq!(found.matches("<d:response>").count(), 3, "max_search_results: {found}");
    world.check("GET", "a.txt", "Range: bytes=0-0,4-4\r\n", "", 206);
    world.check("GET", "a.txt", "Range: bytes=0-0,4-4,8-8\r\n", "", 200);
    let ocs = |n: usize| format!("key=display&value={}", "x".repeat(n));
    let form = "OCS-APIRequest: true\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let user = "/ocs/v2.php/cloud/users/alice";
    world.check("PUT", user, form, &ocs(100), 200);
    world.check("PUT", user, form, &ocs(5000), 413);
    world.check("GET", &format!("a.txt?{}", "x".repeat(3900)), "", "", 200);
    world.check("GET", &format!("a.txt?{}", "x".repeat(4100)), "", "", 414);
    world.check("GET", "a.txt", &format!("X-A: {}\r\n", "x".repeat(7900)), "", 200);
    world.check("GET", "a.txt", &format!("X-A: {}\r\n", "x".repeat(8200)), "", 431);
    world.check("GET", "a.txt", &"X-A: x\r\n".repeat(28), "", 200);
    world.check("GET", "a.txt", &"X-A: x\r\n".repeat(29), "", 431);
}

#[test]
fn what_is_new_leaves_free_space_alone() {
    let admin = free_port();
    let configure = |bed: &Bed, min: u64| {
        let text = format!(
            "[server]\nadmin_listen = \"127.0.0.1:{admin}\"\n\
             [storage]\nmin_free_bytes = {min}\nmax_file_bytes = 9\n"
        );
        fs::write(bed.path("server.toml"), text).unwrap();
    };
    let mut world = World::new("");
    world.bed.stop();
    configure(&world.bed, 0);
    world.bed.start();
    let health =
        || talk(admin, "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    for name in ["a.txt", "b.txt"] {
        world.check("PUT", name, "", "123456789", 201);
    }
    let too_large = world.ask("PUT", "c.txt", "", "1234567890").0;
    assert_eq!(too_large, 413, "max_file_bytes");
    let uploads = "/remote.php/dav/uploads/alice";
    world.check("MKCOL", &format!("{uploads}/one"), "", "", 201);
    assert!(health().1.contains("\"uploads_taken\":true"), "{:?}", health());

    let again = |world: &World, min: u64| {
        configure(&world.bed, min);
        world.reload();
    };
    again(&world, 1 << 60);
    let to = format!("Destination: {FILES}copy.txt\r\n");
    for (method, path, fields, body) in [
        ("PUT", "c.txt", "", "c"),
        ("PUT", "a.txt", "", "c"),
        ("PUT", "/remote.php/dav/uploads/alice/one/1", "", "c"),
        ("MKCOL", "/remote.php/dav/uploads/alice/two", "", ""),
        ("MKCOL", "folder", "", ""),
        ("COPY", "a.txt", &to, ""),
    ] {
        let text = world.check(method, path, fields, body, 507);
        assert!(text.contains("sufficient-disk-space"), "{method} {path}: {text}");
    }
    // Before the body: an answer comes though the body does not.
    let basic = STANDARD.encode(format!("alice:{}", world.token));
    let head = format!(
        "PUT {FILES}big HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {basic}\r\n\
         Content-Length: 9\r\nExpect: 100-continue\r\n\r\n"
    );
    let mut stream = connect(world.bed.port());
    stream.write_all(head.as_bytes()).unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 507");

    world.check("GET", "a.txt", "", "", 200);
    world.check("MOVE", "a.txt", &format!("Destination: {FILES}moved.txt\r\n"), "", 201);
    world.check("DELETE", "b.txt", "", "", 204);
    assert!(health().1.contains("\"uploads_taken\":false"), "{:?}", health());
    again(&world, 0);
    world.check("PUT", "c.txt", "", "c", 201);
    world.bed.stop();
}

#[test]
fn quotas_and_chunks_are_as_configured() {
    let world = World::new("[storage]\nmax_chunk_bytes = 5242880\ndefault_quota_bytes = 4096\n");
    assert!(world.capabilities().contains("\"max_size\":5242880"), "{}", world.capabilities());
    // It is a wish: clients that know better are served, too.
    world.check("MKCOL", "/remote.php/dav/uploads/alice/one", "", "", 201);
    let chunk = "x".repeat(5242881);
    world.check("PUT", "/remote.php/dav/uploads/alice/one/1", "", &chunk, 201);
    world.bed.add_user("bob", "");
    world.bed.add_user("carol", " --quota 8192");
    let show = |name: &str| {
        world.bed.run(&format!("user show {name} --json")).json()["quota_bytes"].clone()
    };
    assert_eq!(
        [show("alice"), show("bob"), show("carol")].map(|q| q.as_u64()),
        [None, Some(4096), Some(8192)]
    );
    world.bed.configure("[storage]\ndefault_quota_bytes = 5000\n");
    world.reload();
    world.bed.add_user("dave", "");
    assert_eq!(show("dave").as_u64(), Some(5000), "reloaded");
    let bob = ("bob", "password-bob");
    let own = "/remote.php/dav/files/bob/a.txt";
    assert_eq!(world.ask_as(bob, "PUT", own, "", &"x".repeat(4096)).0, 201);
    assert_eq!(world.ask_as(bob, "PUT", own, "", &"x".repeat(4097)).0, 507);
}

/// A line of an htpasswd file, with little work in its hash.
fn htpasswd(login: &str, password: &str) -> String {
    use argon2::password_hash::PasswordHasher;
    let params = argon2::Params::new(64, 1, 1, None).unwrap();
    let hash = argon2::Argon2::from(params).hash_password(password.as_bytes()).unwrap();
    format!("{login}:{hash}\n")
}

#[test]
fn the_chain_is_asked_in_its_order() {
    for (chain, alice) in
        [("'builtin:users', 'builtin:file'", 207), ("'builtin:file', 'builtin:users'", 401)]
    {
        let mut bed = Bed::new();
        let file = bed.path("htpasswd");
        let lines = htpasswd("erin", "password-erin") + &htpasswd("alice", "another one");
        fs::write(&file, lines).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        bed.add_user("alice", "");
        bed.add_user("bob", "");
        bed.configure(&format!(
            "[auth]\nchain = [{chain}]\nfile.path = 'htpasswd'\n[storage]\ndefault_quota_bytes = 77\n"
        ));
        bed.start();
        for (name, status) in [("erin", 207), ("bob", 207), ("alice", alice)] {
            let password = format!("password-{name}");
            assert_eq!(bed.dav("PROPFIND", (name, &password), "", ""), status, "{name}: {chain}");
        }
        let erin = bed.run("user show erin --json").json();
        assert_eq!(erin["quota_bytes"].as_u64(), Some(77), "default_quota_bytes: {erin}");
        bed.stop();
    }
}

#[test]
fn passwords_are_bounded_in_length_and_number() {
    let world = World::new("[auth]\nmax_password_bytes = 64\nthrottle_failures = 2\n");
    let login = |password: &str| {
        let login = ("alice", password);
        world.ask_as(login, "PROPFIND", FILES, "Depth: 0\r\n", "").0
    };
    assert_eq!(login(&"x".repeat(65)), 400, "max_password_bytes");
    assert_eq!([login("wrong"), login("wrong"), login("wrong")], [401, 401, 429]);
    assert_eq!(login("password-alice"), 429, "throttle_failures");
    assert_eq!(login(&world.token), 207, "a device that is logged in");
}

#[test]
fn the_server_has_the_names_that_it_is_given() {
    let world = World::new(
        "public_url = \"https://cloud.example.org\"\nworkers = 7\ndrain_timeout_secs = 0\n\
         [theme]\nname = \"Cloud & Co\"\nslogan = \"Ours\"\ncolor = \"#ABCDEF\"\n\
         url = \"https://example.org/about\"\n[names]\nwindows_compatible = true\n",
    );
    let told = world.capabilities();
    for part in [
        "\"name\":\"Cloud & Co\"",
        "\"slogan\":\"Ours\"",
        "\"color\":\"#abcdef\"",
        "\"url\":\"https://example.org/about\"",
        "https://cloud.example.org/static/",
        "forbidden_filename",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    let page = world.check("GET", "/index.php/login", "", "", 200);
    for part in ["Cloud &amp; Co", "<p>Ours</p>", "https://example.org/about"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    world.check("PUT", "con.txt", "", "", 400);
    world.check("MKCOL", "a:b", "", "", 400);
    world.check("PUT", "fine.txt", "", "", 201);
    let tasks = fs::read_dir(format!("/proc/{}/task", world.bed.pid())).unwrap().flatten();
    let names = tasks.map(|task| fs::read_to_string(task.path().join("comm")).unwrap_or_default());
    let workers = names.filter(|name| name.starts_with("tokio-")).count();
    assert!(workers >= 7, "{workers}");
    // drain_timeout_secs: what runs is cut at once.
    let mut world = world;
    let mut upload = world.bed.connect();
    upload.send_head("PUT", ("alice", &world.token), "late.txt", 10);
    upload.send("01234");
    world.check("PROPFIND", "", "Depth: 0\r\n", "", 207);
    let begun = Instant::now();
    world.bed.stop();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn only_trusted_proxies_are_believed() {
    let forwarded = "X-Forwarded-Host: cloud.example.org\r\nX-Forwarded-Proto: https\r\n\
                     X-Forwarded-For: 192.0.2.7\r\n";
    let start = |world: &World| world.check("POST", "/index.php/login/v2", forwarded, "", 200);
    let world = World::new("trusted_proxies = [\"127.0.0.0/8\"]\n");
    let text = start(&world);
    assert!(text.contains("https://cloud.example.org/"), "{text}");
    world.bed.configure("trusted_proxies = [\"192.0.2.1\"]\n");
    world.reload();
    let answer = world.ask("POST", "/index.php/login/v2", forwarded, "");
    assert!(!answer.1.contains("cloud.example.org"), "{answer:?}");
}

#[test]
fn connections_and_requests_are_bounded() {
    let world = World::new(
        "[limits]\nmax_connections_per_address = 3\nmax_requests_in_flight = 1\n\
         max_queued_requests = 0\n",
    );
    let upload = world.begin_upload();
    world.check("GET", "none", "", "", 503);
    // With it, the fourth connection of the address: closed before it says anything.
    let kept = [connect(world.bed.port()), connect(world.bed.port())];
    let mut fourth = connect(world.bed.port());
    assert_eq!(rest(&mut fourth).1, "", "max_connections_per_address");
    drop((upload, kept));
}

#[test]
fn slow_clients_are_cut() {
    let world = World::new(
        "[limits]\nbody_min_bytes_per_sec = 1000000\nbody_window_secs = 1\n\
         header_timeout_secs = 1\nidle_timeout_secs = 1\n",
    );
    let begun = Instant::now();
    let mut upload = world.begin_upload();
    let mut silent = connect(world.bed.port());
    let mut slow = connect(world.bed.port());
    slow.write_all(b"GET / HTTP/1.1\r\nHost: local").unwrap();
    let mut idle = connect(world.bed.port());
    idle.write_all(b"GET /status.php HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let answer = rest(&mut upload);
    assert_eq!(answer.0, 408, "body_min_bytes_per_sec: {answer:?}");
    assert_eq!([rest(&mut silent).0, rest(&mut slow).0, rest(&mut idle).0], [0, 0, 200]);
    // By default it would be after 15 seconds and after 60.
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
}

#[test]
fn the_log_is_as_configured() {
    for (settings, json, told, access) in [
        ("level = \"INFO\"\nformat = \"json\"\n", true, true, true),
        ("level = \"info,access=off\"\n", false, true, false),
        ("level = \"error\"\n", false, false, false),
    ] {
        let mut world = World::new(&format!("[log]\nfile = \"a.log\"\n{settings}"));
        world.check("PROPFIND", "", "Depth: 0\r\n", "", 207);
        world.bed.stop();
        let text = fs::read_to_string(world.bed.path("a.log")).unwrap();
        for line in text.lines() {
            let value = serde_json::from_str::<serde_json::Value>(line);
            assert_eq!(value.is_ok_and(|value| value["level"].is_string()), json, "{line}");
        }
        assert_eq!(text.contains("app password made"), told, "{settings}: {text}");
        assert_eq!(text.contains("PROPFIND"), access, "{settings}: {text}");
    }
}
