//! login-http, login-ldap, login-jwt.

use moonsail_lua::script::Kind;
use moonsail_lua::services::Entry;
use serde_json::{Value as Json, json};

use crate::desk::{Desk, data, kind, load};

const PASSWORD: (&str, &str) = ("password", "blue teapot");

#[tokio::test]
async fn login_http_takes_the_word_of_the_api() {
    let config = json!({ "url": "https://hr.example/login", "token": "hr" });
    let desk = load("login-http", config, &["http:hr.example"], &[("hr", "sesame")]).await;
    let account = r#"{"id": 4711, "user": "ann", "display_name": "Ann A.", "email": null,
        "groups": ["staff"], "quota": 5000000000}"#;
    desk.answers("POST https://hr.example/login", 200, account);
    let answer = desk.login("auth.password", json!({ "user": "Ann" }), PASSWORD).await;
    assert_eq!(kind(&answer), Kind::Ok);
    let expected = json!({ "user": "ann", "subject": "4711", "display_name": "Ann A.",
        "groups": ["staff"], "quota": 5_000_000_000_u64 });
    assert_eq!(data(&answer), expected);
    assert_eq!(desk.sent(), json!({ "user": "Ann", "password": "blue teapot" }));
    let requests = desk.fakes.http.requests();
    let authorization = requests[0].headers.iter().find(|(name, _)| name == "authorization");
    assert_eq!(authorization.expect("a token").1.as_slice(), b"Bearer sesame");
    for (status, body, expected) in [
        (401, "", Kind::Deny),
        (403, "", Kind::Disabled),
        (404, "", Kind::Next),
        (200, "<html>", Kind::Tempfail),
        (200, "null", Kind::Tempfail),
        (200, "{}", Kind::Ok),
        (302, "", Kind::Tempfail),
        (500, "", Kind::Tempfail),
    ] {
        desk.answers("POST", status, body);
        let answer = desk.login("auth.password", json!({ "user": "ann" }), PASSWORD).await;
        assert_eq!(kind(&answer), expected, "{status} {body}");
    }
    desk.fakes.http.answer("POST", Err("connection refused".into()));
    let answer = desk.login("auth.password", json!({ "user": "ann" }), PASSWORD).await;
    assert_eq!(kind(&answer), Kind::Tempfail);
    assert!(desk.fakes.log.lines().iter().all(|line| !line.contains("teapot")));
}

fn person(desk: &Desk, uid: &str, groups: &[&str], password: &str) {
    let attribute = |name: &str, values: &[&str]| {
        (name.to_owned(), values.iter().map(|it| it.as_bytes().to_vec()).collect())
    };
    let groups: Vec<String> = groups.iter().map(|it| format!("cn={it},ou=groups,dc=x")).collect();
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let entry = Entry {
        dn: format!("uid={uid},ou=people,dc=x"),
        attributes: vec![
            attribute("uid", &[uid]),
            attribute("entryUUID", &[&format!("uuid-of-{uid}")]),
            attribute("cn", &["Ann A."]),
            attribute("mail", &["ann@x.example", "a@x.example"]),
            attribute("memberOf", &groups),
        ],
    };
    desk.fakes.ldap.add(entry, Some(password.as_bytes()));
}

#[tokio::test]
async fn login_ldap_maps_groups_and_wants_the_one_that_is_required() {
    let config = json!({ "url": "ldaps://x", "bind_dn": "cn=reader,dc=x", "base": "ou=people,dc=x",
        "required": "cloud", "groups": { "cloud-staff": "staff", "cloud": "all" } });
    let desk = load("login-ldap", config, &["ldap"], &[("bind", "reads")]).await;
    let reader = Entry { dn: "cn=reader,dc=x".into(), attributes: Vec::new() };
    desk.fakes.ldap.add(reader, Some(b"reads"));
    person(&desk, "ann", &["cloud-staff", "cloud", "parking"], "blue teapot");
    person(&desk, "bob", &["parking"], "blue teapot");
    let ann = json!({ "user": "ann", "subject": "uuid-of-ann", "display_name": "Ann A.",
        "email": "ann@x.example", "groups": ["all", "staff"] });
    for (user, password, expected, account) in [
        ("ann", "blue teapot", Kind::Ok, ann.clone()),
        ("ann", "wrong", Kind::Deny, json!({ "message": "wrong password", "status": null })),
        ("bob", "blue teapot", Kind::Disabled, Json::Null),
        ("bob", "wrong", Kind::Deny, json!({ "message": "wrong password", "status": null })),
        ("nobody", "blue teapot", Kind::Next, Json::Null),
        ("*", "blue teapot", Kind::Next, Json::Null),
    ] {
        let fields = json!({ "user": user });
        let answer = desk.login("auth.password", fields, ("password", password)).await;
        assert_eq!((kind(&answer), data(&answer)), (expected, account), "{user}");
    }
    for (fields, expected) in [
        (json!({ "subject": "uuid-of-ann" }), Kind::Ok),
        (json!({ "user": "ann" }), Kind::Ok),
        (json!({ "user": "bob" }), Kind::Disabled),
        (json!({ "subject": "uuid-of-carl" }), Kind::Next),
    ] {
        assert_eq!(kind(&desk.fire("auth.lookup", fields.clone()).await), expected, "{fields}");
    }
    desk.fakes.ldap.set_down(true);
    let answer = desk.login("auth.password", json!({ "user": "ann" }), PASSWORD).await;
    assert_eq!(kind(&answer), Kind::Tempfail, "an app keeps its password");
    let answer = desk.fire("auth.lookup", json!({ "user": "ann" })).await;
    assert_eq!(kind(&answer), Kind::Tempfail);
}

