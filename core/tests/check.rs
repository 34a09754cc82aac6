//! `moonsail check` as a user runs it: exit code, and what goes to which stream.

use std::fs;
use std::process::{Command, Output};

const MOUNT: &str = "[[mount]]\npath = 'Team/Plans'\nstorage = 'local:/srv/plans'\nusers = ['carol']\n\
                     groups = ['staff']\nread_only = true";
const NESTED: &str = "[[mount]]\npath = 'A'\nstorage = 'local:/srv/a'\n[[mount]]\npath = 'A/B'\n\
                      storage = 'local:/srv/b'";

/// Runs `moonsail check` in a folder with this server.toml.
fn check(server_toml: &str, more: &[&str], env: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("server.toml"), server_toml).expect("a writable folder");
    Command::new(env!("CARGO_BIN_EXE_moonsail"))
        .arg("check")
        .args(more)
        .current_dir(folder.path())
        .env_clear()
        .envs(env.iter().copied())
        .output()
        .expect("the binary runs")
}

#[test]
fn exit_code_and_streams_tell_good_from_bad() {
    for (server_toml, more, env, code, on_stdout, on_stderr) in [
        ("", &[][..], &[][..], 0, "server.toml is good.", ""),
        ("", &["--json"], &[], 0, "\"ok\": true", ""),
        ("", &["--data", "d"], &[], 0, "flag --data", ""),
        ("", &[], &[("MOONSAIL_THEME__NAME", "Home")], 0, "variable MOONSAIL_THEME__NAME", ""),
        ("lisen = 1", &[], &[], 2, "", "server.toml:1: lisen: no such key; perhaps server.listen"),
        ("x = ", &[], &[], 2, "", "server.toml:1: not valid TOML"),
        ("lisen = 1", &["--json"], &[], 2, "\"ok\": false", ""),
        ("", &["--jsno"], &[], 2, "", "--json"),
        ("", &["--config", "none.toml"], &[], 2, "", "none.toml: cannot be read"),
        (MOUNT, &[], &[], 0, "server.toml is good.", ""),
        ("[[mount]]\nptah = 'M'", &[], &[], 2, "", "perhaps mount.path is meant"),
        ("[[mount]]\nstorage = 'local:/m'", &[], &[], 2, "", "mount.path: expected where"),
        ("[[mount]]\npath = 'M'\nstorage = '/m'", &[], &[], 2, "", "\"local:/folder\""),
        ("[[mount]]\npath = 'M'\nstorage = 'plugin:x'", &[], &[], 2, "", "mount.storage: expected"),
        ("[[mount]]\npath = 'M'\nstorage = 'local:data/m'", &[], &[], 2, "", "outside of data_dir"),
        (NESTED, &[], &[], 2, "", "none lies inside another"),
        ("[storage]\nhomes = 'builtin:locl'", &[], &[], 2, "", "(perhaps \"builtin:local\")"),
    ] {
        let output = check(server_toml, more, env);
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let row = format!("{server_toml:?} {more:?}: {out}{err}");
        assert_eq!(output.status.code(), Some(code), "{row}");
        assert!(out.contains(on_stdout) && on_stdout.is_empty() == out.is_empty(), "{row}");
        assert!(err.contains(on_stderr) && on_stderr.is_empty() == err.is_empty(), "{row}");
    }
}
