//! Tests of the file above.

use super::*;

fn parse(text: &str) -> Result<Element, XmlError> {
    Element::parse(text.as_bytes(), &XmlLimits::default())
}

#[test]
fn hostile_bodies_are_refused() {
    let nested = |n: usize| "<a>".repeat(n) + &"</a>".repeat(n);
    let deep_open = "<a>".repeat(100_000);
    let laughs = r#"<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]><lolz>&lol2;</lolz>"#;
    let external = r#"<!DOCTYPE a SYSTEM "http://localhost/x.dtd"><a/>"#;
    let file =
        r#"<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"#;
    let attributes: String = (0..65).map(|n| format!(" a{n}=''")).collect();
    let prefixes: String = (0..3)
        .map(|e| (0..60).map(|n| format!(" xmlns:p{e}_{n}='urn:x'")).collect::<String>())
        .map(|attributes| format!("<a{attributes}>"))
        .collect();
    for (body, expected) in [
        (laughs.to_owned(), Some(XmlError::Doctype)),
        (external.to_owned(), Some(XmlError::Doctype)),
        (file.to_owned(), Some(XmlError::Doctype)),
        (nested(65), Some(XmlError::TooDeep(64))),
        ("<a>".repeat(64) + "<b/>", Some(XmlError::TooDeep(64))),
        (nested(100_000), Some(XmlError::TooDeep(64))),
        (deep_open, Some(XmlError::TooDeep(64))),
        (format!("<a>{}</a>", "x".repeat(2 << 20)), Some(XmlError::TooLarge(1 << 20))),
        (format!("<r>{}</r>", "<a/>".repeat(20_000)), Some(XmlError::TooMany("elements"))),
        (format!("<a{attributes}/>"), Some(XmlError::TooMany("attributes"))),
        (prefixes, Some(XmlError::TooMany("namespace declarations"))),
        ("<a>&nbsp;</a>".into(), Some(XmlError::UnknownEntity("nbsp".into()))),
        ("<a b='&nbsp;'/>".into(), Some(XmlError::UnknownEntity("nbsp".into()))),
        ("<d:a/>".into(), Some(XmlError::UndeclaredPrefix("d".into()))),
        ("<a d:b=''/>".into(), Some(XmlError::UndeclaredPrefix("d".into()))),
        ("<a xmlns:b=''/>".into(), Some(XmlError::UndeclaredPrefix("b".into()))),
        ("<xmlns:a/>".into(), None),
        ("<a xmlns:xml='urn:x'/>".into(), None),
        ("<a xmlns:b='http://www.w3.org/2000/xmlns/'/>".into(), None),
        ("<?xml version='1.0' encoding='utf-16'?><a/>".into(), Some(XmlError::NotUtf8)),
        ("<?xml version='1.0' encoding='iso-8859-1'?><a/>".into(), Some(XmlError::NotUtf8)),
        (" <?xml version='1.0'?><a/>".into(), None),
        ("<a><?xml version='1.0'?></a>".into(), None),
        ("<a/><b/>".into(), None),
        ("<a/>x".into(), None),
        ("x<a/>".into(), None),
        ("<a/>&amp;".into(), None),
        ("<![CDATA[]]><a/>".into(), None),
        ("<a".into(), None),
        ("<a>".into(), None),
        ("<a></b>".into(), None),
        ("</a>".into(), None),
        ("<a b=c/>".into(), None),
        ("<a b/>".into(), None),
        ("<a b='1' b='2'/>".into(), None),
        ("<a xmlns:x='u' xmlns:y='u' x:b='' y:b=''/>".into(), None),
        ("<a xmlns:x='u' xmlns:x='v'/>".into(), None),
        ("<a b='<'/>".into(), None),
        ("<a>&</a>".into(), None),
        ("<a>&#0;</a>".into(), None),
        ("<a>&#x1f;</a>".into(), None),
        ("<a b='&#x1f;'/>".into(), None),
        ("<a>&#xd800;</a>".into(), None),
        ("<a>\u{1}</a>".into(), None),
        ("<a>\u{ffff}</a>".into(), None),
        ("<1/>".into(), None),
        ("<a<b/>".into(), None),
        ("<a\"b/>".into(), None),
        ("<:a/>".into(), None),
        ("<x:a:b xmlns:x='u'/>".into(), None),
        ("<!-- -- --><a/>".into(), None),
        ("<!-- ".into(), None),
        (String::new(), None),
        (format!("<{}/>", "a".repeat(1025)), None),
        (format!("<a xmlns='{}'/>", "a".repeat(1025)), None),
    ] {
        let start: String = body.chars().take(80).collect();
        let found = parse(&body);
        assert!(found.is_err(), "{start}: {found:?}");
        if expected.is_some() {
            assert_eq!(found.err(), expected, "{start}");
        }
    }
    for bytes in
        [&b"<a>\xff</a>"[..], b"<a>\xc3</a>", b"\xff\xfe<\0a\0/\0>\0", b"<a>\xed\xa0\x80</a>"]
    {
        assert_eq!(
            Element::parse(bytes, &XmlLimits::default()),
            Err(XmlError::NotUtf8),
            "{bytes:?}"
        );
    }
}

