//! `moonsail script`: from an empty folder to a script that is checked, tested, served and looked at.

use crate::bed::Bed;

/// The section that `script new` prints, and more of server.toml.
fn add(bed: &Bed, section: &str) {
    bed.configure(section);
}

#[test]
fn each_kind_of_new_script_is_good_and_passes_its_tests() {
    let bed = Bed::new();
    let mut sections = String::new();
    for kind in ["auth", "rules", "route", "capabilities"] {
        let section = bed.run(&format!("script new my-{kind} --kind {kind}")).ok();
        assert!(section.starts_with("[[script]]\n"), "{section}");
        // Each alone is good as it is printed.
        add(&bed, &section);
        let said = bed.run("script check").ok();
        assert!(said.contains(&format!("scripts/my-{kind}.lua is good: ")), "{said}");
        sections += section.split("\n[auth]").next().unwrap();
        let tests = bed.run(&format!("script test scripts/tests/my-{kind}.lua")).ok();
        assert!(tests.contains("\nok 1 - ") && !tests.contains("not ok"), "{tests}");
    }
    add(&bed, &sections);
    assert_eq!(bed.run("script check").ok().lines().count(), 4);
    let again = bed.run("script new my-auth");
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("exists"), "{again:?}");
    assert_eq!(bed.run("script new ../evil").code, Some(2));
}

#[test]
fn check_says_where_and_what_to_write_instead() {
    let bed = Bed::new();
    for (name, text, expected) in [
        ("syntax", "local a = = 1", "syntax.lua:1: "),
        ("label", "local a = 1\ngoto done", "label.lua:2: "),
        ("const", "local a <const> = 1", "Luau has no <const>: write"),
        ("band", "local a = 1 & 2", "bit32.band"),
        ("raises", "local a = nil\nlocal b = a.x", "raises.lua:2: "),
        ("event", "require('moon').on('auth.pasword', print)", "did you mean \"auth.password\""),
        ("nothing", "local a = 1", "registers nothing"),
    ] {
        let file = format!("{name}.lua");
        std::fs::write(bed.path(&file), text).unwrap();
        let ran = bed.run(&format!("script check {file}"));
        assert_eq!(ran.code, Some(4), "{ran:?}");
        assert!(ran.err.contains(expected), "{name}: {ran:?}");
    }
    assert_eq!(bed.run("script check missing.lua").code, Some(4));
}

#[test]
fn tests_that_fail_are_reported_to_people_and_machines() {
    let bed = Bed::new();
    let script = "local moon = require 'moon'
        moon.on('file.before_upload', function(ev) return moon.replace { size = 5 } end)
        moon.on('auth.password', function(ev) return moon.ok { mail = 'x' } end)";
    std::fs::write(bed.path("a.lua"), script).unwrap();
    let tests = "-- script: a.lua
        test('a field that cannot be replaced', function(t) t.fire('file.before_upload', { path = 'a' }) end)
        test('a field that is not there', function(t) t.fire('auth.password', { user = 'a', password = 'b' }) end)
        test('fine <&>', function(t) t.ok(true) end)";
    std::fs::write(bed.path("tests.lua"), tests).unwrap();
    let ran = bed.run("script test tests.lua --junit report.xml");
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.out.starts_with("TAP version 14\n1..3\nnot ok 1 - tests.lua: a field"), "{ran:?}");
    assert!(ran.out.contains("field 'size' cannot be replaced"), "{ran:?}");
    assert!(ran.out.contains("there is no field 'mail'"), "{ran:?}");
    let report = std::fs::read_to_string(bed.path("report.xml")).unwrap();
    let mut reader = quick_xml::Reader::from_str(&report);
    let mut names = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::Start(tag) | quick_xml::events::Event::Empty(tag) => {
                names.push(tag.name().as_ref().to_owned());
            }
            _ => {}
        }
    }
    assert_eq!(names.iter().filter(|name| *name == "testcase").count(), 3, "{report}");
    assert_eq!(names.iter().filter(|name| *name == "failure").count(), 2, "{report}");
}

#[test]
fn fire_prints_the_answer() {
    let bed = Bed::new();
    let section = bed.run("script new rules").ok();
    add(&bed, &section);
    let fire = "script fire file.before_upload {\"path\":\"a.EXE\"} --script scripts/rules.lua";
    let said = bed.run(fire).json();
    assert_eq!((&said["kind"], said["message"].is_string()), (&"deny".into(), true), "{said}");
    let other = "script fire file.before_upload {\"path\":\"a.txt\"} --script scripts/rules.lua";
    assert_eq!(bed.run(other).json()["kind"], "next");
    let unknown = bed.run("script fire file.before_uplod --script scripts/rules.lua");
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.err.contains("did you mean"), "{unknown:?}");
    bed.run("script new app --kind route").ok();
    std::fs::write(
        bed.path("scripts/hello.lua"),
        "local moon = require 'moon'
         moon.route('GET', '/hello/{whom}', function(r) return moon.respond { body = r.params.whom } end)",
    )
    .unwrap();
    let route = "script fire http.route {\"path\":\"/hello/you\"} --script scripts/hello.lua";
    assert_eq!(bed.run(route).json()["body"], "you");
}

#[test]
fn running_scripts_are_listed_and_loaded_anew() {
    let mut bed = Bed::new();
    let section = bed.run("script new rules").ok();
    bed.configure(&format!("{section}[scripts]\nwatch = false\n"));
    bed.start();
    let listed = bed.run("script list").ok();
    assert!(listed.contains("file.before_upload"), "{listed}");
    assert_eq!(bed.run("script list --json").json()[0]["name"], "rules");
    assert_eq!(bed.run("script top --json").json(), serde_json::json!([]));
    assert_eq!(bed.run("script top ruls").code, Some(1));
    let said = bed.run("script reload rules").ok();
    assert!(said.contains("rules was loaded anew: generation 2"), "{said}");
    std::fs::write(bed.path("scripts/rules.lua"), "local a = = 1").unwrap();
    let refused = bed.run("script reload rules");
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("rules.lua:1: "), "{refused:?}");
    assert_eq!(bed.run("script list --json").json()[0]["events"][0], "file.before_upload");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whoever runs the tests asks for it, no server does")]
fn stubs_and_reference_are_as_checked_in() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in moonsail::ext::lua::stubs::all() {
        let path = root.join(file.path);
        if std::env::var_os("MOONSAIL_WRITE_STUBS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &file.text).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(there == file.text, "{}: MOONSAIL_WRITE_STUBS=1 writes it anew", path.display());
    }
    let bed = Bed::new();
    bed.run("script types types").ok();
    let checked_in = std::fs::read(root.join("scripts/types/moon.d.luau")).unwrap();
    assert_eq!(std::fs::read(bed.path("types/moon.d.luau")).unwrap(), checked_in);
}
