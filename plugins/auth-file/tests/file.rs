//! The authenticator on a real file.
#![expect(clippy::unwrap_used, reason = "a test panics where something is wrong")]

use std::fs;
use std::path::{Path, PathBuf};

use moonsail_auth_file::{AuthFile, AuthFileConfig, AuthFilePlugin};
use moonsail_sdk::abi::host::TestHost;
use moonsail_sdk::auth::{Auth, AuthUnavailable, Authenticator, Call};
use moonsail_sdk::conformance::auth::{Known, auth_suite};
use moonsail_sdk::secret::Secret;

/// `correct horse` by argon2id with little memory.
fn argon2() -> String {
    use argon2::password_hash::PasswordHasher;
    let params = argon2::Params::new(64, 1, 1, None).unwrap();
    argon2::Argon2::from(params).hash_password(b"correct horse").unwrap().to_string()
}

fn bcrypt(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

fn write(content: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users");
    fs::write(&path, content).unwrap();
    (dir, path)
}

fn open(path: &Path) -> AuthFile {
    AuthFile::open(AuthFileConfig { path: path.to_owned() }).unwrap()
}

async fn ask(auth: &AuthFile, login: &str, password: &str) -> Result<Auth, AuthUnavailable> {
    auth.check_password(&Call::default(), login, &Secret::new(password)).await
}

#[tokio::test]
async fn both_kinds_of_hash_pass_the_suite() {
    for hash in [bcrypt("correct horse"), argon2()] {
        let (_dir, path) = write(&format!("# accounts\nalice:{hash}\n"));
        let known = Known { login: "alice".into(), password: "correct horse".into() };
        auth_suite(&open(&path), &known).await;
    }
}

#[tokio::test]
async fn a_changed_file_is_read_again() {
    let (_dir, path) = write(&format!("alice:{}\n", bcrypt("old")));
    let auth = open(&path);
    assert!(matches!(ask(&auth, "alice", "old").await, Ok(Auth::Ok(_))));
    // Same size, same inode.
    fs::write(&path, format!("alice:{}\n", bcrypt("new"))).unwrap();
    assert_eq!(ask(&auth, "alice", "old").await.unwrap(), Auth::Denied);
    assert!(matches!(ask(&auth, "alice", "new").await, Ok(Auth::Ok(_))));
    // Another file in its place, as editors do.
    fs::write(path.with_extension("tmp"), format!("bob:{}\n", bcrypt("new"))).unwrap();
    fs::rename(path.with_extension("tmp"), &path).unwrap();
    assert_eq!(ask(&auth, "alice", "new").await.unwrap(), Auth::Next);
    assert!(matches!(ask(&auth, "bob", "new").await, Ok(Auth::Ok(_))));
}

#[tokio::test]
async fn an_unreadable_file_is_no_answer_and_heals() {
    let good = format!("alice:{}\n", bcrypt("x"));
    let (_dir, path) = write(&good);
    let auth = open(&path);
    fs::remove_file(&path).unwrap();
    assert!(ask(&auth, "alice", "x").await.is_err());
    fs::write(&path, "alice:{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=\n").unwrap();
    for _ in 0..2 {
        let message = ask(&auth, "alice", "x").await.unwrap_err().message;
        assert!(message.contains("line 1: alice: {SHA}"), "{message}");
        assert!(!message.contains("VBPu"), "no hash in a log: {message}");
    }
    fs::write(&path, &good).unwrap();
    assert!(matches!(ask(&auth, "alice", "x").await, Ok(Auth::Ok(_))));
}

#[test]
fn what_cannot_be_used_is_refused_at_the_start() {
    let (dir, path) = write("# nobody yet\nalice:secret\n");
    for (path, words) in [
        (path, "line 2: alice: crypt and plain text"),
        (dir.path().join("missing"), "missing: No such file"),
        (dir.path().to_owned(), "not a regular file"),
        ("/dev/zero".into(), "not a regular file"),
    ] {
        let text = AuthFile::open(AuthFileConfig { path }).err().unwrap().to_string();
        assert!(text.contains(words), "{text}");
    }
}

#[tokio::test]
async fn an_empty_file_knows_nobody() {
    let (_dir, path) = write("");
    assert_eq!(ask(&open(&path), "alice", "x").await.unwrap(), Auth::Next);
}

#[tokio::test]
async fn an_unknown_login_takes_as_long_as_a_known_one() {
    let (_dir, path) = write(&format!("alice:{}\n", bcrypt::hash("x", 8).unwrap()));
    let auth = open(&path);
    let mut times = Vec::new();
    for login in ["alice", "nobody"] {
        // The fastest of a few: other tests run beside.
        let mut fastest = std::time::Duration::MAX;
        for _ in 0..5 {
            let start = std::time::Instant::now();
            let _ = ask(&auth, login, "wrong").await.unwrap();
            fastest = fastest.min(start.elapsed());
        }
        times.push(fastest);
    }
    assert!(times[1] * 3 > times[0], "known {:?}, unknown {:?}", times[0], times[1]);
}

#[tokio::test]
async fn as_a_plugin_it_passes_the_suite_as_well() {
    let (_dir, path) = write(&format!("alice:{}\n", bcrypt("correct horse")));
    let config = format!("{{\"path\": {path:?}}}");
    let host = TestHost::start::<AuthFilePlugin>(&config).await.unwrap();
    let known = Known { login: "alice".into(), password: "correct horse".into() };
    auth_suite(&host.auth().unwrap(), &known).await;
}

#[tokio::test]
async fn as_a_plugin_it_says_what_is_wrong_with_its_configuration() {
    for (config, expected) in [
        ("{}", "missing field `path`"),
        (r#"{"path": "/none", "file": 1}"#, "file: unknown field `file`, expected `path`"),
        (r#"{"path": "/none/such"}"#, "/none/such: No such file or directory (os error 2)"),
    ] {
        let refused = TestHost::start::<AuthFilePlugin>(config).await.err().unwrap();
        assert_eq!(refused, expected, "{config}");
    }
}
