//! `user`, `group` and `token`, offline and through a running server.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::bed::Bed;

/// The same story twice: with and without a server, nothing differs but who carries it out.
fn offline_and_online(story: fn(&mut Bed)) {
    story(&mut Bed::new());
    let mut bed = Bed::new();
    bed.add_user("root", " --admin");
    bed.start();
    story(&mut bed);
    bed.stop();
}

#[test]
fn a_user_is_made_changed_and_removed() {
    offline_and_online(|bed| {
        bed.add_user("alice", " --admin --group family --group staff --quota 10GB");
        bed.add_user("bob", " --display-name Bob --email bob@example.org");
        let alice = bed.run("user show alice --json").json();
        for (key, expected) in [
            ("user", json!("alice")),
            ("admin", json!(true)),
            ("enabled", json!(true)),
            ("quota_bytes", json!(10_000_000_000_u64)),
            ("used_bytes", json!(0)),
            ("groups", json!(["family", "staff"])),
            ("app_passwords", json!(0)),
        ] {
            assert_eq!(alice[key], expected, "{key}: {alice}");
        }
        assert!(bed.run("user show alice").ok().contains("0B of 10GB"));
        let list = bed.run("user list").ok();
        assert!(list.starts_with("USER") && list.contains("\nbob "), "{list}");
        bed.run("user quota alice unlimited").ok();
        bed.run("user disable bob").ok();
        bed.run_with("user passwd bob --password-stdin", "another-password\n").ok();
        let users = bed.run("user list --json").json();
        let of = |name: &str| {
            users.as_array().unwrap().iter().find(|user| user["user"] == name).unwrap().clone()
        };
        assert_eq!(of("alice")["quota_bytes"], json!(null));
        assert_eq!(of("bob")["enabled"], json!(false));
        assert_eq!(of("bob")["email"], json!("bob@example.org"));
        bed.run("user enable bob").ok();
        bed.run("user delete bob --yes").ok();
        let gone = bed.run("user show bob");
        assert_eq!((gone.code, gone.out.as_str()), (Some(1), ""), "{gone:?}");
        let again = bed.run_with("user add bob --password-stdin", "password-bob\n");
        assert_eq!(again.code, Some(1));
        assert!(again.err.contains("taken"), "{again:?}");
    });
}

#[test]
fn groups_have_members() {
    offline_and_online(|bed| {
        bed.add_user("alice", "");
        bed.run("group add family").ok();
        bed.run("group join family alice").ok();
        assert_eq!(bed.run("group show family").ok(), "alice\n");
        let groups = bed.run("group list --json").json();
        assert_eq!(groups, json!([{ "group": "family", "members": 1 }]));
        bed.run("group leave family alice").ok();
        assert_eq!(bed.run("group show family --json").json()["members"], json!([]));
        bed.run("group delete family").ok();
        assert_eq!(bed.run("group list").ok(), "GROUP  MEMBERS\n");
    });
}

#[test]
fn app_passwords_are_made_listed_and_void() {
    offline_and_online(|bed| {
        bed.add_user("alice", "");
        let token = bed.token("alice");
        let made = bed
            .run("token add alice scanner --read-only --folder Scans --expires 2099-01-31 --json")
            .json();
        assert_eq!(made["id"], 2, "{made}");
        assert_ne!(made["app_password"], json!(token));
        let list = bed.run("token list alice --json").json();
        assert_eq!(list[0]["label"], "test");
        assert_eq!(list[1]["folder"], "Scans");
        assert_eq!(list[1]["read_only"], true);
        assert_eq!(list[1]["expires"], 4_073_587_200_i64);
        let shown = bed.run("token list alice").ok();
        assert!(shown.contains("read in Scans") && !shown.contains(&token), "{shown}");
        bed.run("token revoke alice 1").ok();
        bed.run("token wipe alice 2").ok();
        let list = bed.run("token list alice --json").json();
        assert_eq!(list.as_array().unwrap().len(), 1);
        assert_eq!(list[0]["wipe"], true);
    });
}

#[test]
fn refusals_say_why_and_what_was_perhaps_meant() {
    offline_and_online(|bed| {
        bed.add_user("alice", "");
        bed.run("group add family").ok();
        for (line, input, code, part) in [
            ("user show alcie", "", 1, "there is no user alcie; perhaps alice is meant"),
            ("user disable nobody", "", 1, "there is no user nobody"),
            ("token add alcie x", "", 1, "perhaps alice"),
            ("group show famly", "", 1, "there is no group famly; perhaps family is meant"),
            ("group join family alcie", "", 1, "perhaps alice"),
            ("group join famly alice", "", 1, "perhaps family"),
            ("group add family", "", 1, "the group exists already"),
            ("token revoke alice 99", "", 1, "token list alice"),
            ("token add alice x --expires 2020-01-31", "", 1, "void already"),
            ("user delete alice", "", 2, "give --yes"),
            ("user add Alice --password-stdin", "password-1\n", 1, "taken"),
            ("user add carol --password-stdin", "short\n", 1, "at least 8 characters"),
            ("user add carol --password-stdin", "", 2, "no password on standard input"),
            ("user add carol", "password-1\n", 2, "--password-stdin"),
            ("user add carol --password x", "", 2, "--password"),
            ("user add ../carol --password-stdin", "password-1\n", 2, "a user id is"),
            ("user quota alice 10XB", "", 2, "10XB"),
            ("user lst", "", 2, "lst"),
            ("--config none.toml user list", "", 2, "none.toml"),
            ("--data none user list", "", 1, "there is no data folder"),
        ] {
            let ran = bed.run_with(line, input);
            assert_eq!(ran.code, Some(code), "{line}: {ran:?}");
            assert!(ran.err.contains(part) && ran.out.is_empty(), "{line}: {ran:?}");
        }
        assert!(!bed.path("none").exists());
        assert_eq!(bed.run("user show carol").code, Some(1));
    });
}