#[test]
fn the_bounds_are_the_owners() {
    let limits = XmlLimits { bytes: 100_000, depth: 3, properties: 2000, operators: 16 };
    let nested = |n: usize| "<a>".repeat(n) + &"</a>".repeat(n);
    let many = |n: usize| format!("<r>{}</r>", "<a/>".repeat(n - 1));
    for (body, expected) in [
        (nested(3), None),
        (nested(4), Some(XmlError::TooDeep(3))),
        (format!("<a>{}</a>", "x".repeat(99_993)), None),
        (format!("<a>{}</a>", "x".repeat(99_994)), Some(XmlError::TooLarge(100_000))),
    ] {
        let found = Element::parse(body.as_bytes(), &limits).err();
        assert_eq!(found, expected, "{}", body.len());
    }
    // Enough elements for as many properties as there may be.
    let limits = XmlLimits { bytes: 1 << 20, ..limits };
    assert!(Element::parse(many(40_000).as_bytes(), &limits).is_ok());
    let found = Element::parse(many(40_001).as_bytes(), &limits);
    assert_eq!(found, Err(XmlError::TooMany("elements")));
}

#[test]
fn a_document_cut_anywhere_is_refused_without_a_panic() {
    let body = r#"<?xml version="1.0" encoding="utf-8"?><d:a xmlns:d="DAV:" b="&lt;ä"><!-- c --><d:e>&#x41;<![CDATA[<x>]]></d:e></d:a>"#;
    assert!(parse(body).is_ok());
    for end in 0..body.len() {
        assert!(
            Element::parse(&body.as_bytes()[..end], &XmlLimits::default()).is_err(),
            "cut at {end}"
        );
    }
}

#[test]
fn harmless_bodies_are_read() {
    let nested = "<a>".repeat(64) + &"</a>".repeat(64);
    assert!(parse(&nested).is_ok());
    for (body, expected, source) in [
        ("\u{feff}<a>x</a>", "x", "a byte order mark"),
        (
            "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n<a>x</a>\n",
            "x",
            "a declaration",
        ),
        ("<?xml version=\"1.0\" encoding=\"us-ascii\"?><a>x</a>", "x", "ASCII is UTF-8"),
        ("<!-- hi --><?p i?><a>x<!-- --><?p?>y</a><!-- -->", "xy", "comments and instructions"),
        ("<a> &lt;&amp;&gt;&quot;&apos;&#65;&#x1F600; </a>", " <&>\"'A😀 ", "references"),
        ("<a><![CDATA[<b>&amp;]]></a>", "<b>&amp;", "character data"),
        ("<a>1\r\n2\r3</a>", "1\n2\n3", "§2.11: line ends"),
        ("<a>x<b>no</b>y</a>", "xy", "own text alone"),
        ("<a />", "", "nothing"),
    ] {
        assert_eq!(parse(body).unwrap().text(), expected, "{source}");
    }
}

#[test]
fn names_and_attributes_are_resolved() {
    let root = parse(
        r#"<a xmlns="urn:1" xmlns:p="urn:a&amp;b" x=" 1 &quot;" p:y="2"><p:b/><b xmlns=""/><b/><p:b xmlns:p="urn:3"/></a>"#,
    )
    .unwrap();
    let names: Vec<_> = root.elements().map(|child| child.name().to_string()).collect();
    assert_eq!(names, ["{urn:a&b}b", "{}b", "{urn:1}b", "{urn:3}b"]);
    assert_eq!(root.attribute("", "x"), Some(" 1 \""));
    assert_eq!(root.attribute("urn:a&b", "y"), Some("2"));
    assert_eq!(root.attribute("urn:1", "x"), None);
    assert!(root.child("urn:3", "b").is_some());
    assert!(root.child("urn:4", "b").is_none());
}

