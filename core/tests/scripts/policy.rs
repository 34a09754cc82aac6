//! What a script's errors mean, by the kind of the event.

use crate::world::{ALICE, FILES, NOBODY, World, lua, one_vm, section};

const BROKEN: &str = r#"
local function deep(ev) return ev.nothing.here end
moon.on("file.before_upload", function(ev) return deep(ev) end)
moon.on("file.before_mkdir", { on_error = "allow" }, function(ev) return deep(ev) end)
moon.on("response", function(ev) return moon.replace { status = 200 } end)
moon.on("capabilities", function(ev) return "a text" end)
moon.on("file.uploaded", function(ev) return deep(ev) end)
moon.on("login.success", function(ev) if ev.login == "carol" then return deep(ev) end end)
moon.on("user.load", function(ev) if ev.user == "dave" then return deep(ev) end end)
"#;

#[test]
fn an_error_means_what_the_kind_of_event_says_and_is_logged_once() {
    let world = World::of("broken", BROKEN);
    world.bed.add_user("carol", "");
    world.bed.add_user("dave", "");
    for _ in 0..3 {
        let answer = world.must(503, ALICE, &format!("PUT {FILES}/a.txt"), "x");
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
        assert!(!answer.body.contains("broken.lua"), "{answer:?}");
    }
    world.must(404, ALICE, &format!("GET {FILES}/a.txt"), "");
    world.must(201, ALICE, &format!("MKCOL {FILES}/f"), "");
    world.must(503, "carol:password-carol", "GET /ocs/v2.php/cloud/user", "");
    world.must(503, "dave:password-dave", "GET /ocs/v2.php/cloud/user", "");
    let told = world.must(200, NOBODY, "GET /ocs/v2.php/cloud/capabilities?format=json", "");
    assert!(told.body.contains("Moonsail"), "{told:?}");
    world.bed.wait_for("broken.lua:7: capabilities: a patch of the capabilities is a table");
    let said = world.bed.said();
    let of = |event: &str| {
        let lines = said.lines().filter(|line| line.contains("a script failed"));
        lines.filter(|line| line.contains(&format!("event=\"{event}\""))).count()
    };
    for event in [
        "file.before_upload",
        "file.before_mkdir",
        "login.success",
        "user.load",
        "response",
        "capabilities",
    ] {
        assert_eq!(of(event), 1, "{event}: {said}");
    }
    let line = "scripts/broken.lua:3: attempt to index nil with 'here'";
    assert!(said.contains(line), "{said}");
    let upload = said.lines().find(|line| line.contains("a script failed")).unwrap();
    assert!(upload.contains("traceback=") && upload.contains("broken.lua:4"), "{upload}");
    assert!(said.contains("broken.lua:6: response: field 'status' cannot be replaced"), "{said}");
    assert!(
        said.contains("broken.lua:7: capabilities: a patch of the capabilities is a table"),
        "{said}"
    );
}

#[test]
fn the_owner_s_word_about_errors_goes_above_the_script_s() {
    for (more, upload, folder) in
        [("", 503, 201), ("on_error = \"allow\"", 201, 201), ("on_error = \"deny\"", 503, 503)]
    {
        let config = one_vm(&section("broken", more));
        let world = World::new(&config, &[("broken.lua", BROKEN)]);
        world.must(upload, ALICE, &format!("PUT {FILES}/a.txt"), "x");
        world.must(folder, ALICE, &format!("MKCOL {FILES}/f"), "");
    }
}

#[test]
fn a_script_that_does_not_load_is_no_start_and_names_its_line() {
    for (text, expected) in [
        (
            "moon.on(\"auth.pasword\", function() end)",
            "login.lua:2: moon.on: there is no event \"auth.pasword\"; did you mean \"auth.password\"?",
        ),
        ("local x = = 1", "login.lua:2: "),
        ("error(\"no\")", "login.lua:2: no"),
        ("require(\"missing\")", "login.lua:2: "),
        ("moon.on(\"share.before_create\", function() end)", "has to wait for sharing"),
        ("moon.on(\"server.load\", function() error(\"not today\") end)", "login.lua:2: not today"),
    ] {
        let bed = crate::bed::Bed::new();
        std::fs::create_dir(bed.path("scripts")).unwrap();
        std::fs::write(bed.path("scripts/login.lua"), lua(text)).unwrap();
        bed.configure(&section("login", ""));
        let ran = bed.run("serve --listen 127.0.0.1:0");
        assert!(ran.code != Some(0) && ran.err.contains(expected), "{text}: {ran:?}");
    }
}
