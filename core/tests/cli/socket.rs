//! The control socket, and the lock on the data folder.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use rustix::fs::{FlockOperation, flock};

use crate::bed::Bed;

#[test]
fn it_is_this_users_alone_and_goes_with_the_server() {
    let mut bed = Bed::new();
    bed.start();
    let socket = bed.data("control.sock");
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    bed.stop();
    assert!(!socket.exists());
}

#[test]
fn a_stale_socket_is_in_nobodys_way() {
    let mut bed = Bed::new();
    bed.start();
    bed.signal("-KILL");
    bed.wait();
    assert!(bed.data("control.sock").exists());
    bed.add_user("alice", "");
    bed.start();
    assert!(bed.run("user list").ok().contains("alice"));
    bed.stop();
}

#[test]
fn a_second_server_and_a_locked_folder_exit_with_3() {
    let mut bed = Bed::new();
    bed.start();
    let second = bed.run("serve --listen 127.0.0.1:0 --listen-http 127.0.0.1:0");
    assert_eq!(second.code, Some(3), "{second:?}");
    assert!(second.err.contains("another moonsail uses"), "{second:?}");
    bed.run("user list").ok();
    bed.stop();
    let lock = File::options().write(true).open(bed.data("lock")).unwrap();
    flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    let ran = bed.run("user list");
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{ran:?}");
    assert!(ran.err.contains("another process uses"), "{ran:?}");
}

#[test]
fn root_makes_no_files_among_those_of_the_servers_user() {
    let bed = Bed::new();
    bed.add_user("alice", "");
    if !rustix::process::geteuid().is_root() {
        return; // nobody else can give a file away
    }
    std::os::unix::fs::chown(bed.data("moonsail.db"), Some(12345), None).unwrap();
    let ran = bed.run("user list");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("sudo -u '#12345'"), "{ran:?}");
}

#[test]
fn commands_at_the_same_time_wait_for_each_other() {
    let bed = Bed::new();
    bed.add_user("alice", "");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| bed.token("alice"));
        }
    });
    assert_eq!(bed.run("user show alice --json").json()["app_passwords"], 4);
}

#[test]
fn nonsense_is_answered_and_the_server_lives_on() {
    let mut bed = Bed::new();
    bed.start();
    let long = "x".repeat(100_000);
    for line in ["", "{}", "nonsense", "{\"user\":{\"add\":{\"password\":\"canary\"}}}", &long] {
        let mut stream = UnixStream::connect(bed.data("control.sock")).unwrap();
        // The server stops reading what is too long.
        let _ = stream.write_all(format!("{line}\n").as_bytes());
        let mut answer = String::new();
        let _ = BufReader::new(stream).read_line(&mut answer);
        let refused = answer.starts_with("{\"refused\":{\"not-understood\"");
        assert!(refused || line == long, "{line:.50}: {answer}");
        assert!(!answer.contains("canary"), "{answer}");
    }
    bed.run("user list").ok();
    bed.stop();
}

#[test]
fn the_data_folder_may_lie_deeper_than_a_socket_name_is_long() {
    let mut bed = Bed::new();
    let deep = ["deep"; 40].join("/");
    std::fs::create_dir_all(bed.path(&deep)).unwrap();
    std::fs::rename(bed.path("server.toml"), bed.path("s.toml")).unwrap();
    let text = std::fs::read_to_string(bed.path("s.toml")).unwrap();
    std::fs::write(bed.path("server.toml"), format!("data_dir = \"{deep}/data\"\n{text}")).unwrap();
    bed.start();
    assert!(bed.path(&deep).join("data/control.sock").exists());
    bed.add_user("alice", "");
    bed.wait_for("uid=alice");
    bed.stop();
}
