//! Tests of the file above.

use super::*;

fn parse(inside: &str) -> Result<SearchRequest, XmlError> {
    SearchRequest::parse(body(inside).as_bytes(), &XmlLimits::default())
}

fn body(inside: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><d:searchrequest xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:nc="http://nextcloud.org/ns"><d:basicsearch>{inside}</d:basicsearch></d:searchrequest>"#
    )
}

const FROM: &str =
    "<d:from><d:scope><d:href>/files/carol</d:href><d:depth>infinity</d:depth></d:scope></d:from>";

fn parse_where(inside: &str) -> Result<Option<Where>, XmlError> {
    parse(&format!("{FROM}<d:where>{inside}</d:where>")).map(|search| search.filter)
}

fn compare(op: Op, namespace: &str, prop: &str, literal: &str) -> Where {
    Where::Compare { op, prop: PropName::new(namespace, prop), literal: literal.to_owned() }
}

#[test]
fn the_recorded_search_for_images_is_understood() {
    let found = parse(
        "<d:select><d:prop><oc:fileid/><d:displayname/><nc:has-preview/></d:prop></d:select>\
         <d:from><d:scope><d:href>/files/carol</d:href><d:depth>infinity</d:depth></d:scope></d:from>\
         <d:where><d:like><d:prop><d:getcontenttype/></d:prop><d:literal>image/%</d:literal></d:like></d:where>\
         <d:orderby><d:order><d:prop><d:getlastmodified/></d:prop><d:descending/></d:order></d:orderby>\
         <d:limit><d:nresults>2</d:nresults></d:limit>",
    );
    let expected = SearchRequest {
        select: vec![
            PropName::new(OC, "fileid"),
            PropName::new(DAV, "displayname"),
            PropName::new(NC, "has-preview"),
        ],
        scope: Scope { href: "/files/carol".into(), depth: SearchDepth::Infinity },
        filter: Some(compare(Op::Like, DAV, "getcontenttype", "image/%")),
        order: vec![Order {
            prop: PropName::new(DAV, "getlastmodified"),
            direction: Direction::Descending,
        }],
        limit: Some(2),
        offset: None,
    };
    assert_eq!(found, Ok(expected));
}

#[test]
fn conditions_of_the_apps() {
    let favorite = compare(Op::Eq, OC, "favorite", "yes");
    let modified = |op, literal| compare(op, DAV, "getlastmodified", literal);
    for (body, expected, source) in [
        ("", None, "the real server answers 500 here"),
        (
            "<d:eq><d:prop><oc:favorite/></d:prop><d:literal>yes</d:literal></d:eq>",
            Some(favorite.clone()),
            "android favourites",
        ),
        (
            r#"<d:eq><d:prop><x:favorite xmlns:x="http://nextcloud.com/ns"/></d:prop><d:literal>yes</d:literal></d:eq>"#,
            Some(favorite.clone()),
            "android's wrong namespace",
        ),
        (
            "<d:eq><d:prop><favorite/></d:prop><d:literal>yes</d:literal></d:eq>",
            Some(favorite.clone()),
            "no namespace",
        ),
        (
            r#"<d:gt><d:prop><d:getlastmodified/></d:prop><d:literal>2026-11-17T06:01:04Z</d:literal></d:gt>"#,
            Some(modified(Op::Gt, "2026-11-17T06:01:04Z")),
            "android recently modified",
        ),
        (
            "<d:and><d:or><d:like><d:prop><d:getcontenttype/></d:prop><d:literal>image/%</d:literal></d:like>\
             <d:like><d:prop><d:getcontenttype/></d:prop><d:literal>video/%</d:literal></d:like></d:or>\
             <d:lt><d:prop><d:getlastmodified/></d:prop><d:literal>1795500064</d:literal></d:lt>\
             <d:not><d:is-collection/></d:not></d:and>",
            Some(Where::And(vec![
                Where::Or(vec![
                    compare(Op::Like, DAV, "getcontenttype", "image/%"),
                    compare(Op::Like, DAV, "getcontenttype", "video/%"),
                ]),
                modified(Op::Lt, "1795500064"),
                Where::Not(Box::new(Where::IsCollection)),
            ])),
            "android gallery",
        ),
        (
            "<d:is-defined><d:prop><oc:id/></d:prop></d:is-defined><d:is-collection/>",
            Some(Where::And(vec![Where::IsDefined(PropName::new(OC, "id")), Where::IsCollection])),
            "two conditions",
        ),
        (
            "<d:eq><d:prop><d:displayname/></d:prop><d:literal/></d:eq>",
            Some(compare(Op::Eq, DAV, "displayname", "")),
            "an empty literal",
        ),
    ] {
        assert_eq!(parse_where(body), Ok(expected), "{body} ({source})");
    }
}

