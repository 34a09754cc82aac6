//! What no body of any method may ask of the server (`threats` §6), for each of them.

use super::*;

type Parse = fn(&[u8]) -> Result<(), XmlError>;

/// Each method's parser, with a body in which `…` stands for properties.
fn bodies() -> [(&'static str, Parse, &'static str); 6] {
    const LIMITS: fn() -> XmlLimits = XmlLimits::default;
    [
        (
            "PROPFIND",
            |body| Propfind::parse(body, &LIMITS()).map(drop),
            r#"<d:propfind xmlns:d="DAV:"><d:prop>…</d:prop></d:propfind>"#,
        ),
        (
            "PROPPATCH",
            |body| Proppatch::parse(body, &LIMITS()).map(drop),
            r#"<d:propertyupdate xmlns:d="DAV:"><d:set><d:prop>…</d:prop></d:set></d:propertyupdate>"#,
        ),
        (
            "MKCOL",
            |body| MkcolBody::parse(body, &LIMITS()).map(drop),
            r#"<d:mkcol xmlns:d="DAV:"><d:set><d:prop>…</d:prop></d:set></d:mkcol>"#,
        ),
        (
            "LOCK",
            |body| LockInfo::parse(body, &LIMITS()).map(drop),
            r#"<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:shared/></d:lockscope><d:locktype><d:write/></d:locktype><d:owner>…</d:owner></d:lockinfo>"#,
        ),
        (
            "SEARCH",
            |body| SearchRequest::parse(body, &LIMITS()).map(drop),
            r#"<d:searchrequest xmlns:d="DAV:"><d:basicsearch><d:select><d:prop>…</d:prop></d:select><d:from><d:scope><d:href>/files/alice</d:href></d:scope></d:from></d:basicsearch></d:searchrequest>"#,
        ),
        (
            "REPORT",
            |body| FilterFiles::parse(body, &LIMITS()).map(drop),
            r#"<oc:filter-files xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop>…</d:prop><oc:filter-rules><oc:favorite>1</oc:favorite></oc:filter-rules></oc:filter-files>"#,
        ),
    ]
}

fn properties(count: usize) -> String {
    (0..count).map(|nth| format!("<p{nth}/>")).collect()
}

/// Deep enough in any of the bodies, whose own elements are five at most.
fn nested(levels: usize) -> String {
    "<p>".repeat(levels) + &"</p>".repeat(levels)
}

#[test]
fn every_body_obeys_the_limits() {
    for (method, parse, body) in bodies() {
        let with = |inside: &str| body.replace('…', inside);
        let own = body.split('…').next().map_or(0, |above| {
            above.matches('<').count()
                - 2 * above.matches("</").count()
                - above.matches("/>").count()
        });
        let blanks = |length: usize| {
            let good = with("<p/>");
            good.clone() + &" ".repeat(length - good.len())
        };
        let deep = XmlError::TooDeep(64);
        for (what, sent, expected) in [
            ("64 deep", with(&nested(64 - own)), None),
            ("65 deep", with(&nested(65 - own)), Some(deep.clone())),
            ("a megabyte deep", with(&"<p>".repeat(300_000)), Some(deep)),
            ("1 MiB", blanks(1 << 20), None),
            ("1 MiB and a byte", blanks((1 << 20) + 1), Some(XmlError::TooLarge(1 << 20))),
            ("a DTD", format!("<!DOCTYPE a>{}", with("<p/>")), Some(XmlError::Doctype)),
            (
                "a DTD behind a comment",
                format!(
                    "<?xml version=\"1.0\"?><!-- --> <!DOCTYPE a [<!ENTITY b 'c'>]>{}",
                    with("<p/>")
                ),
                Some(XmlError::Doctype),
            ),
            ("an entity", with("<p>&b;</p>"), Some(XmlError::UnknownEntity("b".to_owned()))),
        ] {
            assert_eq!(parse(sent.as_bytes()).err(), expected, "{method}: {what}");
        }
    }
}

#[test]
fn every_body_names_at_most_1000_properties() {
    for (method, parse, body) in bodies().into_iter().filter(|(method, ..)| *method != "LOCK") {
        let with = |count| body.replace('…', &properties(count));
        assert_eq!(parse(with(1000).as_bytes()), Ok(()), "{method}");
        let refused = Err(XmlError::TooMany("properties"));
        assert_eq!(parse(with(1001).as_bytes()), refused, "{method}");
    }
}
