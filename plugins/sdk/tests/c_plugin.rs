//! `plugins/demo-c`, built from the header alone, loaded as a server would, and asked like any other
//! authenticator.

#![expect(unsafe_code, reason = "loads a shared library")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use moonsail_sdk::HEADER;
use moonsail_sdk::abi::PluginEntry;
use moonsail_sdk::abi::host::{CreateError, TestHost, facts};
use moonsail_sdk::auth::{Auth, AuthUnavailable, Authenticator, Call};
use moonsail_sdk::conformance::auth::{Known, auth_suite};
use moonsail_sdk::secret::Secret;

const CONFIG: &str = r#" { "users" : { "demo": "pass \"word\\", "ä": "x" } } "#;
const PASSWORD: &str = r#"pass "word\"#;

/// Builds the plugin by the line of its README, which names gcc. `None` if there is no such compiler.
fn built(compiler: &str, folder: &Path) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(root.join("plugins/demo-c/README.md")).expect("a README");
    let line = readme.lines().find(|line| line.starts_with("gcc ")).expect("the line");
    std::fs::copy(root.join("plugins/demo-c/demo.c"), folder.join("demo.c")).expect("a copy");
    std::fs::write(folder.join("moonsail_plugin.h"), HEADER).expect("a header");
    let arguments = line.split(' ').skip(1);
    let output =
        Command::new(compiler).args(arguments).arg("-Werror").current_dir(folder).output().ok()?;
    // Under valgrind a missing program is a child that ends at once.
    if output.status.code() == Some(127) {
        return None;
    }
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{compiler}: {said}");
    Some(folder.join("libdemo_c.so"))
}

/// The entry of a library, which stays loaded.
fn entry(library: &Path) -> *const PluginEntry {
    // SAFETY: the library was built just now, and runs nothing when it is loaded.
    unsafe {
        let library = libloading::Library::new(library).expect("it loads");
        let entry = library.get::<*const PluginEntry>(b"moonsail_plugin_entry_v1\0");
        let entry = *entry.expect("it has an entry");
        std::mem::forget(library);
        entry
    }
}

/// Makes an instance of it.
fn created(entry: *const PluginEntry, config: &str) -> Result<TestHost, CreateError> {
    // SAFETY: the entry of a library that stays loaded, checked first.
    unsafe {
        facts(entry)?;
        TestHost::of_entry(entry, config)
    }
}

async fn check(host: &TestHost, login: &str, password: &str) -> Result<Auth, AuthUnavailable> {
    let call = Call { request_id: "req-7".to_owned(), remote_ip: None };
    let auth = host.auth().expect("it offers auth");
    auth.check_password(&call, login, &Secret::new(password)).await
}

async fn works(compiler: &str, needed: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(library) = built(compiler, folder.path()) else {
        assert!(!needed, "{compiler} is missing: apt-get install build-essential");
        return;
    };
    let entry = entry(&library);
    // SAFETY: as in `created`.
    let found = unsafe { facts(entry) }.expect("an entry");
    assert_eq!((found.name.as_str(), found.abi, found.reloadable), ("demo-c", (1, 0), true));

    let host = created(entry, CONFIG).expect("made");
    host.instance().start(Duration::from_secs(5)).await.expect("started");
    let known = Known { login: "demo".to_owned(), password: PASSWORD.to_owned() };
    auth_suite(&host.auth().expect("it offers auth"), &known).await;
    assert!(host.capabilities().is_none());

    let before = host.figure("demo_checks").expect("a counter");
    assert!(matches!(check(&host, "ä", "x").await, Ok(Auth::Ok(_))));
    assert_eq!(check(&host, "ä", "y").await.ok(), Some(Auth::Denied));
    assert_eq!(check(&host, "a", "y").await.ok(), Some(Auth::Next));
    assert_eq!(host.figure("demo_checks"), Some(before + 2.0), "who is unknown is not counted");
    assert_eq!(host.key("last").as_deref(), Some("ä".as_bytes()));
    let log = host.log();
    for line in ["INFO welcome login=ä [req-7]", "WARN wrong password login=ä [req-7]"] {
        assert!(log.iter().any(|logged| logged == line), "{line} in {log:?}");
    }

    let other = created(entry, r#"{"users":{"other":"y"}}"#).expect("a second one");
    assert_eq!(check(&other, "demo", PASSWORD).await.ok(), Some(Auth::Next));
    assert!(matches!(check(&other, "other", "y").await, Ok(Auth::Ok(_))));

    let checks = (0..200).map(|number| {
        let password = if number % 2 == 0 { PASSWORD } else { "wrong" };
        check(&host, "demo", password)
    });
    for check in checks.collect::<Vec<_>>() {
        assert!(check.await.is_ok());
    }
    for host in [host, other] {
        host.instance().stop(Duration::from_secs(5)).await.expect("stopped");
        let ended = host.destroyed();
        drop(host);
        tokio::time::timeout(Duration::from_secs(10), ended).await.expect("destroyed");
    }
}

#[tokio::test]
async fn a_plugin_in_c_is_an_authenticator_like_any_other() {
    works("gcc", true).await;
    works("clang", false).await;
}

#[tokio::test]
async fn its_configuration_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let library = built("gcc", folder.path()).expect("gcc: apt-get install build-essential");
    let entry = entry(&library);
    for (config, expected) in [
        ("", "the configuration is no object"),
        ("[]", "the configuration is no object"),
        ("{}", "users: is missing"),
        (r#"{"user": {}}"#, "unknown key, expected users: user"),
        (r#"{"users": 1}"#, "users: is no object"),
        (r#"{"users": {"a": 1}}"#, "users: the password must be a text, and not empty, of a"),
        (r#"{"users": {"a": ""}}"#, "users: the password must be a text, and not empty, of a"),
        (r#"{"users": {"a": "b" "c": "d"}}"#, "users: a comma is missing"),
        (r#"{"users": {"a": "b"}, "more": 1}"#, "there is more than users"),
        (r#"{"users": {"a": "b"#, "users: the password must be a text, and not empty, of a"),
        (r#"{"users": {"a\"#, "users: a login is not as expected"),
    ] {
        let error = created(entry, config).err().expect(config);
        assert_eq!(error, CreateError::Refused(expected.to_owned()), "{config}");
    }
}
