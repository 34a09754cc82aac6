//! The bodies of PROPFIND, PROPPATCH, MKCOL, LOCK, SEARCH and REPORT: limits hold, and what a client
//! names can be echoed in an answer without changing it.

use http::StatusCode;
use moonsail::proto::dav::names::DAV;
use moonsail::proto::dav::{
    ActiveLock, Element, FilterFiles, LockDepth, LockInfo, LockTimeout, MkcolBody, Multistatus,
    PropName, PropOp, Propfind, Proppatch, PropstatGroup, SearchRequest, Tag, Where, XmlError,
    XmlLimits, lock_body,
};

use super::xml::{inside, well_formed};

pub(super) fn target(input: &[u8]) {
    let limits = XmlLimits::default();
    match Propfind::parse(input, &limits) {
        Ok(Propfind::Prop(names) | Propfind::AllProp { include: names }) => once(&names),
        Ok(Propfind::PropNames) => {}
        Err(error) => refused(&error),
    }
    match Proppatch::parse(input, &limits) {
        Ok(Proppatch { ops }) => {
            assert!(!ops.is_empty());
            changes(&ops);
        }
        Err(error) => refused(&error),
    }
    if let Ok(MkcolBody { set }) = MkcolBody::parse(input, &limits) {
        changes(&set);
    }
    match LockInfo::parse(input, &limits) {
        Ok(info) => lock(&info),
        Err(error) => refused(&error),
    }
    match SearchRequest::parse(input, &limits) {
        Ok(search) => {
            once(&search.select);
            assert!(search.order.len() <= 16);
            if let Some(filter) = &search.filter {
                // More than one condition in `d:where` stand below one more `and`.
                assert!(operators(filter) <= limits.operators + 1);
            }
        }
        Err(error) => refused(&error),
    }
    if let Ok(report) = FilterFiles::parse(input, &limits) {
        once(&report.props);
    }
}

/// The causes that are another status than 400 belong to MKCOL and REPORT alone.
fn refused(error: &XmlError) {
    assert!(!matches!(error, XmlError::UnsupportedBody | XmlError::UnknownReport(_)), "{error:?}");
}

/// Each name once, and each the same in an answer.
fn once(names: &[PropName]) {
    assert!(names.len() <= 1000);
    assert_eq!(names.iter().collect::<std::collections::HashSet<_>>().len(), names.len());
    let mut answer = Multistatus::begin();
    let mut response = answer.response("/a");
    for name in names {
        response.missing(&Tag::from(name));
    }
    response.close();
    echoed(&answer.finish(), names);
}

fn changes(ops: &[PropOp]) {
    assert!(ops.len() <= 1000);
    let names: Vec<PropName> = ops.iter().map(|op| op.name().clone()).collect();
    let mut answer = Multistatus::begin();
    let group = PropstatGroup { status: StatusCode::OK, names: names.clone(), condition: None };
    answer.propstats("/a", &[group]);
    echoed(&answer.finish(), &names);
    for op in ops {
        if let PropOp::Set { name, element } = op {
            inside(element);
            let mut answer = Multistatus::begin();
            answer.response("/a").raw(&Tag::from(name), &element.inner_xml());
            echoed(&answer.finish(), std::slice::from_ref(name));
        }
    }
}

fn echoed(answer: &[u8], names: &[PropName]) {
    let answer = well_formed(answer);
    let response = answer.child(DAV, "response").unwrap();
    let found = response.child(DAV, "propstat").and_then(|group| group.child(DAV, "prop"));
    let found: Vec<PropName> =
        found.into_iter().flat_map(Element::elements).map(Element::name).collect();
    assert_eq!(found, names);
}

fn lock(info: &LockInfo) {
    let lock = ActiveLock {
        scope: info.scope,
        depth: LockDepth::Zero,
        owner_xml: &info.owner_xml,
        timeout: LockTimeout::Seconds(1),
        token: "opaquelocktoken:a",
        root_href: "/a",
    };
    let answer = well_formed(&lock_body(&[lock]));
    let active = answer.child(DAV, "lockdiscovery").and_then(|all| all.child(DAV, "activelock"));
    assert!(active.is_some_and(|lock| lock.child(DAV, "locktoken").is_some()));
}

fn operators(filter: &Where) -> usize {
    1 + match filter {
        Where::And(inside) | Where::Or(inside) => {
            assert!(!inside.is_empty());
            inside.iter().map(operators).max().unwrap_or(0)
        }
        Where::Not(inside) => operators(inside),
        Where::Compare { .. } | Where::IsCollection | Where::IsDefined(_) => 0,
    }
}
