//! What scripts answer has the effect that it says.

use serde_json::json;

use crate::world::{ALICE, FILES, NOBODY, World, one_vm, section};

#[test]
fn a_refusal_a_replacement_and_an_answer_of_its_own() {
    let world = World::of(
        "rules",
        r#"
        moon.on("request", function(ev)
            if ev.path == "/hello" then
                return moon.respond { status = 201, headers = { ["X-Own"] = "1" }, body = "hi" }
            elseif ev.path == "/away" then return moon.redirect("https://other.example/")
            elseif ev.path == "/old/status.php" then return moon.replace { path = "/status.php" }
            elseif ev.path == "/shut" then return moon.deny("Not <here>", 410)
            elseif ev.path == "/later" then return moon.tempfail("wait") end
        end)
        moon.on("response", function(ev)
            if ev.status == 201 then return moon.replace { header = { ["x-stamp"] = ev.method } } end
        end)
        moon.on("file.before_upload", function(ev)
            if ev.path:match("%.exe$") then return moon.deny("No programs") end
            if ev.path == "a.txt" then return moon.replace { path = "b.txt" } end
        end)
        moon.on("file.before_commit", function(ev)
            local text = ev.read(0, 100)
            if text:find("EICAR", 1, true) then return moon.deny("Virus: " .. ev.sha256(), 415) end
        end)
        moon.on("quota.check", function(ev) return moon.replace { quota = 1000 } end)
        moon.on("user.load", function(ev)
            return moon.replace { display_name = ev.display_name .. " (guest)", groups = { "x" } }
        end)
        moon.on("login.failed", function(ev)
            if ev.login == "mallory" then return moon.block(1) end
        end)
        "#,
    );
    let hello = world.must(201, NOBODY, "GET /hello", "");
    assert_eq!((hello.body.as_str(), hello.header("x-own")), ("hi", Some("1")));
    assert_eq!(hello.header("x-stamp"), Some("GET"));
    let away = world.must(302, NOBODY, "GET /away", "");
    assert_eq!(away.header("location"), Some("https://other.example/"));
    assert_eq!(world.must(200, NOBODY, "GET /old/status.php", "").json()["installed"], true);
    assert!(world.must(410, NOBODY, "GET /shut", "").body.contains("Not <here>"));
    let later = world.must(503, NOBODY, "GET /later", "");
    assert!(later.header("retry-after").is_some(), "{later:?}");
    let put = |path: &str, body: &str| world.ask(ALICE, &format!("PUT {FILES}/{path}"), &[], body);
    let refused = put("x.exe", "x");
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("<s:message>No programs</s:message>"), "{refused:?}");
    let refused = put("c.txt", "an EICAR is in it");
    assert_eq!(refused.status, 415);
    let sum = "4b29ca798f074241190b44efc55a06d62c7386b0c92dbb09d7592af904cef776";
    assert!(refused.body.contains(&format!("<s:message>Virus: {sum}</s:message>")), "{refused:?}");
    assert_eq!(put("a.txt", "content").status, 201);
    assert_eq!(world.must(200, ALICE, &format!("GET {FILES}/b.txt"), "").body, "content");
    world.must(404, ALICE, &format!("GET {FILES}/a.txt"), "");
    assert_eq!(put("large.txt", &"x".repeat(2000)).status, 507);
    let user = world.must(200, ALICE, "GET /ocs/v2.php/cloud/user?format=json", "").json();
    let data = &user["ocs"]["data"];
    assert_eq!((&data["display-name"], &data["groups"]), (&json!("alice (guest)"), &json!(["x"])));
    world.must(401, "mallory:x", "GET /ocs/v2.php/cloud/user", "");
    world.must(429, "mallory:x", "GET /ocs/v2.php/cloud/user", "");
}

#[test]
fn capabilities_are_patched_for_a_while_and_never_into_nonsense() {
    let world = World::of(
        "brand",
        r#"
        local json = require "moon.json"
        local asked = 0
        moon.on("capabilities", function(ev)
            asked += 1
            if ev.user == nil then return { theming = { name = "Anybody's" } }, "1h" end
            if asked > 4 then return { core = { pollinterval = "soon" } } end
            local base = json.decode(ev.capabilities)
            return { theming = { name = base.theming.name .. "!", slogan = ev.user .. asked } }, "0s"
        end)
        "#,
    );
    let told = |who: &str, version: &str| {
        let line = format!("GET /ocs/{version}.php/cloud/capabilities?format=json");
        let mut answer = world.must(200, who, &line, "").json();
        answer["ocs"]["data"]["capabilities"].take()
    };
    for version in ["v1", "v2"] {
        let anonymous = told(NOBODY, version);
        assert_eq!(anonymous["theming"]["name"], "Anybody's", "asked once, for an hour");
        assert!(anonymous.get("provisioning_api").is_none(), "the subset stays one");
    }
    for asked in 2..=4 {
        let own = told(ALICE, "v2");
        assert_eq!(own["theming"]["slogan"], format!("alice{asked}"), "asked each time");
        assert_eq!(own["theming"]["name"], "Moonsail!");
    }
    let own = told(ALICE, "v2");
    assert_eq!(
        (&own["theming"]["name"], &own["core"]["pollinterval"]),
        (&json!("Moonsail"), &json!(60))
    );
    world.wait("core.pollinterval", 1);
}

