//! Scripts are edited while the server runs.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::world::{API, NOBODY, Stop, WHOAMI, World, ask, lua, section};

const STAYS: &str = "the script stays as it was loaded before";
const ANEW: &str = "a script was loaded anew";

/// A script whose answer to `GET /said` is a text.
fn says(text: &str) -> String {
    format!(
        "moon.on(\"request\", function(ev)
            if ev.path == \"/said\" then return moon.respond {{ body = \"{text}\" }} end
        end)"
    )
}

/// Waits until a script was loaded anew so many times. It is in force a moment after the line.
#[track_caller]
fn anew(world: &World, times: usize) {
    world.wait(ANEW, times);
    thread::sleep(Duration::from_millis(300));
}

fn said(world: &World) -> String {
    world.must(200, NOBODY, "GET /said", "").body
}

#[test]
fn an_edit_counts_and_a_bad_one_leaves_the_old_one() {
    let world = World::of("edit", &says("one"));
    assert_eq!(said(&world), "one");
    world.write("edit.lua", &says("two"));
    anew(&world, 1);
    assert_eq!(said(&world), "two");
    for (times, (bad, expected)) in [
        ("local = 1", "edit.lua:2: "),
        ("error(\"not today\")", "edit.lua:2: not today"),
        (
            "moon.on(\"server.load\", function() local x = nil; x() end)",
            "edit.lua:2: attempt to call",
        ),
        ("local helper = require \"helper\"", "helper"),
    ]
    .into_iter()
    .enumerate()
    {
        world.write("edit.lua", bad);
        world.wait(STAYS, times + 1);
        world.bed.wait_for(expected);
        assert_eq!(said(&world), "two");
    }
    // What was missing comes, and it is still wrong; then it is right.
    fs::write(world.bed.path("scripts/lib/helper.lua"), "return = 1").unwrap();
    world.wait(STAYS, 5);
    fs::write(world.bed.path("scripts/lib/helper.lua"), "return {}").unwrap();
    anew(&world, 2);
    world.must(404, NOBODY, "GET /said", "");
    world.replace("edit.lua", &says("three"));
    anew(&world, 3);
    assert_eq!(said(&world), "three");
    assert_eq!(world.count(STAYS), 5, "each state of the files is said once: {}", world.bed.said());
}

#[test]
fn a_file_that_is_required_counts_as_well() {
    let main = "local util = require \"util\"\nmoon.on(\"request\", function(ev)
        if ev.path == \"/said\" then return moon.respond { body = util.text } end
    end)";
    let world = World::new(
        &section("main", ""),
        &[("main.lua", main), ("lib/util.lua", "return { text = \"one\" }")],
    );
    assert_eq!(said(&world), "one");
    world.write("lib/util.lua", "return { text = \"two\" }");
    anew(&world, 1);
    assert_eq!(said(&world), "two");
}