#[test]
fn bad_conditions_are_refused() {
    for body in [
        "<d:and/>",
        "<d:or></d:or>",
        "<d:not/>",
        "<d:not><d:is-collection/><d:is-collection/></d:not>",
        "<d:eq><d:prop><d:a/></d:prop></d:eq>",
        "<d:eq><d:literal>x</d:literal></d:eq>",
        "<d:eq><d:prop><d:a/><d:b/></d:prop><d:literal>x</d:literal></d:eq>",
        "<d:contains>x</d:contains>",
    ] {
        assert!(matches!(parse_where(body), Err(XmlError::Invalid(_))), "{body}");
    }
}

#[test]
fn operators_are_bounded_in_depth_and_number() {
    let nested = |n: usize| {
        format!("{}<d:is-collection/>{}", "<d:not>".repeat(n - 1), "</d:not>".repeat(n - 1))
    };
    assert!(parse_where(&nested(16)).is_ok());
    assert!(matches!(parse_where(&nested(17)), Err(XmlError::TooMany(_))));
    let many = |n: usize| format!("<d:or>{}</d:or>", "<d:is-collection/>".repeat(n - 1));
    assert!(parse_where(&many(100)).is_ok());
    assert_eq!(parse_where(&many(101)), Err(XmlError::TooMany("operators")));
}

#[test]
fn the_bounds_of_operators_can_be_raised() {
    let limits = XmlLimits { operators: 256, depth: 300, ..XmlLimits::default() };
    let nested = |n: usize| {
        let (open, close) = ("<d:not>".repeat(n - 1), "</d:not>".repeat(n - 1));
        body(&format!("{FROM}<d:where>{open}<d:is-collection/>{close}</d:where>"))
    };
    assert!(SearchRequest::parse(nested(256).as_bytes(), &limits).is_ok());
    let found = SearchRequest::parse(nested(257).as_bytes(), &limits);
    assert!(matches!(found, Err(XmlError::TooMany(_))));
}

#[test]
fn scopes_and_limits() {
    let scope = |inside: &str| parse(&format!("<d:from>{inside}</d:from>")).map(|s| s.scope);
    let depth = |text: &str| {
        scope(&format!("<d:scope><d:href> /files/a%20b </d:href>{text}</d:scope>"))
            .map(|scope| (scope.href, scope.depth))
    };
    let href = || "/files/a%20b".to_owned();
    assert_eq!(depth("<d:depth>0</d:depth>"), Ok((href(), SearchDepth::Zero)));
    assert_eq!(depth("<d:depth>1</d:depth>"), Ok((href(), SearchDepth::One)));
    assert_eq!(depth(""), Ok((href(), SearchDepth::Infinity)));
    assert!(depth("<d:depth>2</d:depth>").is_err());
    assert!(scope("").is_err());
    assert!(scope("<d:scope><d:depth>1</d:depth></d:scope>").is_err());

    let limit = |inside: &str| {
        parse(&format!("{FROM}<d:limit>{inside}</d:limit>")).map(|s| (s.limit, s.offset))
    };
    assert_eq!(
        limit("<d:nresults>5</d:nresults><d:firstresult>10</d:firstresult>"),
        Ok((Some(5), Some(10)))
    );
    assert_eq!(limit("<nc:firstresult>3</nc:firstresult>"), Ok((None, Some(3))));
    assert!(limit("<d:nresults>-1</d:nresults>").is_err());
}

#[test]
fn android_asks_for_properties_in_wrong_namespaces() {
    let found = parse(&format!(
        r#"<d:select><d:prop><oc:has-preview/><is-encrypted/><q:size xmlns:q="urn:q"/></d:prop></d:select>{FROM}"#
    ));
    let expected = [
        PropName::new(NC, "has-preview"),
        PropName::new(NC, "is-encrypted"),
        PropName::new("urn:q", "size"),
    ];
    assert_eq!(found.unwrap().select, expected);
}

#[test]
fn another_search_is_refused() {
    let body = r#"<d:query-schema-discovery xmlns:d="DAV:"/>"#;
    assert!(matches!(
        SearchRequest::parse(body.as_bytes(), &XmlLimits::default()),
        Err(XmlError::UnexpectedRoot { expected: "searchrequest", .. })
    ));
    let body = r#"<d:searchrequest xmlns:d="DAV:"><d:xpath/></d:searchrequest>"#;
    assert!(matches!(
        SearchRequest::parse(body.as_bytes(), &XmlLimits::default()),
        Err(XmlError::Invalid(_))
    ));
}