#[test]
fn inner_xml_stands_alone() {
    for (body, expected) in [
        ("<a/>", ""),
        ("<a>x &amp; &quot;y&quot; &gt;</a>", "x &amp; &quot;y&quot; &gt;"),
        (
            r#"<D:owner xmlns:D="DAV:"><D:href>a</D:href>, <D:href/></D:owner>"#,
            r#"<D:href xmlns:D="DAV:">a</D:href>, <D:href xmlns:D="DAV:"/>"#,
        ),
        (
            r#"<a xmlns="urn:1" xmlns:p="urn:2"><b p:c="d"><p:e/><f xmlns=""><g/></f></b></a>"#,
            r#"<b xmlns="urn:1" xmlns:p="urn:2" p:c="d"><p:e/><f xmlns=""><g/></f></b>"#,
        ),
        (
            r#"<a xmlns:p="urn:1"><p:b><p:c xmlns:p="urn:2"/><p:d/></p:b></a>"#,
            r#"<p:b xmlns:p="urn:1"><p:c xmlns:p="urn:2"/><p:d/></p:b>"#,
        ),
        (
            r#"<a xml:lang="de"><b/><b xml:lang="en"><c/></b></a>"#,
            r#"<b xml:lang="de"/><b xml:lang="en"><c/></b>"#,
        ),
        (r#"<r xml:lang="de"><a/></r>"#, r#"<a xml:lang="de"/>"#),
        ("<a><b c='\t&#9;&#10;&quot;'/></a>", r#"<b c=" &#9;&#10;&quot;"/>"#),
        ("<a>&#13;</a>", "&#13;"),
    ] {
        let found = parse(body).unwrap().inner_xml();
        assert_eq!(found, expected, "{body}");
        parse(&format!("<x1:p xmlns:x1='urn:x'>{found}</x1:p>")).expect("well-formed");
    }
}

#[test]
fn outer_xml_keeps_the_language_in_scope() {
    let root = parse(r#"<r xmlns:p="urn:1" xml:lang="de"><p:a b="c">x</p:a></r>"#).unwrap();
    let child = root.child("urn:1", "a").unwrap();
    assert_eq!(child.lang(), Some("de"));
    assert_eq!(child.outer_xml(), r#"<p:a xmlns:p="urn:1" xml:lang="de" b="c">x</p:a>"#);
    assert_eq!(
        parse("<a xml:lang='de'><b xml:lang=''/></a>").unwrap().elements().next().unwrap().lang(),
        None
    );
}

mod round_trip {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// A document; prefixes are redeclared at every level, so that scopes get tangled.
    fn document() -> impl Strategy<Value = String> {
        let text = "[a-z \\n&&[^\\n]]{0,4}|&lt;|&#13;|&amp;|<!\\[CDATA\\[<\\]\\]>|ä😀";
        let name = || prop_oneof![Just("a"), Just("p:b"), Just("q:c")];
        let leaf = prop_oneof![text.prop_map(|t| t), name().prop_map(|n| format!("<{n}/>"))];
        let inside = leaf.prop_recursive(6, 64, 4, move |inner| {
            (name(), 0..4u8, 0..4u8, 0..3u8, vec(inner, 0..4)).prop_map(|(name, p, d, q, inner)| {
                let default = if d == 0 { "" } else { "urn:" };
                let d = if d == 0 { String::new() } else { d.to_string() };
                format!(
                    "<{name} xmlns:p='urn:{p}' xmlns='{default}{d}' q:z='{q}&#10;' y='\"'>{}</{name}>",
                    inner.concat()
                )
            })
        });
        vec(inside, 0..4).prop_map(|inside| {
            format!(
                "<r xmlns='urn:0' xmlns:p='urn:1' xmlns:q='urn:q' xml:lang='de'>{}</r>",
                inside.concat()
            )
        })
    }

    proptest! {
        #[test]
        fn inner_xml_means_the_same_elsewhere(body in document()) {
            let first = parse(&body).unwrap();
            let moved = format!("<x1:r xmlns:x1='urn:x'>{}</x1:r>", first.inner_xml());
            let second = parse(&moved).unwrap();
            prop_assert_eq!(shape(&first, true), shape(&second, true));
            prop_assert_eq!(second.inner_xml(), first.inner_xml());
            let whole = parse(&first.outer_xml()).unwrap();
            prop_assert_eq!(shape(&first, false), shape(&whole, false));
        }

        #[test]
        fn any_bytes_are_read_or_refused(body in vec(any::<u8>(), 0..200)) {
            let _ = Element::parse(&body, &XmlLimits::default());
        }

        #[test]
        fn any_markup_is_read_or_refused(body in "[<>/a:='\"!?&;\\[\\]x# -]{0,60}") {
            if let Ok(root) = parse(&body) {
                prop_assert!(parse(&root.outer_xml()).is_ok());
            }
        }
    }

    /// What must survive: expanded names, values and languages; of the root its children alone.
    fn shape(element: &Element, root: bool) -> String {
        let mut shape = String::new();
        if !root {
            shape = format!("<{} {:?}", element.name(), element.lang());
            for a in element.attributes.iter().filter(|a| &*a.local != "lang") {
                shape += &format!(" {{{}}}{}={:?}", a.namespace, a.local, a.value);
            }
            shape += ">";
        }
        for child in element.children() {
            shape += &match child {
                Node::Element(child) => shape_of(child),
                Node::Text(text) => format!("{text:?}"),
            };
        }
        shape + "</>"
    }

    fn shape_of(element: &Element) -> String {
        shape(element, false)
    }
}
