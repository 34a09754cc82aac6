//! Against entries in memory.

use crate::modules::testing::Bench;
use crate::secret::Secret;
use crate::services::Entry;

fn entry(dn: &str, attributes: &[(&str, &[&str])]) -> Entry {
    let values = |values: &[&str]| values.iter().map(|value| value.as_bytes().to_vec()).collect();
    let attributes = attributes.iter().map(|(name, it)| ((*name).to_owned(), values(it)));
    Entry { dn: dn.to_owned(), attributes: attributes.collect() }
}

fn bench() -> Bench {
    let bench = Bench::new(&["ldap"]);
    let ldap = &bench.fakes.ldap;
    ldap.add(entry("cn=reader,dc=x", &[]), Some(b"reads"));
    let groups = ["cn=Staff,ou=g,dc=x", "cn=A\\, B,ou=g,dc=x"];
    let alice: &[(&str, &[&str])] =
        &[("uid", &["alice"]), ("cn", &["Alice"]), ("memberOf", &groups)];
    ldap.add(entry("uid=alice,ou=p,dc=x", alice), Some(b"secret"));
    ldap.add(
        entry("uid=bob,ou=p,dc=x", &[("uid", &["bob"]), ("cn", &["Bob", "Robert"])]),
        Some(b"b"),
    );
    bench.set("reader", Secret::new("reader", "reads", &bench.site));
    bench
}

const POOL: &str = "local pool = ldap.pool { url = 'ldaps://ldap.example' } local conn = pool:bind('cn=reader,dc=x', reader) ";

#[tokio::test]
async fn entries_are_found_and_passwords_checked() {
    let bench = bench();
    let rows = [
        (
            "local e = conn:search_one { base = 'dc=x', filter = ldap.filter('(uid=%s)', 'alice'), attrs = { 'CN', 'memberOf' } } return e.dn, e.CN, e.uid, table.concat(ldap.cn_of(e.memberOf), '|')",
            "uid=alice,ou=p,dc=x, Alice, nil, Staff|A, B",
        ),
        (
            "local e = conn:search_one { base = 'dc=x', filter = '(uid=bob)' } return ldap.first(e.cn), #ldap.all(e.cn), #ldap.all(e.uid), #ldap.cn_of(e.memberOf)",
            "Bob, 2, 1, 0",
        ),
        ("return conn:search_one { base = 'dc=x', filter = '(uid=nobody)' }", "nil"),
        (
            "return conn:search_one { base = 'dc=x', filter = '(uid=*)' }",
            "moon.ldap:search_one: several entries match (uid=*)",
        ),
        (
            "return #conn:search { base = 'dc=x', filter = '(uid=*)' }, #conn:search { base = 'dc=x', limit = 1, filter = '(uid=*)' }",
            "2, 1",
        ),
        ("return #conn:search { base = 'ou=p,dc=x', scope = 'base', filter = '(uid=*)' }", "0"),
        (
            "return pool:check('uid=alice,ou=p,dc=x', 'secret'), pool:check('uid=alice,ou=p,dc=x', 'wrong')",
            "true, false",
        ),
        (
            "return pool:check('uid=alice,ou=p,dc=x', ''), pool:check('uid=alice,ou=p,dc=x', 'secret\\0')",
            "false, false",
        ),
        ("return pool:check('cn=reader,dc=x', reader)", "true"),
        ("return pool:bind('cn=reader,dc=x', 'x')", "nil, invalidCredentials"),
        (
            "pool:bind('cn=reader,dc=x', '')",
            "parameter 'password' is empty: a directory would take that for nobody",
        ),
        ("pool:bind('', 'x')", "moon.ldap:bind: parameter 'dn' is empty"),
        ("pool:check('', 'x')", "moon.ldap:check: parameter 'dn' is empty"),
        (
            "pool:check('uid=alice,ou=p,dc=x')",
            "parameter 'password' must be a string or a secret, got nil",
        ),
        (
            "conn:search { base = 'dc=x', filter = '(uid=a' }",
            "parameter 'question.filter' is no filter",
        ),
        (
            "conn:search { base = 'dc=x', scope = 'all' }",
            "parameter 'question.scope' must be \"sub\" or \"one\" or \"base\", not \"all\"",
        ),
        (
            "conn:search { filter = '(uid=a)' }",
            "parameter 'question.base' must be a string, got nil",
        ),
    ];
    let rows: Vec<(String, &str)> =
        rows.iter().map(|(code, it)| (format!("{POOL}{code}"), *it)).collect();
    let rows: Vec<(&str, &str)> = rows.iter().map(|(code, it)| (code.as_str(), *it)).collect();
    bench.check("moon.ldap", &rows).await;
}

