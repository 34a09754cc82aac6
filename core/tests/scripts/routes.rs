//! Endpoints of scripts, and what they keep.

use serde_json::json;

use crate::world::{ALICE, API, FILES, NOBODY, World, one_vm, section};

const NOTES: &str = r#"
local kv = require "moon.kv"
local json = require "moon.json"
moon.route("GET", "/open/{id}", { auth = "none" }, function(req)
    return moon.respond { json = { id = req.params.id, q = req.query.q, user = req.user, kind = req.header["x-kind"] } }
end)
moon.route("GET", "/mine", function(req) return moon.respond { body = req.user .. " " .. req.display_name } end)
moon.route("GET", "/all", { auth = "admin" }, function(req) return moon.respond { body = tostring(req.admin) } end)
moon.route("POST", "/notes", { max_body = 100 }, function(req)
    local note = json.decode(req.body)
    return moon.respond { status = 201, json = { got = note.text }, headers = { ["X-Note"] = "1" } }
end)
moon.route("GET", "/data/{rest*}", { ocs = true }, function(req)
    if req.params.rest == "no" then return moon.deny("Not that one", 404) end
    if req.params.rest == "meta" then return moon.ocs { data = {}, status = 202, message = "Grüße" } end
    if req.params.rest == "typo" then return moon.ocs { dta = {} } end
    return moon.ocs { data = { rest = req.params.rest, list = { 1, 2 } } }
end)
moon.route("GET", "/broken", { auth = "none" }, function(req) return req.nobody.here end)
moon.route("GET", "/odd", { auth = "none" }, function(req) return "text" end)
moon.route("GET", "/later", { auth = "none" }, function(req) return moon.tempfail("away") end)
moon.route("GET", "/none", { auth = "none" }, function(req) end)
moon.route("GET", "/no", { auth = "none" }, function(req) return moon.deny("Go away") end)
"#;

#[test]
fn a_route_is_asked_by_those_who_may_with_what_they_sent() {
    let config = one_vm(&section("notes", ""));
    let world = World::new(&config, &[("notes.lua", NOTES)]);
    world.bed.add_user("root", " --admin");
    let root = "root:password-root";
    let open = world.ask(NOBODY, "GET /apps/notes/open/a%20b?q=%C3%BC+1", &[("X-Kind", "k")], "");
    assert_eq!(open.status, 200, "{open:?}");
    assert_eq!(open.json(), json!({"id": "a b", "q": "ü 1", "kind": "k"}));
    assert_eq!(
        world.must(200, ALICE, "GET /index.php/apps/notes/open/1", "").json()["user"],
        "alice"
    );
    world.must(401, NOBODY, "GET /apps/notes/mine", "");
    assert_eq!(world.must(200, ALICE, "GET /apps/notes/mine", "").body, "alice alice");
    world.must(403, ALICE, "GET /apps/notes/all", "");
    assert_eq!(world.must(200, root, "GET /apps/notes/all", "").body, "true");
    let made = world.must(201, ALICE, "POST /apps/notes/notes", r#"{"text":"hi"}"#);
    assert_eq!((made.json(), made.header("x-note")), (json!({"got": "hi"}), Some("1")));
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(100));
    world.must(413, ALICE, "POST /apps/notes/notes", &long);
    world.must(500, ALICE, "POST /apps/notes/notes", "no json");
    let broken = world.must(500, NOBODY, "GET /apps/notes/broken", "");
    assert!(!broken.body.contains("notes.lua"), "{broken:?}");
    world.bed.wait_for("scripts/notes.lua:20: attempt to index nil with 'here'");
    world.must(500, NOBODY, "GET /apps/notes/odd", "");
    world.must(503, NOBODY, "GET /apps/notes/later", "");
    world.must(404, NOBODY, "GET /apps/notes/none", "");
    assert_eq!(world.must(403, NOBODY, "GET /apps/notes/no", "").body, "Go away");
    world.must(404, NOBODY, "GET /apps/notes/nothing", "");
    world.must(404, NOBODY, "GET /apps/other/open/1", "");
}