#[test]
fn the_last_administrator_stays() {
    let bed = Bed::new();
    bed.add_user("alice", " --admin");
    for line in ["user delete alice --yes", "user disable alice"] {
        let ran = bed.run(line);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains("last administrator"), "{ran:?}");
    }
}

#[test]
fn commands_bite_on_the_next_request() {
    let mut bed = Bed::new();
    bed.add_user("root", " --admin");
    bed.add_user("alice", " --quota 1kB");
    bed.start();
    let (first, second) = (bed.token("alice"), bed.token("alice"));
    let ask = |bed: &Bed, password: &str| bed.dav("PROPFIND", ("alice", password), "", "");
    for password in [first.as_str(), second.as_str(), "password-alice"] {
        assert_eq!(ask(&bed, password), 207);
    }
    bed.run("token revoke alice 1").ok();
    assert_eq!(ask(&bed, &first), 401, "revoked");
    assert_eq!(ask(&bed, &second), 207);
    bed.run_with("user passwd alice --password-stdin", "another-password\n").ok();
    assert_eq!(ask(&bed, "password-alice"), 401, "old");
    assert_eq!(ask(&bed, "another-password"), 207, "new");
    assert_eq!(ask(&bed, &second), 207, "app passwords stay");
    bed.run("user disable alice").ok();
    assert_eq!(ask(&bed, &second), 401, "disabled");
    assert_eq!(ask(&bed, "another-password"), 401, "disabled");
    bed.run("user enable alice").ok();
    assert_eq!(ask(&bed, &second), 207);
    let two_kilobytes = "x".repeat(2000);
    assert_eq!(bed.dav("PUT", ("alice", &second), "a.txt", &two_kilobytes), 507, "quota");
    bed.run("user quota alice 3kB").ok();
    assert_eq!(bed.dav("PUT", ("alice", &second), "a.txt", &two_kilobytes), 201);
    assert!(bed.run("user show alice").ok().contains("2kB of 3kB"));
    bed.run("token wipe alice 2").ok();
    assert_eq!(ask(&bed, &second), 401, "to be wiped");
    bed.stop();
}

#[test]
fn a_deleted_user_leaves_no_files() {
    for online in [true, false] {
        let mut bed = Bed::new();
        bed.add_user("root", " --admin");
        bed.add_user("alice", "");
        let token = bed.token("alice");
        bed.start();
        let login = ("alice", token.as_str());
        assert_eq!(bed.dav("MKCOL", login, "Photos", ""), 201);
        assert_eq!(bed.dav("PUT", login, "Photos/a.txt", "a"), 201);
        if !online {
            bed.stop();
        }
        // Published within a second of the answer, on a machine that has the time.
        let began = Instant::now();
        while !bed.data("files/alice").exists() {
            assert!(began.elapsed() < Duration::from_secs(20), "nothing was published");
            std::thread::sleep(Duration::from_millis(10));
        }
        bed.run("user delete alice --yes").ok();
        assert!(!bed.data("files/alice").exists(), "online: {online}");
        bed.run("fsck").ok();
        if online {
            assert_eq!(bed.dav("PROPFIND", login, "", ""), 401);
            bed.stop();
        }
        let again = bed.run("user delete alice --yes");
        assert_eq!(again.code, Some(1), "{again:?}");
    }
}

#[test]
fn secrets_reach_no_log() {
    let mut bed = Bed::new();
    bed.configure("[log]\nlevel = \"trace\"\n");
    bed.add_user("root", " --admin");
    bed.start();
    let canary = "canary-in-the-coal-mine";
    let line = "user add alice --password-stdin";
    let ran = bed.run_with(line, &format!("{canary}\n"));
    assert!(!ran.err.contains(canary) && !ran.ok().contains(canary));
    assert_eq!(bed.dav("PROPFIND", ("alice", canary), "", ""), 207);
    // Refused, and said again by nobody.
    let ran = bed.run_with(line, &format!("{canary}\n"));
    assert!(ran.code == Some(1) && !ran.err.contains(canary), "{ran:?}");
    let token = bed.token("alice");
    assert_eq!(bed.dav("PROPFIND", ("alice", &token), "", ""), 207);
    bed.signal("-TERM");
    let said = bed.wait().1;
    assert!(said.contains("user made"), "the log is on: {said}");
    assert!(!said.contains(canary) && !said.contains(&token), "{said}");
}
