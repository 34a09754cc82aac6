//! The scripts that are shipped: each is loaded as the server loads it, with fakes in the place of networks
//! and directories, and its events are fired.

mod desk;
mod examples;
mod logins;
mod others;
mod rules;

use std::collections::BTreeSet;

use serde_json::json;

use desk::{FOLDER, load, try_load};

/// What each needs to be loaded, and what it then has registered.
#[tokio::test]
async fn each_script_registers_what_its_file_says() {
    let office = json!({ "from": "07:00", "to": "19:00", "zone": "UTC" });
    let ldap = json!({ "url": "ldaps://x", "bind_dn": "cn=r", "base": "dc=x" });
    let jwt = json!({ "issuer": "i", "audience": "a", "jwks": { "keys": [] } });
    let changes =
        "file.before_upload file.before_delete file.before_move file.before_copy file.before_mkdir";
    let office_events = format!("login.success {changes}");
    let notes = "capabilities GET /api/v1/notes GET /api/v1/notes/{id} POST /api/v1/notes PUT /api/v1/notes/{id} \
                 DELETE /api/v1/notes/{id} GET /api/v1/settings PUT /api/v1/settings";
    let rows = [
        ("login-http", json!({ "url": "https://a.example/" }), "auth.password"),
        ("login-ldap", ldap, "auth.password auth.lookup"),
        ("login-jwt", jwt, "auth.password auth.token"),
        ("office-hours", office, office_events.as_str()),
        ("quota-by-group", json!({}), "user.load"),
        (
            "file-types",
            json!({}),
            "file.before_upload file.before_move file.before_copy file.before_commit",
        ),
        ("virus-scan", json!({ "url": "https://a.example/" }), "file.before_commit"),
        ("upload-webhook", json!({ "url": "https://a.example/" }), "file.uploaded"),
        ("branding", json!({}), "capabilities"),
        ("notes", json!({}), notes),
    ];
    let mut seen = BTreeSet::new();
    for (name, config, registered) in rows {
        let secrets = [("bind", "b"), ("key", "k")];
        let desk = load(name, config, &["ldap", "kv", "http:a.example"], &secrets).await;
        assert_eq!(desk.registered().join(" "), registered, "{name}");
        seen.insert(format!("{name}.lua"));
    }
    assert_eq!(shipped().into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>(), seen);
}

fn shipped() -> Vec<(String, String)> {
    let files = std::fs::read_dir(FOLDER).expect("the folder").map(|file| file.expect("a file"));
    let scripts = files.map(|file| file.path()).filter(|it| it.extension() == Some("lua".as_ref()));
    scripts
        .map(|it| {
            let name = it.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&it).expect("a text"))
        })
        .collect()
}

/// Every file begins with what an administrator needs, every script has a paragraph and a test.
#[test]
fn each_script_says_how_it_is_used() {
    let readme = std::fs::read_to_string(format!("{FOLDER}/README.md")).expect("a README");
    for (name, text) in shipped() {
        let head: String = text.lines().take_while(|line| line.starts_with("--")).collect();
        for words in ["[script.config]", "allow ", "Example:", "[[script]]", "path = \"scripts/"] {
            assert!(head.contains(words), "{name} does not say {words}");
        }
        assert!(head.contains(&format!("\"scripts/{name}\"")), "the example of {name}");
        assert!(readme.contains(&format!("**{name}**")), "{name} is not in the README");
        let tests = std::fs::read_to_string(format!("{FOLDER}/tests/{name}"));
        let tests = tests.unwrap_or_else(|error| panic!("the tests of {name}: {error}"));
        assert!(tests.contains("test(\"") && tests.contains(&format!("\"../{name}\"")), "{name}");
        let line = text.lines().position(|line| line.len() > 120);
        assert_eq!(line, None, "a long line in {name}");
    }
}

/// Only what Lua 5.1 to 5.4 and Luau share, so every editor's language server reads them.
#[test]
fn only_the_common_dialect_is_used() {
    for (name, text) in shipped() {
        for (line, number) in text.lines().zip(1..) {
            let code = without_texts(line);
            for word in ["+=", "-=", "*=", "//", "`", " continue", "goto ", "<const>", " & ", " ~ "]
            {
                assert!(!code.contains(word), "{name}:{number}: {word} is not in every dialect");
            }
        }
    }
}

/// A line without what is in quotes or a comment.
fn without_texts(line: &str) -> String {
    let (mut code, mut quote, mut escaped) = (String::new(), None, false);
    for c in line.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None => code.push(c),
        }
        if code.ends_with("--") {
            break;
        }
    }
    code
}

/// What is missing or misspelt in the configuration is said with the script's name.
#[tokio::test]
async fn wrong_configurations_are_refused() {
    for (name, config, expected) in [
        ("login-http", json!({}), "[script.config] of login-http has no url"),
        ("login-http", json!({ "url": "x", "token": "t" }), "there is no secret 't'"),
        ("login-ldap", json!({ "url": "ldaps://x" }), "login-ldap has no bind_dn"),
        (
            "login-ldap",
            json!({ "url": "ldap://x", "bind_dn": "cn=r", "base": "dc=x" }),
            "would send passwords unencrypted",
        ),
        ("login-jwt", json!({ "issuer": "i", "audience": "a" }), "neither jwks nor jwks_url"),
        ("login-jwt", json!({ "issuer": "i", "jwks": {} }), "has no audience"),
        ("office-hours", json!({ "from": "7", "to": "19:00" }), "from must be a time"),
        (
            "office-hours",
            json!({ "from": "07:00", "to": "19:00", "networks": ["10.0.0.0/99"] }),
            "10.0.0.0/99",
        ),
        ("office-hours", json!({ "from": "07:00", "to": "19:00", "zone": "Europe/Bonn" }), "Bonn"),
        ("quota-by-group", json!({ "groups": { "a": "5 XB" } }), "groups.a must be bytes"),
        (
            "virus-scan",
            json!({ "url": "x", "fail": "maybe" }),
            "fail must be \"allow\" or \"deny\"",
        ),
        ("virus-scan", json!({ "url": "x", "max_size": 9000000 }), "at most 8388608"),
        ("upload-webhook", json!({ "url": "x", "events": ["file.uploadet"] }), "no event"),
        ("branding", json!({ "color": "green" }), "color must be a colour"),
    ] {
        let secrets = [("bind", "b"), ("key", "k")];
        let error = try_load(name, config.clone(), &["ldap", "kv"], &secrets).await.err();
        let error = error.unwrap_or_else(|| panic!("{name} takes {config}"));
        let place = format!("scripts/{name}.lua:");
        assert!(error.starts_with(&place) && error.contains(expected), "{name}: {error}");
    }
}
