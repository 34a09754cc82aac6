//! Hostile XML in the body of each method that reads some (threats §6).

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::house::{FILES, House};

/// Methods with XML bodies: the target below the root, and the body's begin and end around what is
/// put into it.
const READERS: [(&str, &str, &str, &str); 6] = [
    ("PROPFIND", "", r#"<d:propfind xmlns:d="DAV:"><d:prop>"#, "</d:prop></d:propfind>"),
    (
        "PROPPATCH",
        "a.txt",
        r#"<d:propertyupdate xmlns:d="DAV:"><d:set><d:prop>"#,
        "</d:prop></d:set></d:propertyupdate>",
    ),
    ("MKCOL", "new", r#"<d:mkcol xmlns:d="DAV:"><d:set><d:prop>"#, "</d:prop></d:set></d:mkcol>"),
    (
        "REPORT",
        "",
        r#"<oc:filter-files xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop>"#,
        "</d:prop><oc:filter-rules><oc:favorite>1</oc:favorite></oc:filter-rules></oc:filter-files>",
    ),
    (
        "SEARCH",
        "",
        r#"<d:searchrequest xmlns:d="DAV:"><d:basicsearch><d:select><d:prop>"#,
        "</d:prop></d:select><d:from><d:scope><d:href>/files/alice</d:href><d:depth>infinity</d:depth></d:scope></d:from></d:basicsearch></d:searchrequest>",
    ),
    (
        "LOCK",
        "a.txt",
        r#"<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope><d:locktype><d:write/></d:locktype><d:owner>"#,
        "</d:owner></d:lockinfo>",
    ),
];

struct Case<'a> {
    house: &'a House,
    method: &'a str,
    target: String,
}

impl Case<'_> {
    #[track_caller]
    fn check(&self, what: &str, body: &str, wanted: &[u16]) -> Result<()> {
        let began = Instant::now();
        let fields = [("Content-Type", "application/xml; charset=utf-8"), ("Depth", "0")];
        let answer = self.house.ask(self.method, &self.target, &fields, body.as_bytes())?;
        let said = answer.text();
        ensure!(
            wanted.contains(&answer.status),
            "{} {what}: {} {said}",
            self.method,
            answer.status
        );
        ensure!(!said.contains("root:x:"), "{} {what} reads files: {said}", self.method);
        // Bounded work, not speed: an expansion of entities would take for ever.
        ensure!(began.elapsed() < Duration::from_secs(20), "{} {what} takes long", self.method);
        Ok(())
    }
}

#[test]
fn hostile_xml_is_refused_by_every_method_that_reads_some() -> Result<()> {
    let house = House::start()?;
    ensure!(house.ask("PUT", &format!("{FILES}a.txt"), &[], b"hello")?.status == 201);
    let before = house.state()?;
    for (method, name, begin, end) in READERS {
        let case = Case { house: &house, method, target: format!("{FILES}{name}") };
        let root = begin[1..].split(' ').next().unwrap_or_default();
        for (what, doctype, inside) in [
            ("a DOCTYPE", format!("<!DOCTYPE {root}>"), ""),
            ("a DTD elsewhere", format!("<!DOCTYPE {root} SYSTEM \"http://127.0.0.1:1/x\">"), ""),
            ("an entity", format!("<!DOCTYPE {root} [<!ENTITY a \"b\">]>"), "&a;"),
            (
                "a file",
                format!("<!DOCTYPE {root} [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>"),
                "&a;",
            ),
            (
                "a parameter entity",
                format!("<!DOCTYPE {root} [<!ENTITY % a SYSTEM \"http://127.0.0.1:1/x\"> %a;]>"),
                "",
            ),
            (
                "a billion laughs",
                format!(
                    "<!DOCTYPE {root} [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">\
                     <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;\">]>"
                ),
                "&d;&d;&d;&d;",
            ),
        ] {
            case.check(what, &format!("{doctype}{begin}{inside}{end}"), &[400])?;
        }
        for (what, body) in [
            ("an entity nobody knows", format!("{begin}&nbsp;{end}")),
            ("an end that is missing", begin.to_owned()),
            ("ends that cross", format!("{begin}<a xmlns=\"urn:a\"><b></a></b>{end}")),
            ("a second root", format!("{begin}{end}{begin}{end}")),
            ("a prefix nobody bound", format!("{begin}<q:a/>{end}")),
            ("one attribute twice", format!("{begin}<a xmlns=\"urn:a\" b=\"1\" b=\"2\"/>{end}")),
            ("a control character", format!("{begin}<a xmlns=\"urn:a\">\u{1}</a>{end}")),
            ("nesting of 65", deep(begin, end, 65)),
            ("nesting of 100,000", deep(begin, end, 100_000)),
            ("no XML", "not xml at all".to_owned()),
            ("another root", "<a xmlns=\"urn:a\"/>".to_owned()),
        ] {
            // A report that is not known is 415 by RFC 3253, as is what MKCOL does not understand.
            let type_too = what == "another root" || (method, what) == ("MKCOL", "no XML");
            let wanted: &[u16] = if type_too { &[400, 415] } else { &[400] };
            case.check(what, &body, wanted)?;
        }
        let large = format!("{begin}<!--{}-->{end}", "x".repeat(1024 * 1024));
        case.check("more than 1 MiB", &large, &[413])?;
        if method != "LOCK" {
            let many: String =
                (0..1001).map(|n| format!("<a{n} xmlns=\"urn:a\">x</a{n}>")).collect();
            case.check("1,001 properties", &format!("{begin}{many}{end}"), &[400])?;
        }
    }
    let not_utf8 = [b"<d:propfind xmlns:d=\"DAV:\"><d:prop>\xff</d:prop></d:propfind>".as_slice()];
    for body in not_utf8 {
        let answer = house.ask("PROPFIND", FILES, &[("Depth", "0")], body)?;
        ensure!(answer.status == 400, "no UTF-8: {}", answer.status);
    }
    ensure!(house.state()? == before, "something has changed");
    house.finish()
}

/// Elements in elements, `levels` of them with those around.
fn deep(begin: &str, end: &str, levels: usize) -> String {
    let (open, close) = ("<a xmlns=\"urn:a\">", "</a>");
    // 1 MiB holds no more.
    let levels = levels.min((1024 * 1024 - begin.len() - end.len()) / (open.len() + close.len()));
    format!("{begin}{}{}{end}", open.repeat(levels), close.repeat(levels))
}

#[test]
fn searches_have_a_greatest_depth() -> Result<()> {
    let house = House::start()?;
    let ask = |levels: usize| {
        let is = "<d:is-collection/>";
        let nested = format!("{}{is}{}", "<d:not>".repeat(levels), "</d:not>".repeat(levels));
        let body = format!(
            r#"<d:searchrequest xmlns:d="DAV:"><d:basicsearch><d:select><d:prop><d:getetag/></d:prop></d:select><d:from><d:scope><d:href>/files/alice</d:href><d:depth>infinity</d:depth></d:scope></d:from><d:where>{nested}</d:where></d:basicsearch></d:searchrequest>"#
        );
        house.ask("SEARCH", FILES, &[], body.as_bytes()).map(|answer| answer.status)
    };
    ensure!(ask(15)? == 207, "fifteen operators above a condition");
    ensure!(ask(17)? == 400, "seventeen");
    house.finish()
}