#[test]
fn priorities_go_before_the_order_of_the_file_and_folds_see_each_other() {
    let rule = |name: &str| {
        format!(
            r#"
            moon.on("response", function(ev)
                local so_far = ev.header["x-order"] or ""
                return moon.replace {{ header = {{ ["x-order"] = so_far .. "{name}" }} }}
            end)
            moon.on("response", {{ priority = 10 }}, function(ev)
                local so_far = ev.header["x-order"] or ""
                return moon.replace {{ header = {{ ["x-order"] = so_far .. "{name}!" }} }}
            end)
            moon.on("file.before_mkdir", {{ priority = {} }}, function(ev)
                return moon.deny("by {name}")
            end)"#,
            if name == "b" { 5 } else { 0 }
        )
    };
    let config = format!("{}{}", section("a", ""), section("b", ""));
    let world = World::new(&config, &[("a.lua", &rule("a")), ("b.lua", &rule("b"))]);
    let answer = world.must(200, NOBODY, "GET /status.php", "");
    assert_eq!(answer.header("x-order"), Some("a!b!ab"));
    let answer = world.must(403, ALICE, &format!("MKCOL {FILES}/f"), "");
    assert!(answer.body.contains("by b"), "{answer:?}");
}

#[test]
fn a_rule_on_trial_changes_nothing_and_says_what_it_would_have_done() {
    let config = section("trial", "shadow = true");
    let rules = r#"
        moon.on("file.before_mkdir", function(ev) return moon.deny("never") end)
        moon.on("file.before_upload", function(ev) return moon.replace { path = "else.txt" } end)
        moon.on("file.before_delete", function(ev) error("broken") end)
        moon.on("request", function(ev)
            if ev.path == "/hello" then return moon.respond { body = "hi" } end
        end)"#;
    let world = World::new(&config, &[("trial.lua", rules)]);
    world.must(201, ALICE, &format!("MKCOL {FILES}/f"), "");
    world.must(201, ALICE, &format!("PUT {FILES}/a.txt"), "x");
    world.must(204, ALICE, &format!("DELETE {FILES}/a.txt"), "");
    world.must(404, NOBODY, "GET /hello", "");
    for (event, would) in [
        ("file.before_mkdir", "would=\"deny\""),
        ("file.before_upload", "would=\"replace\""),
        ("file.before_delete", "would=\"failed\""),
        ("request", "would=\"respond\""),
    ] {
        world.wait("a rule on trial would have decided otherwise", 4);
        let said = world.bed.said();
        let line = |line: &&str| line.contains(would) && line.contains(event);
        assert!(said.lines().any(|it| line(&it)), "{event}: {said}");
    }
    world.bed.wait_for("text=\"never\"");
}

#[test]
fn what_has_happened_is_told_once_and_over_a_restart() {
    let rules = r#"
        local kv = require "moon.kv"
        moon.on("file.*", function(ev)
            kv.incr(ev.event)
            print("told " .. ev.event .. " " .. ev.path .. " " .. tostring(ev.old_path) .. " " .. ev.user .. ";")
        end)
        moon.on("file.deleted", function(ev) error("of no use") end)
        moon.route("GET", "/count", { auth = "none" }, function(req)
            return moon.respond { json = { n = kv.get("file.uploaded") } }
        end)"#;
    let config = one_vm(&section("ear", "allow = [\"kv\"]"));
    let mut world = World::new(&config, &[("ear.lua", rules)]);
    world.must(201, ALICE, &format!("PUT {FILES}/a.txt"), "x");
    let to = [("Destination", "/remote.php/dav/files/alice/b.txt")];
    assert_eq!(world.ask(ALICE, &format!("MOVE {FILES}/a.txt"), &to, "").status, 201);
    world.must(204, ALICE, &format!("DELETE {FILES}/b.txt"), "");
    world.must(201, ALICE, &format!("PUT {FILES}/c.txt"), "x");
    world.wait("told file.uploaded c.txt nil alice;", 1);
    let said = world.bed.said();
    let told: Vec<_> = said.lines().filter_map(|line| line.split_once("told ")).collect();
    let told: Vec<_> = told.iter().filter_map(|(_, told)| told.split_once(';')).collect();
    let told: Vec<_> = told.iter().map(|(told, _)| *told).collect();
    assert_eq!(
        told,
        [
            "file.uploaded a.txt nil alice",
            "file.moved b.txt a.txt alice",
            "file.deleted b.txt nil alice",
            "file.uploaded c.txt nil alice"
        ]
    );
    world.wait("of no use", 1);
    assert_eq!(world.must(200, NOBODY, "GET /apps/ear/count", "").json()["n"], 2);
    world.bed.stop();
    world.bed.start();
    world.must(201, ALICE, &format!("PUT {FILES}/d.txt"), "x");
    world.wait("told file.uploaded d.txt nil alice;", 1);
    assert_eq!(world.count("told file."), 1, "{}", world.bed.said());
}
