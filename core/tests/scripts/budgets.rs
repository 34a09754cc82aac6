//! What a script may use, and that the others go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::world::{ALICE, API, FILES, NOBODY, Stop, WHOAMI, World, ask, one_vm, section};

/// Asks for what needs no script, until it is told to stop; gives the count and the longest wait.
fn neighbour(port: u16, stop: &AtomicBool) -> (usize, Duration) {
    let (mut count, mut longest) = (0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let answer = ask(port, NOBODY, "GET /status.php", &[], "");
        assert_eq!(answer.status, 200, "{answer:?}");
        longest = longest.max(begun.elapsed());
        count += 1;
    }
    (count, longest)
}

#[test]
fn endless_loops_end_as_errors_while_others_are_answered() {
    let config = format!(
        "[auth]\nchain = [\"lua:loops\", \"builtin:users\"]\n{}",
        one_vm(&section("loops", "cpu_millis = 300"))
    );
    let script = r#"
        moon.on("request", function(ev) if ev.path == "/spin" then while true do end end end)
        moon.on("auth.password", function(req)
            if req.user == "spin" then while true do pcall(function() while true do end end) end end
        end)
        moon.on("response", function(ev) if ev.path == "/spin" then while true do end end end)
        "#;
    let world = World::new(&config, &[("loops.lua", script)]);
    let (port, stop) = (world.bed.port(), AtomicBool::new(false));
    thread::scope(|scope| {
        let neighbour = scope.spawn(|| neighbour(port, &stop));
        let end = Stop(&stop);
        for _ in 0..3 {
            let spin = ask(port, NOBODY, "GET /spin", &[], "");
            assert_eq!(
                (spin.status, spin.header("retry-after").is_some()),
                (503, true),
                "{spin:?}"
            );
            let login = ask(port, "spin:x", WHOAMI, &[API], "");
            assert_eq!(login.status, 503, "{login:?}");
        }
        drop(end);
        let (count, longest) = neighbour.join().unwrap();
        // Not one of them waits until a loop has ended: each loop has slices.
        assert!(count > 10, "{count} answers, the slowest after {longest:?}");
    });
    world.must(200, ALICE, WHOAMI, "");
    world.bed.wait_for("trouble=\"processor time\"");
}

#[test]
fn what_waits_uses_no_processor_and_ends_at_its_time() {
    let script = r#"
        moon.on("request", function(ev)
            if ev.path == "/slow" then moon.sleep("600ms") return moon.respond { body = "slept" } end
            if ev.path == "/stuck" then moon.sleep("1h") end
        end)"#;
    let config = format!(
        "[hooks]\ntimeout_millis = 30000\n{}",
        section("waits", "cpu_millis = 50\ntimeout_secs = 1")
    );
    let world = World::new(&config, &[("waits.lua", script)]);
    assert_eq!(world.must(200, NOBODY, "GET /slow", "").body, "slept");
    let begun = Instant::now();
    world.must(503, NOBODY, "GET /stuck", "");
    assert!(begun.elapsed() >= Duration::from_secs(1) && begun.elapsed() < Duration::from_secs(20));
    world.bed.wait_for("trouble=\"time\"");
}

#[test]
fn a_script_out_of_memory_fails_no_other_ones_login_and_comes_back() {
    let config = format!(
        "[auth]\nchain = [\"lua:login\", \"builtin:users\"]\nlogin_cache_secs = 0\n{}{}",
        section("login", ""),
        section("greedy", "memory_mib = 4")
    );
    let login = r#"
        moon.on("auth.password", function(req)
            if req.user == "bob" then return moon.ok {} end
        end)"#;
    let greedy = r#"
        kept = {}
        moon.on("request", function(ev)
            if ev.path == "/eat" then
                while true do table.insert(kept, string.rep("x", 100000) .. #kept) end
            elseif ev.path == "/fill" then
                pcall(function() while true do table.insert(kept, {}) end end)
                return moon.respond { body = "full" }
            end
        end)"#;
    let world = World::new(&config, &[("login.lua", login), ("greedy.lua", greedy)]);
    let (port, stop) = (world.bed.port(), AtomicBool::new(false));
    thread::scope(|scope| {
        let logins = scope.spawn(|| {
            // It has no say in what no rule of the greedy one is about, but it is asked: `request`
            // answers 503 for it only as long as its VM is full.
            let mut statuses = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                statuses.push(ask(port, "bob:x", WHOAMI, &[API], "").status);
            }
            statuses
        });
        let end = Stop(&stop);
        for _ in 0..5 {
            assert_eq!(ask(port, NOBODY, "GET /eat", &[], "").status, 503);
        }
        drop(end);
        let statuses = logins.join().unwrap();
        assert!(!statuses.contains(&401) && statuses.contains(&200), "{statuses:?}");
    });
    // Full without an error of its own: what comes next gets a fresh VM.
    for _ in 0..10 {
        ask(port, NOBODY, "GET /fill", &[], "");
    }
    let begun = Instant::now();
    let well = || (0..8).all(|_| ask(port, NOBODY, "GET /status.php", &[], "").status == 200);
    while !well() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{}", world.bed.said());
    }
    world.must(200, "bob:x", WHOAMI, "");
    world.bed.wait_for("trouble=\"memory\"");
    assert!(!world.bed.said().contains("login cannot be checked"), "{}", world.bed.said());
    world.must(201, ALICE, &format!("PUT {FILES}/a.txt"), "x");
}
