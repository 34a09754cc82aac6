//! `moon.ldap` against a real directory: OpenLDAP's slapd, one for each test.

use std::sync::Arc;
use std::time::{Duration, Instant};

use e2e::slapd::{self, PASSWORD, Slapd};
use moonsail_lua::mlua::{self, Lua};
use moonsail_lua::modules::MODULES;
use moonsail_lua::services::Directories;
use moonsail_lua::{Grants, Secret, Services, Site};

/// A script's VM with the real LDAP service, and a directory. `None` if there is no slapd here.
fn bench(people: &str) -> Option<(Lua, Slapd)> {
    if slapd::must_skip() {
        return None;
    }
    let slapd = Slapd::start(people).expect("slapd starts");
    let (services, _) = Services::for_tests();
    let mut services = Arc::into_inner(services).expect("nobody else has them");
    services.ldap = Arc::new(Directories::default());
    let site = Site::new("test", Grants::new(["ldap"]), Arc::new(services));
    let lua = Lua::new();
    let module = MODULES.iter().find(|it| it.name == "moon.ldap").expect("the module");
    let globals = lua.globals();
    let set = |name: &str, value: &str| globals.set(name, value).expect("a global");
    globals.set("ldap", (module.open)(&lua, &site).expect("its table")).expect("a global");
    globals.set("secret", Secret::new("reader", slapd::READER_PASSWORD, &site)).expect("a global");
    set("reader", slapd::READER);
    set("base", slapd::BASE);
    set("url", &slapd.url());
    set("tls", &slapd.tls_url());
    set("ca", slapd.ca().to_str().expect("a plain path"));
    set("other_ca", slapd.other_ca().to_str().expect("a plain path"));
    set("alice", &slapd::person_dn("alice"));
    set("password", PASSWORD);
    Some((lua, slapd))
}