#[test]
fn state_is_handed_over_and_timers_are_not_doubled() {
    let script = |version: u32, unload: &str| {
        format!(
            "local count = 0
            moon.on(\"server.load\", function(ev) count = ev.state and ev.state.count or 0 end)
            moon.on(\"server.unload\", function(ev) {unload} end)
            moon.on(\"request\", function(ev)
                if ev.path ~= \"/said\" then return end
                count += 1
                return moon.respond {{ body = \"{version}:\" .. count }}
            end)
            moon.every(\"1s\", function() print(\"tick of {version}.\") end)"
        )
    };
    let keeps = "return { count = count }";
    let world = World::of("state", &script(1, keeps));
    assert_eq!((said(&world), said(&world)), ("1:1".into(), "1:2".into()));
    world.wait("tick of 1.", 1);
    world.write("state.lua", &script(2, keeps));
    anew(&world, 1);
    let ticks = world.count("tick of 1.");
    assert_eq!(said(&world), "2:3", "the state was handed over");
    // One that does not load is no end of the old one: it has what it had.
    world.write("state.lua", "local = 1");
    world.wait(STAYS, 1);
    assert_eq!(said(&world), "2:4");
    world.write("state.lua", &script(3, "error(\"cannot say\")"));
    anew(&world, 2);
    assert_eq!(said(&world), "3:5");
    // One whose end fails is replaced all the same.
    world.write("state.lua", &script(4, keeps));
    anew(&world, 3);
    assert_eq!(said(&world), "4:1");
    world.bed.wait_for("cannot say");
    let begun = std::time::Instant::now();
    world.wait("tick of 4.", 3);
    let most = usize::try_from(begun.elapsed().as_secs()).unwrap() + 2;
    assert!(world.count("tick of 4.") <= most, "{}", world.bed.said());
    assert!(world.count("tick of 1.") <= ticks + 1, "the old timer ended: {}", world.bed.said());
}

#[test]
fn what_is_registered_anew_is_asked_anew() {
    let world = World::of("new", "");
    world.must(404, NOBODY, "GET /apps/new/x", "");
    let text = "moon.on(\"file.uploaded\", function(ev) print(\"told of \" .. ev.path) end)
        moon.route(\"GET\", \"/x\", { auth = \"none\" }, function() return moon.respond { body = \"x\" } end)";
    world.write("new.lua", text);
    anew(&world, 1);
    world.must(200, NOBODY, "GET /apps/new/x", "");
    let file = "PUT /remote.php/dav/files/alice/a.txt";
    world.must(201, crate::world::ALICE, file, "x");
    world.bed.wait_for("told of a.txt");
    world.write("new.lua", "");
    anew(&world, 2);
    world.must(404, NOBODY, "GET /apps/new/x", "");
}

fn login(password: &str) -> String {
    format!(
        "moon.on(\"auth.password\", function(req)
            if req.user ~= \"bob\" then return moon.next end
            if req.password:reveal() == \"{password}\" then return moon.ok {{}} end
            return moon.deny(\"wrong\")
        end)"
    )
}

#[test]
fn believed_logins_are_forgotten_when_the_script_is_another_one() {
    let config = format!("[auth]\nchain = [\"lua:login\"]\n{}", section("login", ""));
    let world = World::new(&config, &[("login.lua", &login("first"))]);
    world.must(200, "bob:first", WHOAMI, "");
    world.must(200, "bob:first", WHOAMI, "");
    world.write("login.lua", &login("second"));
    anew(&world, 1);
    world.must(401, "bob:first", WHOAMI, "");
    world.must(200, "bob:second", WHOAMI, "");
}

#[test]
fn fifty_reloads_under_load_fail_no_request() {
    let config =
        format!("[auth]\nchain = [\"lua:login\"]\nlogin_cache_secs = 0\n{}", section("login", ""));
    let text = |number: usize| {
        let (routes, login) = (
            "moon.route(\"GET\", \"/x\", { auth = \"none\" }, function() return moon.respond { body = \"open\" } end)",
            login("secret"),
        );
        let closed = "moon.route(\"GET\", \"/y\", { auth = \"admin\" }, function() return moon.respond { body = \"closed\" } end)";
        // The routes change places.
        match number % 2 {
            0 => format!("{login}\n{routes}\n{closed}"),
            _ => format!("{login}\n{closed}\n{routes}"),
        }
    };
    let world =
        World::new(&format!("{config}[scripts]\nwatch = false\n"), &[("login.lua", &text(0))]);
    let (port, stop, asked) = (world.bed.port(), AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let worker = |line: &'static str, who: &'static str, body: &'static str| {
            let (stop, asked) = (&stop, &asked);
            move || {
                while !stop.load(Ordering::Relaxed) {
                    let answer = ask(port, who, line, &[API], "");
                    assert_eq!(answer.status, 200, "{line}: {answer:?}");
                    assert!(answer.body.contains(body), "{line}: {answer:?}");
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        let workers = [
            scope.spawn(worker(WHOAMI, "bob:secret", "bob")),
            scope.spawn(worker("GET /apps/login/x", NOBODY, "open")),
        ];
        let end = Stop(&stop);
        for number in 1..=50 {
            fs::write(world.bed.path("scripts/login.lua"), lua(&text(number))).unwrap();
            world.bed.signal("-HUP");
            world.wait(ANEW, number);
        }
        drop(end);
        for worker in workers {
            worker.join().unwrap();
        }
    });
    assert!(asked.load(Ordering::Relaxed) > 50, "hardly anything was asked");
    assert_eq!(world.count(ANEW), 50);
    assert_eq!(world.count("a script failed"), 0, "{}", world.bed.said());
}