#[tokio::test]
async fn what_people_type_is_escaped() {
    Bench::new(&[])
        .check(
            "moon.ldap",
            &[
                ("return ldap.filter('(uid=%s)', 'x)(uid=*')", r"(uid=x\29\28uid=\2a)"),
                ("return ldap.filter('(|(uid=%s)(mail=%s))', '*', 'a\\\\b\\0')", r"(|(uid=\2a)(mail=a\5cb\00))"),
                ("return ldap.filter('(cn=100%%)'), ldap.filter('(uid=%s)', '%s')", "(cn=100%), (uid=%s)"),
                ("return ldap.filter('(uid=%s)', 'jo\\u{308}rg')", "(uid=j\u{f6}rg)"),
                ("ldap.filter('(uid=%s)')", "moon.ldap.filter: parameter 'value 1' must be a string, got nil"),
                ("ldap.filter('(uid=%s)', 'a', 'b')", "there are more values than the 1 %s"),
                ("ldap.filter('(uid=%d)', 'a')", "has a % that is neither %s nor %%"),
                ("ldap.filter('(uid=%s', 'a')", "is no filter"),
                ("ldap.filter('(uid=%s)', 12345)", "parameter 'value 1' must be a string, got number"),
                ("return ldap.escape_filter('a*b'), ldap.escape_dn('a,b')", r"a\2ab, a\2cb"),
                ("return table.concat(ldap.cn_of({ 'cn=a ,dc=x', 'CN = \\\\C3\\\\A4b\\\\ +x=y,dc=x', '', 'x' }), '|')", "a|äb "),
            ],
        )
        .await;
}

#[tokio::test]
async fn pools_that_cannot_work_are_refused() {
    bench()
        .check(
            "moon.ldap",
            &[
                ("ldap.pool { url = 'ldap://x' }", "moon.ldap.pool: parameter 'options.url' is ldap://x, which would send passwords unencrypted"),
                ("ldap.pool { url = 'http://x' }", "does not begin with ldaps:// or ldap://"),
                ("ldap.pool {}", "parameter 'options.url' must be a string or a list of strings, got nil"),
                ("ldap.pool { url = {} }", "names no directory"),
                ("ldap.pool { url = 'ldaps://x', size = 0 }", "parameter 'options.size' must be a whole number from 1 to 256"),
                ("ldap.pool { url = 'ldaps://x', timeout = '2m' }", "at most 60 s"),
                ("return type(ldap.pool { url = { 'ldap://x', 'ldaps://y' }, starttls = true })", "userdata"),
                ("return type(ldap.pool { url = 'ldap://x', plaintext = true })", "userdata"),
            ],
        )
        .await;
    let error = Bench::new(&[]).error("require('moon.ldap').pool { url = 'ldaps://x' }").await;
    assert!(
        error.contains("moon.ldap.pool is not granted to script \"test\": add \"ldap\""),
        "{error}"
    );
}

#[tokio::test]
async fn a_directory_that_is_down_is_neither_no_nor_nobody() {
    let bench = bench();
    bench.run(&format!("ldap = require 'moon.ldap' {POOL} p, c = pool, conn")).await;
    bench.fakes.ldap.set_down(true);
    assert_eq!(
        bench.text("return p:bind('cn=reader,dc=x', reader)").await,
        "nil, the directory is down"
    );
    for code in [
        "p:check('uid=alice,ou=p,dc=x', 'secret')",
        "c:search_one { base = 'dc=x', filter = '(uid=alice)' }",
        "c:search { base = 'dc=x' }",
    ] {
        let error = bench.error(code).await;
        assert!(
            error.contains("moon.ldap:") && error.contains("the directory is down"),
            "{code}: {error}"
        );
    }
}
