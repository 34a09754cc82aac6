//! Keys of `[scripts]` and `[[script]]` bite; those about errors, shadows, memory and time have tests of
//! their own beside this one.

use std::os::unix::fs::PermissionsExt as _;

use crate::world::{NOBODY, World, section};

const COUNT: &str = "count = 0
    moon.on(\"request\", function(ev)
        if ev.path ~= \"/said\" then return end
        count += 1
        return moon.respond { body = tostring(count) }
    end)";

#[test]
fn each_vm_counts_for_itself() {
    for (vms, last) in [(1, "4"), (2, "2")] {
        let config = format!("[scripts]\nvms = {vms}\n{}", section("count", ""));
        let world = World::new(&config, &[("count.lua", COUNT)]);
        let said: Vec<_> = (0..4).map(|_| world.must(200, NOBODY, "GET /said", "").body).collect();
        assert_eq!(said.last().map(String::as_str), Some(last), "vms = {vms}: {said:?}");
    }
}

#[test]
fn nobody_watches_unless_asked_to() {
    let config = format!("[scripts]\nvms = 1\nwatch = false\n{}", section("count", ""));
    let world = World::new(&config, &[("count.lua", COUNT)]);
    world.write("count.lua", &COUNT.replace("count = 0", "count = 100"));
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(world.must(200, NOBODY, "GET /said", "").body, "1");
    world.bed.signal("-HUP");
    world.wait("the configuration was read again", 1);
    assert_eq!(world.must(200, NOBODY, "GET /said", "").body, "101");
}

#[test]
fn a_script_has_its_section_its_secrets_and_its_grants() {
    let more = "allow = [\"ldap\"]\n[script.config]\ngreeting = \"hello\"\n[script.secrets]\nword = { file = \"word\" }";
    let script = r#"
        moon.route("GET", "/config", { auth = "none" }, function() return moon.respond { body = moon.config.greeting } end)
        moon.route("GET", "/secret", { auth = "none" }, function() return moon.respond { body = moon.secret("word"):reveal() } end)
        moon.route("GET", "/other", { auth = "none" }, function() return moon.respond { body = moon.secret("other"):reveal() } end)
        moon.route("GET", "/kv", { auth = "none" }, function() require("moon.kv").get("x") end)"#;
    let mut bed = crate::bed::Bed::new();
    std::fs::create_dir_all(bed.path("scripts")).unwrap();
    std::fs::write(bed.path("word"), "open sesame").unwrap();
    let owners = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(bed.path("word"), owners).unwrap();
    std::fs::write(bed.path("scripts/own.lua"), crate::world::lua(script)).unwrap();
    bed.configure(&section("own", more));
    bed.start();
    let world = World { bed };
    assert_eq!(world.must(200, NOBODY, "GET /apps/own/config", "").body, "hello");
    assert_eq!(world.must(200, NOBODY, "GET /apps/own/secret", "").body.trim(), "open sesame");
    world.must(500, NOBODY, "GET /apps/own/other", "");
    world.bed.wait_for("there is no secret 'other'");
    world.must(500, NOBODY, "GET /apps/own/kv", "");
    world.bed.wait_for("to its allow = [...] in server.toml");
}

#[test]
fn processor_time_is_what_the_section_says() {
    let script = "moon.on(\"request\", function(ev)
        if ev.path ~= \"/work\" then return end
        local stop = os.clock() + 0.15
        repeat until os.clock() > stop
        return moon.respond { body = \"done\" }
    end)";
    for (millis, status) in [(20, 503), (5000, 200)] {
        let world = World::new(
            &section("work", &format!("cpu_millis = {millis}")),
            &[("work.lua", script)],
        );
        world.must(status, NOBODY, "GET /work", "");
    }
}
