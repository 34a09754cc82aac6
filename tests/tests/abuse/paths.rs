//! Hostile names, in the target of every method (threats §0.5, §2).

use anyhow::{Result, ensure};

use crate::house::{FILES, House, METHODS, whole};

/// Paths below the user's root that are none.
const HOSTILE: &[(&str, &str)] = &[
    ("a%00b", "NUL"),
    ("%00", "NUL alone"),
    ("a%2fb", "an encoded slash"),
    ("a%2Fb", "an encoded slash, upper case"),
    ("%2f", "a slash alone"),
    ("a%5cb", "an encoded backslash"),
    ("a\\b", "a backslash as it is"),
    ("..%5c..%5cbob", "backslashes up"),
    (".", "a dot"),
    ("..", "two dots"),
    ("a/../b", "two dots inside"),
    ("../bob/secret.txt", "up and down again"),
    ("%2e%2e/bob/secret.txt", "the same, encoded"),
    (".%2e/bob/secret.txt", "the same, half encoded"),
    ("%2e%2e%2fbob%2fsecret.txt", "the same, slashes too"),
    ("..%2f..%2f..%2fetc%2fpasswd", "far up"),
    ("a/%2e", "a dot at the end"),
    ("%c0%ae%c0%ae/b", "overlong dots"),
    ("%c0%afetc", "an overlong slash"),
    ("%e0%80%af", "a longer overlong slash"),
    ("%ff", "no UTF-8"),
    ("a%80", "a lone continuation"),
    ("%ed%a0%80", "a surrogate"),
    ("%f4%90%80%80", "beyond Unicode"),
    ("a%0ab", "a line feed"),
    ("a%0d%0aSet-Cookie:%20a=b", "CR and LF"),
    ("a%1b[31m", "ESC"),
    ("a%7f", "DEL"),
    ("a%01", "a control character"),
    ("%", "a percent sign alone"),
    ("a%2", "half an escape"),
    ("a%zz", "no escape"),
];

#[test]
fn hostile_paths_are_400_for_every_method() -> Result<()> {
    let house = House::start()?;
    ensure!(house.bob("PUT", "/remote.php/dav/files/bob/secret.txt", &[], b"x")?.status == 201);
    let before = house.state()?;
    let mut connection = house.connect()?;
    let uploads = "/remote.php/dav/uploads/alice/";
    for root in [FILES, uploads, "/remote.php/webdav/"] {
        for (path, what) in HOSTILE {
            for method in METHODS {
                let request = whole(house.request(method, &format!("{root}{path}")));
                let answer = connection.send(&request)?;
                ensure!(answer.status == 400, "{method} {root}{path} ({what}): {}", answer.status);
                let said = answer.text();
                ensure!(!said.contains("passwd") && !said.contains("secret"), "{what}: {said}");
                if answer.find_field("connection") == Some("close") {
                    connection = house.connect()?;
                }
            }
        }
    }
    ensure!(house.state()? == before, "something was made");
    house.finish()
}

/// What decodes to something harmless is decoded once, and is a name like any other.
#[test]
fn paths_are_decoded_once() -> Result<()> {
    let house = House::start()?;
    for (path, shown) in [
        ("%252e%252e", "%252e%252e"),
        ("a%252fb", "a%252fb"),
        ("...", "..."),
        ("%2e%2e%2e", "..."),
        (".hidden", ".hidden"),
        ("..a", "..a"),
        ("a..", "a.."),
        ("~", "~"),
        ("$(reboot)", "%24(reboot)"),
        ("a%26b%3B%7C%60id%60", "a%26b%3b%7c%60id%60"),
        ("-rf", "-rf"),
        (".moonsail", ".moonsail"),
    ] {
        let target = format!("{FILES}{path}");
        let put = house.ask("PUT", &target, &[], path.as_bytes())?;
        ensure!(matches!(put.status, 201 | 204), "{path}: {}", put.status);
        ensure!(house.ask("GET", &target, &[], b"")?.body == path.as_bytes(), "{path}");
        let listed = house.state()?;
        ensure!(listed.contains(&format!("{FILES}{shown}<")), "{path} in {listed}");
    }
    ensure!(!house.server.data().join("files/bob/secret").exists());
    house.finish()
}

#[test]
fn names_paths_and_addresses_have_a_greatest_length() -> Result<()> {
    let house = House::start()?;
    for (path, status, what) in [
        ("n".repeat(250), 201, "250 bytes"),
        ("n".repeat(255), 201, "255 bytes"),
        ("n".repeat(256), 400, "256 bytes"),
        ("%C3%A9".repeat(127), 201, "127 letters of two bytes"),
        ("%C3%A9".repeat(128), 400, "128 letters of two bytes"),
        (format!("{}x", "d/".repeat(2001)), 400, "a path of 4003 bytes"),
        ("x".repeat(16_500), 414, "an address of more than 16 KiB"),
    ] {
        let answer = house.ask("PUT", &format!("{FILES}{path}"), &[], b"x")?;
        ensure!(answer.status == status, "{what}: {}", answer.status);
    }
    house.finish()
}

/// The server's folders, opened by whatever name, are not the users'.
#[test]
fn names_of_the_servers_own_are_names_like_any_other() -> Result<()> {
    let house = House::start()?;
    for name in ["stage", "versions", "moonsail.db", "lock", "control.sock", "files", "tls"] {
        let target = format!("{FILES}{name}");
        ensure!(house.ask("GET", &target, &[], b"")?.status == 404, "{name} is there");
        ensure!(house.ask("PUT", &target, &[], b"mine")?.status == 201, "{name}");
        ensure!(house.ask("GET", &target, &[], b"")?.body == b"mine", "{name}");
    }
    house.finish()
}
