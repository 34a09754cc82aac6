//! A script decides who comes in.

use serde_json::json;

use crate::world::{ALICE, API, FILES, WHOAMI, World, one_vm, section};

/// In no log, whatever happens.
const CANARY: &str = "Canary-passw0rd-7731";

const CHAIN: &str = "[auth]\nchain = [\"lua:login\", \"builtin:users\"]\nlogin_cache_secs = 0\n";

#[test]
fn each_answer_of_a_login_is_what_the_client_hears() {
    let script = r#"
        moon.on("auth.password", function(req)
            local said = {
                right = function() return moon.ok { display_name = "Dr. Right", email = "r@example.com",
                    groups = { "staff", "doctors" }, quota = 5000 } end,
                other = function() return moon.ok { user = "012345" } end,
                wrong = function() return moon.deny("no") end,
                later = function() return moon.tempfail("directory away") end,
                disabled = function() return moon.disabled end,
                expired = function() return moon.expired end,
                broken = function() return req.nobody.name end,
                shown = function() error("it was " .. tostring(req.password)) end,
                yes = function() return true end,
                list = function() return moon.ok { groups = { 1 } } end,
                number = function() return moon.ok { user = 12345 } end,
                quota = function() return moon.ok { quota = "5 GB" } end,
                typo = function() return moon.ok { mail = "x" } end,
                replace = function() return moon.replace { user = "x" } end,
            }
            local answer = said[req.user]
            return answer and answer() or nil
        end)
        "#;
    let config = format!("{CHAIN}{}", section("login", ""));
    let mut world = World::new(&config, &[("login.lua", script)]);
    let ask = |world: &World, who: &str| world.ask(&format!("{who}:{CANARY}"), WHOAMI, &[API], "");
    let right = ask(&world, "right");
    assert_eq!(right.status, 200, "{right:?}\n{}", world.bed.said());
    let data = right.json()["ocs"]["data"].clone();
    assert_eq!(data["display-name"], "Dr. Right");
    assert_eq!(data["email"], "r@example.com");
    assert_eq!(
        (&data["groups"], &data["quota"]["quota"]),
        (&json!(["doctors", "staff"]), &json!(5000))
    );
    assert_eq!(ask(&world, "other").json()["ocs"]["data"]["id"], "012345", "an id stays text");
    // Nobody it knows: the next of the chain is asked.
    world.must(200, ALICE, WHOAMI, "");
    assert_eq!(ask(&world, "nobody").status, 401);
    for (who, status) in [("wrong", 401), ("disabled", 401), ("expired", 401), ("later", 503)] {
        let answer = ask(&world, who);
        assert_eq!(answer.status, status, "{who}: {answer:?}");
        assert_eq!(answer.header("retry-after").is_some(), status == 503, "{who}: {answer:?}");
    }
    for (who, expected) in [
        ("broken", "scripts/login.lua:12: attempt to index nil with 'name'"),
        ("shown", "scripts/login.lua:13: it was ***"),
        ("yes", "auth.password: returned a boolean"),
        ("list", "auth.password: field 'groups' must be a list of strings, got a number in it"),
        ("number", "auth.password: field 'user' must be a string, got number"),
        ("quota", "auth.password: field 'quota' must be bytes"),
        ("typo", "auth.password: there is no field 'mail'"),
        ("replace", "auth.password: returned moon.replace"),
    ] {
        let answer = ask(&world, who);
        assert_eq!(answer.status, 503, "never \"wrong password\", on which apps drop it: {who}");
        assert!(answer.header("retry-after").is_some(), "{who}: {answer:?}");
        assert!(!answer.body.contains("login.lua"), "{answer:?}");
        world.bed.wait_for(expected);
    }
    let dav = world.ask(&format!("broken:{CANARY}"), &format!("PROPFIND {FILES}"), &[], "");
    assert_eq!(dav.status, 503);
    world.bed.signal("-TERM");
    let (_, said) = world.bed.wait();
    assert!(!said.contains(CANARY), "{said}");
    assert!(!said.contains("password-alice"), "{said}");
}

#[test]
fn an_account_is_out_when_its_script_says_so() {
    let script = r#"
        local kv = require "moon.kv"
        moon.on("auth.password", function(req) return moon.ok { display_name = "B", subject = "S-1" } end)
        moon.on("auth.lookup", function(req)
            if req.subject ~= "S-1" then error("what is " .. tostring(req.subject)) end
            if kv.get("out") then return moon.disabled end
            return { user = "bob", display_name = "Bob of the lookup", groups = { "late" } }
        end)
        moon.route("POST", "/out", { auth = "none" }, function() kv.set("out", true) return moon.respond {} end)
        "#;
    let allow = "allow = [\"kv\"]";
    let config = format!(
        "[auth]\nchain = [\"lua:login\", \"builtin:users\"]\n{}",
        one_vm(&section("login", allow))
    );
    let world = World::new(&config, &[("login.lua", script)]);
    let bob = "bob:some password";
    world.must(200, bob, WHOAMI, "");
    let token = world.bed.token("bob");
    let by_token = format!("bob:{token}");
    let until = |what: &str, done: &dyn Fn(&crate::world::Answer) -> bool| {
        let begun = std::time::Instant::now();
        loop {
            let answer = world.ask(&by_token, WHOAMI, &[API], "");
            if done(&answer) {
                return;
            }
            assert!(
                begun.elapsed() < crate::world::PATIENCE,
                "{what}: {answer:?}\n{}",
                world.bed.said()
            );
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    };
    until("the name of the lookup", &|answer| answer.body.contains("Bob of the lookup"));
    world.must(200, "", "POST /apps/login/out", "");
    until("out", &|answer| answer.status == 401);
}
