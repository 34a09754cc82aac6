//! `moonsail ldap`, with the provider that a fresh checkout has: an htpasswd file.

use serde_json::json;

use crate::bed::Bed;

/// Somebody's line; the hash is of "x".
fn line(login: &str) -> String {
    format!("{login}:$2y$04$abcdefghijklmnopqrstuuYQ0BjUvBqBcZVyQmvp0gKQoDPXHDzqS\n")
}

fn configured(bed: &Bed, logins: &[&str]) {
    use std::os::unix::fs::PermissionsExt;
    let lines: String = logins.iter().map(|login| line(login)).collect();
    let path = bed.path("people");
    std::fs::write(&path, lines).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    bed.configure("[auth]\nchain = [\"builtin:file\"]\n[auth.file]\npath = \"people\"\n");
}

#[test]
fn another_configuration_is_compared_before_it_is_used() {
    let bed = Bed::new();
    configured(&bed, &["bob", "carol"]);
    let new = bed.path("new.toml");
    std::fs::copy(bed.path("server.toml"), &new).unwrap();
    std::fs::copy(bed.path("people"), bed.path("others")).unwrap();
    let text = std::fs::read_to_string(&new).unwrap().replace("\"people\"", "\"others\"");
    std::fs::write(&new, text).unwrap();
    configured(&bed, &["alice", "bob"]);
    let told = bed.run("ldap diff new.toml --json").json();
    assert_eq!(
        told,
        json!([{
            "provider": "plugin:auth-file", "same": 1, "changed": [],
            "appear": ["carol"], "disappear": ["alice"], "replaced": [],
        }])
    );
    let text = bed.run("ldap diff new.toml").ok();
    assert!(text.contains("1 stay as they are") && text.contains("  + carol"), "{text}");
    assert!(!bed.data("").exists(), "a question makes no data folder");
    assert_eq!(bed.run("ldap diff missing.toml").code, Some(2));
}

#[test]
fn who_cannot_explain_says_so() {
    let bed = Bed::new();
    configured(&bed, &["bob"]);
    let ran = bed.run("ldap explain bob");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("can explain a login"), "{ran:?}");
    bed.configure("");
    assert_eq!(bed.run("ldap diff server.toml").code, Some(2), "the index needs no such thing");
}