/// A key that signs tokens, and the set that has its public half.
struct Issuer {
    key: rcgen::KeyPair,
    id: &'static str,
}

impl Issuer {
    fn new(id: &'static str) -> Self {
        Self { key: rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key"), id }
    }

    fn jwks(&self) -> Json {
        let x = base64url(self.key.public_key_raw());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": x }] })
    }

    fn token(&self, claims: Json) -> String {
        use rcgen::SigningKey as _;
        let header = json!({ "alg": "EdDSA", "kid": self.id }).to_string();
        let signed = format!(
            "{}.{}",
            base64url(header.as_bytes()),
            base64url(claims.to_string().as_bytes())
        );
        let signature = self.key.sign(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", base64url(&signature))
    }
}

fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// Of the fakes' clock: 2026-01-02T03:04:05Z.
const NOW: u64 = 1_767_323_045;

fn claims(more: Json) -> Json {
    let mut claims = json!({ "iss": "https://idp.example", "aud": ["moonsail"], "sub": "s-1",
        "exp": NOW + 300, "preferred_username": "ann", "name": "Ann A.", "groups": ["staff"] });
    for (name, value) in more.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    claims
}

#[tokio::test]
async fn login_jwt_believes_tokens_and_nothing_else() {
    let issuer = Issuer::new("one");
    let config = json!({ "jwks_url": "https://idp.example/keys", "algorithms": ["EdDSA"],
        "issuer": "https://idp.example", "audience": "moonsail" });
    let desk = load("login-jwt", config, &["http:idp.example", "kv"], &[]).await;
    let login = async |token: &str| {
        desk.login("auth.password", json!({ "user": "any" }), ("password", token)).await
    };
    assert_eq!(kind(&login("blue teapot").await), Kind::Next);
    assert!(desk.fakes.http.requests().is_empty(), "a password asks nobody");
    desk.answers("GET https://idp.example/keys", 500, "");
    assert_eq!(kind(&login(&issuer.token(claims(json!({})))).await), Kind::Tempfail);
    desk.answers("GET https://idp.example/keys", 200, &issuer.jwks().to_string());
    let answer = login(&issuer.token(claims(json!({})))).await;
    assert_eq!(kind(&answer), Kind::Ok);
    let account = json!({ "user": "ann", "subject": "s-1", "display_name": "Ann A.",
        "groups": ["staff"] });
    assert_eq!(data(&answer), account);
    for (more, expected) in [
        (json!({ "exp": NOW - 300 }), Kind::Deny),
        (json!({ "aud": "another" }), Kind::Deny),
        (json!({ "iss": "https://evil.example" }), Kind::Deny),
        (json!({ "preferred_username": 5 }), Kind::Deny),
        (json!({ "preferred_username": "" }), Kind::Deny),
        (json!({ "sub": null }), Kind::Deny),
    ] {
        assert_eq!(kind(&login(&issuer.token(claims(more.clone()))).await), expected, "{more}");
    }
    assert_eq!(desk.fakes.http.requests().len(), 2, "the keys are remembered");
    let token = issuer.token(claims(json!({})));
    let answer = desk.login("auth.token", json!({ "kind": "bearer" }), ("token", &token)).await;
    assert_eq!(kind(&answer), Kind::Ok);
    assert!(desk.fakes.log.lines().iter().all(|line| !line.contains("eyJ")));
}

#[tokio::test]
async fn login_jwt_finds_new_keys_and_does_not_ask_for_each_forgery() {
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let config = json!({ "jwks_url": "https://idp.example/keys", "algorithms": ["EdDSA"],
        "issuer": "https://idp.example", "audience": "moonsail" });
    let desk = load("login-jwt", config, &["http:idp.example", "kv"], &[]).await;
    let login = async |token: &str| {
        kind(&desk.login("auth.password", json!({ "user": "any" }), ("password", token)).await)
    };
    desk.answers("GET", 200, &old.jwks().to_string());
    assert_eq!(login(&old.token(claims(json!({})))).await, Kind::Ok);
    desk.answers("GET", 200, &new.jwks().to_string());
    assert_eq!(login(&new.token(claims(json!({})))).await, Kind::Ok, "with the new key");
    for _ in 0..3 {
        let forged = Issuer::new("new").token(claims(json!({})));
        assert_eq!(login(&forged).await, Kind::Deny);
    }
    assert_eq!(desk.fakes.http.requests().len(), 2);
}