/// What code returns, with commas; or its error.
async fn text(lua: &Lua, code: &str) -> String {
    let values: mlua::Result<mlua::MultiValue> = lua.load(code).eval_async().await;
    match values {
        Ok(values) => {
            let shown = values.iter().map(|it| it.to_string().unwrap_or_default());
            shown.collect::<Vec<_>>().join(", ")
        }
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn holds(code: &str, got: &str, part: &str) {
    assert!(got.contains(part), "{code}: {got}");
}

const OPEN: &str =
    "pool = ldap.pool { url = tls, ca = ca, timeout = '3s' } conn = pool:bind(reader, secret)";

#[tokio::test]
async fn connections_are_encrypted_and_certificates_checked() {
    let Some((lua, _slapd)) = bench(&slapd::person("alice", "Alice", "")) else { return };
    for (options, expected) in [
        ("url = tls, ca = ca", "userdata, nil"),
        ("url = url, starttls = true, ca = ca", "userdata, nil"),
        ("url = url, plaintext = true", "userdata, nil"),
        (
            "url = { 'ldap://127.0.0.1:1', tls }, starttls = false, plaintext = true, ca = ca",
            "userdata, nil",
        ),
        ("url = tls, ca = other_ca", "certificate"),
        ("url = url, starttls = true, ca = other_ca", "certificate"),
        ("url = tls", "certificate"),
        ("url = 'ldaps://127.0.0.1:1', ca = ca", "refused"),
        ("url = tls, ca = '/no/such/file'", "moon.ldap.pool: ca: "),
    ] {
        let code = format!(
            "local conn, problem = ldap.pool({{ {options} }}):bind(reader, secret) return type(conn), problem"
        );
        holds(options, &text(&lua, &code).await, expected);
    }
}

#[tokio::test]
async fn people_are_found_and_their_passwords_checked() {
    let people = slapd::person("alice", "Alice", "uid: al\n")
        + &slapd::person("bob", "Bob", "")
        + &slapd::group("staff", &[&slapd::person_dn("alice")]);
    let Some((lua, slapd)) = bench(&people) else { return };
    let referral = format!(
        "dn: ou=far,{}\nchangetype: add\nobjectClass: referral\nobjectClass: extensibleObject\nou: far\n\
         ref: ldap://127.0.0.1:1/dc=far\n\n",
        slapd::BASE
    );
    slapd.change(&referral).expect("a referral");
    assert_eq!(text(&lua, OPEN).await, "");
    for (code, expected) in [
        (
            "local e = conn:search_one { base = base, filter = ldap.filter('(uid=%s)', 'alice'), attrs = { 'CN', 'uid' } } return e.dn == alice, e.CN, #e.uid, e.sn",
            "true, Alice, 2, nil",
        ),
        (
            "local e = conn:search_one { base = base, filter = ldap.filter('(member=%s)', alice) } return e.cn, ldap.cn_of(e.member)[1]",
            "staff, alice",
        ),
        ("return conn:search_one { base = base, filter = ldap.filter('(uid=%s)', '*') }", "nil"),
        (
            "return conn:search_one { base = base, filter = ldap.filter('(uid=%s)', 'x)(|(uid=*') }",
            "nil",
        ),
        ("return #conn:search { base = base, filter = '(objectClass=person)' }", "2"),
        (
            "return conn:search { base = 'ou=none,' .. base }",
            "moon.ldap:search: search below ou=none,",
        ),
        ("return conn:search_one { base = 'ou=none,' .. base, scope = 'base' }", "nil"),
        (
            "return pool:check(alice, password), pool:check(alice, 'wrong'), pool:check(alice, '')",
            "true, false, false",
        ),
        (
            "return pool:check('uid=nobody,' .. base, password), pool:check('no dn', password)",
            "false, false",
        ),
        ("return select(2, pool:bind(reader, 'wrong'))", "is refused"),
        // Whoever checked last is not who searches.
        (
            "pool:check(alice, password) return #conn:search { base = base, filter = '(uid=bob)' }",
            "1",
        ),
    ] {
        holds(code, &text(&lua, code).await, expected);
    }
}

#[tokio::test]
async fn more_entries_than_a_directory_gives_at_once_come_in_pages() {
    let many: String = (0..1100).map(|at| slapd::person(&format!("u{at}"), "U", "")).collect();
    let Some((lua, _slapd)) = bench(&many) else { return };
    assert_eq!(text(&lua, OPEN).await, "");
    let count =
        |limit: &str| format!("return #conn:search {{ base = base, filter = '(uid=*)'{limit} }}");
    for (limit, expected) in
        [(", limit = 10000", "1100"), ("", "1000"), (", limit = 500", "500"), (", limit = 7", "7")]
    {
        assert_eq!(text(&lua, &count(limit)).await, expected, "{limit}");
    }
}

#[tokio::test]
async fn a_restart_is_not_noticed_and_an_outage_is_no_answer() {
    let Some((lua, mut slapd)) = bench(&slapd::person("alice", "Alice", "")) else { return };
    let find = "return conn:search_one({ base = base, filter = '(uid=alice)' }).dn == alice, pool:check(alice, password)";
    assert_eq!(text(&lua, OPEN).await, "");
    assert_eq!(text(&lua, find).await, "true, true");
    slapd.stop().expect("stops");
    holds("check", &text(&lua, "return pool:check(alice, password)").await, "moon.ldap:check: ");
    holds("search", &text(&lua, "return conn:search { base = base }").await, "moon.ldap:search: ");
    holds("bind", &text(&lua, "return pool:bind(reader, secret)").await, "nil, ldaps://");
    slapd.start_again().expect("starts");
    assert_eq!(text(&lua, find).await, "true, true");
    slapd.stop().expect("stops");
    slapd.start_again().expect("starts");
    assert_eq!(text(&lua, find).await, "true, true", "connections that had waited");
    slapd.freeze().expect("freezes");
    let begun = Instant::now();
    for code in
        ["return pool:check(alice, password)", "return select(2, pool:bind(reader, secret))"]
    {
        holds(code, &text(&lua, code).await, "no answer ");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "silence ends: {:?}", begun.elapsed());
    slapd.thaw().expect("thaws");
    assert_eq!(text(&lua, find).await, "true, true");
}
