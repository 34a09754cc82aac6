//! Ranges, partial writes and codings that ask for too much (threats §6).

use anyhow::{Result, ensure};

use crate::house::{FILES, House};

const SIZE: usize = 1000;

#[test]
fn no_range_makes_an_answer_larger_than_the_file() -> Result<()> {
    let house = House::start()?;
    let target = format!("{FILES}a.bin");
    let content: Vec<u8> = (0..SIZE).map(|n| (n % 251) as u8).collect();
    ensure!(house.ask("PUT", &target, &[], &content)?.status == 201);
    let all = vec!["0-"; 17].join(",");
    let overlapping = vec!["0-999"; 16].join(",");
    let many = (0..1000).map(|n| format!("{n}-{n}")).collect::<Vec<_>>().join(",");
    let nested = (0..16).map(|n| format!("{n}-999")).collect::<Vec<_>>().join(",");
    for (range, wanted) in [
        (format!("bytes={all}"), &[200u16][..]),
        (format!("bytes={overlapping}"), &[200, 206]),
        (format!("bytes={nested}"), &[200, 206]),
        (format!("bytes={many}"), &[200]),
        ("bytes=0-18446744073709551615".to_owned(), &[200, 206]),
        ("bytes=0-99999999999999999999999999".to_owned(), &[200, 206, 416]),
        ("bytes=-18446744073709551616".to_owned(), &[200, 206, 416]),
        ("bytes=1000-".to_owned(), &[416]),
        ("bytes=18446744073709551615-".to_owned(), &[416]),
        ("bytes=-0".to_owned(), &[416, 200]),
        ("bytes=5-1".to_owned(), &[200, 416]),
        ("bytes=".to_owned(), &[200, 416]),
        ("bytes=a-b".to_owned(), &[200, 416]),
        ("lines=1-2".to_owned(), &[200]),
        ("bytes=0-1,,,,,".to_owned(), &[200, 206, 416]),
    ] {
        let answer = house.ask("GET", &target, &[("Range", &range)], b"")?;
        ensure!(wanted.contains(&answer.status), "{range:.60}: {}", answer.status);
        // A multipart answer has a few lines around each part.
        ensure!(answer.body.len() <= SIZE + 300, "{range:.60}: {} bytes", answer.body.len());
        if answer.status == 200 {
            ensure!(answer.body == content, "{range:.60}");
        }
    }
    house.finish()
}

#[test]
fn partial_and_coded_writes_are_refused() -> Result<()> {
    let house = House::start()?;
    let target = format!("{FILES}a.txt");
    ensure!(house.ask("PUT", &target, &[], b"hello")?.status == 201);
    for (fields, status) in [
        (&[("Content-Range", "bytes 0-1/5")][..], 400),
        (&[("Content-Range", "nonsense")], 400),
        (&[("Content-Encoding", "gzip")], 415),
        (&[("Content-Encoding", "br")], 415),
        (&[("Content-Encoding", "identity, gzip")], 415),
        (&[("X-OC-MTime", "0")], 400),
        (&[("X-OC-MTime", "4294967296")], 400),
        (&[("X-OC-MTime", "-1")], 400),
        (&[("X-OC-MTime", "0x10")], 400),
        (&[("X-OC-MTime", "1e9")], 400),
        (&[("X-OC-MTime", "99999999999999999999999")], 400),
        (&[("X-OC-MTime", "NaN")], 400),
        (&[("OC-Checksum", "SHA1:0000000000000000000000000000000000000000")], 400),
        (&[("OC-Checksum", "SHA1:short")], 400),
        (&[("If-Match", "\"somebody else\"")], 412),
        (&[("If-None-Match", "*")], 412),
        (&[("If", "(<opaquelocktoken:none>)")], 412),
        (&[("If", "((((((((")], 400),
    ] {
        let answer = house.ask("PUT", &target, fields, b"other")?;
        ensure!(answer.status == status, "{fields:?}: {}", answer.status);
        let kept = house.ask("GET", &target, &[], b"")?;
        ensure!(kept.body == b"hello", "{fields:?} has changed the file");
    }
    house.finish()
}

#[test]
fn other_methods_do_nothing() -> Result<()> {
    let house = House::start()?;
    let target = format!("{FILES}a.txt");
    ensure!(house.ask("PUT", &target, &[], b"hello")?.status == 201);
    let before = house.state()?;
    for method in ["TRACE", "CONNECT", "POST", "LINK", "PURGE", "DEBUG", "get"] {
        let answer = house.ask(method, &target, &[], b"")?;
        ensure!(matches!(answer.status, 400 | 405 | 501), "{method}: {}", answer.status);
        ensure!(!answer.text().to_lowercase().contains("authorization"), "{method} echoes");
    }
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        let answer = house.ask("GET", &target, &[(name, "DELETE")], b"")?;
        ensure!(answer.body == b"hello", "{name}");
        let answer = house.ask("POST", &target, &[(name, "DELETE")], b"")?;
        ensure!(answer.status == 405, "{name}: {}", answer.status);
    }
    ensure!(house.state()? == before, "something has changed");
    house.finish()
}