#[test]
fn an_ocs_route_s_answer_is_in_the_one_envelope() {
    let world = World::of("notes", NOTES);
    let data = world.must(200, ALICE, "GET /ocs/v2.php/apps/notes/data/a/b?format=json", "").json();
    assert_eq!(data["ocs"]["data"], json!({"rest": "a/b", "list": [1, 2]}));
    assert_eq!(
        (&data["ocs"]["meta"]["status"], &data["ocs"]["meta"]["statuscode"]),
        (&json!("ok"), &json!(200))
    );
    let xml = world.must(200, ALICE, "GET /ocs/v1.php/apps/notes/data/a", "");
    assert!(
        xml.body.contains("<statuscode>100</statuscode>") && xml.body.contains("<rest>a</rest>"),
        "{xml:?}"
    );
    let meta = world.must(202, ALICE, "GET /ocs/v2.php/apps/notes/data/meta?format=json", "");
    assert_eq!(meta.json()["ocs"]["meta"]["message"], "Grüße");
    assert_eq!(meta.header("ocs-message"), None);
    let no = world.must(404, ALICE, "GET /ocs/v2.php/apps/notes/data/no?format=json", "");
    assert_eq!(no.json()["ocs"]["meta"]["message"], "Not that one");
    world.must(500, ALICE, "GET /ocs/v2.php/apps/notes/data/typo?format=json", "");
    let bare = world.ask(ALICE, "GET /ocs/v2.php/apps/notes/data/a", &[], "");
    assert_eq!(bare.status, 412, "as all of OCS: {bare:?}");
    assert_eq!(
        world.ask(ALICE, &format!("PROPFIND {FILES}"), &[API, ("Depth", "0")], "").status,
        207
    );
}

#[test]
fn what_is_kept_is_there_after_a_restart_and_shared_by_all_vms() {
    let script = r#"
        local kv = require "moon.kv"
        moon.route("POST", "/{what}", { auth = "none" }, function(req)
            local what = req.params.what
            if what == "incr" then return moon.respond { json = { n = kv.incr("n") } } end
            if what == "set" then kv.set("short", "x", { ttl = "1s" }) kv.set("long", { a = { 1, 2 } }, { ttl = "1h" }) return moon.respond {} end
            if what == "get" then return moon.respond { json = { short = kv.get("short"), long = kv.get("long"), n = kv.get("n") } } end
            if what == "cas" then
                local first, second = kv.cas("owner", nil, "a"), kv.cas("owner", nil, "b")
                return moon.respond { json = { first = first, second = second, owner = kv.get("owner") } }
            end
            if what == "list" then return moon.respond { json = { keys = kv.list() } } end
        end)"#;
    let sections =
        format!("{}{}", section("keeps", "allow = [\"kv\"]"), section("other", "allow = [\"kv\"]"));
    let config = format!("[scripts]\nvms = 3\n{sections}");
    let mut world = World::new(&config, &[("keeps.lua", script), ("other.lua", script)]);
    let post = |world: &World, what: &str| {
        world.must(200, NOBODY, &format!("POST /apps/keeps/{what}"), "")
    };
    let port = world.bed.port();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(move || {
                for _ in 0..10 {
                    let answer = crate::world::ask(port, NOBODY, "POST /apps/keeps/incr", &[], "");
                    assert_eq!(answer.status, 200, "{answer:?}");
                }
            });
        }
    });
    post(&world, "set");
    assert_eq!(post(&world, "cas").json(), json!({"first": true, "second": false, "owner": "a"}));
    world.bed.stop();
    world.bed.start();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let kept = post(&world, "get").json();
    assert_eq!(
        kept,
        json!({"long": {"a": [1, 2]}, "n": 60}),
        "exact from all VMs, and short is over"
    );
    let mine = post(&world, "list").json()["keys"].clone();
    assert_eq!(mine, json!(["long", "n", "owner"]));
    let others = world.must(200, NOBODY, "POST /apps/other/list", "").json();
    assert_eq!(others["keys"], json!([]), "each has its own");
}
