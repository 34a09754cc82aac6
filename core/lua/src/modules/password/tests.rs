//! Known hashes of each scheme, from other implementations: glibc's crypt, OpenSSL, Python's hashlib, the
//! reference code of argon2, phpass' own test.

use std::time::Duration;

use crate::modules::testing::Bench;
use crate::secret::Secret;

const HORSE: &str = "correct horse";

const KNOWN: [(&str, &str, &str); 25] = [
    (
        "argon2",
        "password",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    ),
    (
        "argon2",
        "password",
        "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
    ),
    (
        "argon2",
        "password",
        "3|$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    ),
    (
        "argon2",
        "password",
        "2|$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
    ),
    (
        "argon2",
        "password",
        "{ARGON2}$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
    ),
    ("bcrypt", HORSE, "$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"),
    ("bcrypt", HORSE, "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"),
    ("bcrypt", HORSE, "1|$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"),
    (
        "scrypt",
        HORSE,
        "$scrypt$ln=10,r=8,p=2$c29tZXNhbHQxMjM0NTY3OA$MDXSgOxg1ceT/knSpQcO8enYuFfSgb0vgRbQAemv9v0",
    ),
    ("pbkdf2", HORSE, "$pbkdf2-sha1$i=1000$c29tZXNhbHQxMjM0NTY3OA$NRC/zwytHgXbf9vU2b6bGeFJp78"),
    ("pbkdf2", HORSE, "{PBKDF2}1000$c29tZXNhbHQxMjM0NTY3OA$NRC/zwytHgXbf9vU2b6bGeFJp78"),
    (
        "pbkdf2",
        HORSE,
        "$pbkdf2-sha256$i=1200,l=32$c29tZXNhbHQxMjM0NTY3OA$wxZeHSiLYTb2t3nc/iXbNlIKANUIjdXmOgTD1zggM1g",
    ),
    (
        "pbkdf2",
        HORSE,
        "{PBKDF2-SHA256}1200$c29tZXNhbHQxMjM0NTY3OA$wxZeHSiLYTb2t3nc/iXbNlIKANUIjdXmOgTD1zggM1g",
    ),
    (
        "pbkdf2",
        HORSE,
        "pbkdf2_sha256$1200$somesalt12345678$wxZeHSiLYTb2t3nc/iXbNlIKANUIjdXmOgTD1zggM1g=",
    ),
    (
        "pbkdf2",
        HORSE,
        "$pbkdf2-sha512$1300$c29tZXNhbHQxMjM0NTY3OA$znjkB9P3m7mxukLyq05KD.h9gAA3RNLLYKwQdpWeNS.k324lQaHeyYXZUW9r8dQRSZg/svnUZ1HWI32zfKgCIQ",
    ),
    (
        "sha512-crypt",
        HORSE,
        "$6$saltstring$.r0X7ub5wGR2v4Xz7svCIozfnlorFh19V89t8KC9Umd81uGhFgsyTRNyzQDXDIm17fFcR9z3z7oBNdsyYBbtm/",
    ),
    (
        "sha512-crypt",
        HORSE,
        "{CRYPT}$6$rounds=1400$anotherlong$odaLYfrd45tPt8GRteMopEA3732bSYkAhdsyyP6KWd7GwFS7pLdncAHvkddA7fRdYOlfordRy7AdqluzI8r8M/",
    ),
    ("sha256-crypt", HORSE, "$5$saltstring$vc6YOOogU4kWVvwga8e9zTFgKcy4tb5LaPxIiPJzqEC"),
    ("ssha", HORSE, "{SSHA}awc/Cj0kafyFd5d8fGn07xoHBJJzYWx0c2FsdA=="),
    ("ssha", HORSE, "{ssha}awc/Cj0kafyFd5d8fGn07xoHBJJzYWx0c2FsdA=="),
    ("ssha", HORSE, "{SSHA256}YflVcOMs6k7tbGkQbQNVn6/ehAnUAVltiLPKHBWGi2tzYWx0c2FsdA=="),
    (
        "ssha",
        HORSE,
        "{SSHA512}50rsRNBf8j3I5xE+QwaHdFyMhOzITssZ8BB3UxwQ+SI1JKygYm6ZeRYTDuUyFZIIqDonoTuXwB0Z/MAPhgQCFHNhbHRzYWx0",
    ),
    ("sha", HORSE, "{SHA}L55TUjtiq8FBorTWAZ0jy6g129A="),
    ("phpass", "test12345", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"),
    ("phpass", "test12345", "$H$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"),
];

#[tokio::test]
async fn known_hashes_fit_their_password_and_no_other() {
    let bench = Bench::new(&[]);
    bench.run("p = require 'moon.password'").await;
    for (scheme, password, hash) in KNOWN {
        bench.set("password", Secret::new("p", password, &bench.site));
        bench.set("hash", hash);
        bench.set("wrong", format!("{password}x"));
        let code = "return p.scheme(hash), p.verify(password, hash), p.verify(password:reveal(), hash), p.verify(wrong, hash), p.verify('', hash), p.verify(password:reveal() .. '\\0', hash)";
        assert_eq!(
            bench.text(code).await,
            format!("{scheme}, true, true, false, false, false"),
            "{hash}"
        );
        // Another hash of the same form: the last letter before padding carries bits that count.
        let at = hash.trim_end_matches('=').len() - 3;
        let mut other = hash.to_owned().into_bytes();
        other[at] = if other[at] == b'a' { b'b' } else { b'a' };
        if scheme != "ssha" {
            bench.set("hash", String::from_utf8(other).expect("letters"));
            assert_eq!(
                bench.text("return p.verify(password, hash)").await,
                "false",
                "{hash}, changed"
            );
        }
    }
}

#[tokio::test]
async fn bad_hashes_are_refused_without_showing_them() {
    let bench = Bench::new(&[]);
    bench.run("p = require 'moon.password'").await;
    for (hash, expected) in [
        ("", "is no hash that is known here"),
        ("canary", "is no hash that is known here"),
        ("$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00", "is no hash that is known here"),
        ("{CLEAR}canary", "is no hash that is known here"),
        ("{CRYPT}{CRYPT}canary", "is no hash that is known here"),
        ("1|$argon2id$canary", "is a damaged hash"),
        ("$2y$05$canary", "is a damaged hash"),
        ("$2y$20$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2", "costs too much"),
        (
            "$argon2id$v=19$m=4000000,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "costs too much",
        ),
        (
            "$argon2id$v=19$m=65536,t=4000,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "costs too much",
        ),
        (
            "$scrypt$ln=30,r=8,p=1$c29tZXNhbHQxMjM0NTY3OA$MDXSgOxg1ceT/knSpQcO8enYuFfSgb0vgRbQAemv9v0",
            "costs too much",
        ),
        (
            "$pbkdf2-sha1$i=4000000000$c29tZXNhbHQxMjM0NTY3OA$NRC/zwytHgXbf9vU2b6bGeFJp78",
            "costs too much",
        ),
        ("$pbkdf2-md5$i=1$c29tZXNhbHQxMjM0NTY3OA$NRC/zwytHgXbf9vU2b6bGeFJp78", "another digest"),
        (
            "$6$rounds=999999999$x$odaLYfrd45tPt8GRteMopEA3732bSYkAhdsyyP6KWd7GwFS7pLdncAHvkddA7fRdYOlfordRy7AdqluzI8r8M/",
            "costs too much",
        ),
        ("$P$JIQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "costs too much"),
        ("$P$9IQRaTwmfe", "is a damaged hash"),
        ("{SSHA}AAAA", "is a damaged hash"),
        ("{SHA}awc/Cj0kafyFd5d8fGn07xoHBJJzYWx0c2FsdA==", "is a damaged hash"),
    ] {
        bench.set("hash", hash);
        let error = bench.error("p.verify('x', hash)").await;
        assert!(
            error.contains("moon.password.verify: parameter 'hash' ") && error.contains(expected),
            "{hash}: {error}"
        );
        assert!(!error.contains("canary"), "{error}");
        assert_eq!(bench.text("return p.scheme(hash)").await, "nil", "{hash}");
    }
}

#[tokio::test]
async fn new_hashes_are_argon2id_as_the_servers_own() {
    let bench = Bench::new(&[]);
    let code = "local p = require 'moon.password' local h = p.hash('pass') return h:sub(1, 30), p.verify('pass', h), p.verify('other', h), h == p.hash('pass')";
    assert_eq!(bench.text(code).await, "$argon2id$v=19$m=19456,t=2,p=1, true, false, false");
    assert!(
        bench.error("require('moon.password').hash('')").await.contains("the password is empty")
    );
}

#[tokio::test]
async fn others_go_on_meanwhile() {
    // One thread for everything: a timer fires during the work only if that is done elsewhere.
    let bench = Bench::new(&[]);
    let work = bench.run("return require('moon.password').hash('pass')");
    tokio::pin!(work);
    let timer = tokio::time::sleep(Duration::from_millis(1));
    tokio::select! {
        biased;
        () = timer => {}
        _ = &mut work => panic!("the work was done in the thread of the timer"),
    }
    work.await;
}
