//! `If-Match`, `If-None-Match` and `If`: what was understood, written down, is understood the same.

use moonsail::proto::conditions::{EntityTag, EtagCondition, IfHeader, IfState, MAX_CONDITIONS};
use moonsail::proto::range::if_range_holds;
use moonsail::proto::{lock_token, overwrite::Overwrite};

use super::text;

pub(super) fn target(input: &[u8]) {
    let text = text(input);
    let _any = (if_range_holds(&text, Some("a")), Overwrite::parse(Some(&text)));
    if let Ok(token) = lock_token::parse_lock_token(&text) {
        assert_eq!(lock_token::parse_lock_token(&lock_token::write_lock_token(token)), Ok(token));
    }
    if let Ok(condition) = EtagCondition::parse(&text) {
        assert!(!condition.matches_strong(None) && !condition.matches_weak(None));
        if let EtagCondition::Tags(tags) = &condition {
            assert!((1..=MAX_CONDITIONS).contains(&tags.len()));
            for tag in tags {
                assert!(condition.matches_weak(Some(&tag.tag)));
                assert_eq!(tags.contains(&strong(tag)), condition.matches_strong(Some(&tag.tag)));
            }
            if !tags.iter().any(loses_a_suffix) {
                let written: Vec<String> = tags.iter().map(quoted).collect();
                assert_eq!(EtagCondition::parse(&written.join(", ")).as_ref(), Ok(&condition));
            }
        }
    }
    if let Ok(header) = IfHeader::parse(&text) {
        check(&header);
    }
}

fn check(header: &IfHeader) {
    let conditions = || header.lists.iter().flat_map(|list| &list.conditions);
    assert!(!header.lists.is_empty() && header.lists.iter().all(|it| !it.conditions.is_empty()));
    assert!(conditions().count() <= MAX_CONDITIONS);
    let tokens = conditions().filter(|one| matches!(one.state, IfState::Token(_))).count();
    assert_eq!(header.submitted_tokens().count(), tokens);
    // Where everything is so, a list without `Not` holds; where nothing is, one of `Not` alone.
    let each = |negated| {
        header.lists.iter().any(|list| list.conditions.iter().all(|one| one.negated == negated))
    };
    assert_eq!(header.holds(|_, _| true), each(false));
    assert_eq!(header.holds(|_, _| false), each(true));
    let suffix = |state: &IfState| matches!(state, IfState::Etag(tag) if loses_a_suffix(tag));
    if !conditions().any(|one| suffix(&one.state)) {
        let written = write(header);
        assert_eq!(IfHeader::parse(&written).as_ref(), Ok(header), "{written}");
    }
}

fn write(header: &IfHeader) -> String {
    let mut out = String::new();
    for list in &header.lists {
        if let Some(resource) = &list.resource {
            out.extend(["<", resource, "> "]);
        }
        out.push('(');
        for one in &list.conditions {
            out.push_str(if one.negated { "Not " } else { "" });
            match &one.state {
                IfState::Token(token) => out.extend(["<", token, ">"]),
                IfState::Etag(tag) => out.extend(["[", &quoted(tag), "]"]),
            }
        }
        out.push(')');
    }
    out
}

fn quoted(tag: &EntityTag) -> String {
    format!("{}\"{}\"", if tag.weak { "W/" } else { "" }, tag.tag)
}

fn strong(tag: &EntityTag) -> EntityTag {
    EntityTag { weak: false, tag: tag.tag.clone() }
}

/// mod_deflate's mark is taken off once, so a tag with two of them is another one the second time.
fn loses_a_suffix(tag: &EntityTag) -> bool {
    tag.tag.ends_with("-gzip")
}
