//! `If-Match` and `If-None-Match` (RFC 9110 §13.1), and WebDAV's `If` (RFC 4918 §10.4).
//!
//! Parsed here, evaluated inside the commit (`threats` §1): this file knows what was asked, not
//! what is true.

use super::error::HeaderError;

/// Most conditions in one field. The apps send one; more is somebody making us work.
pub const MAX_CONDITIONS: usize = 100;

/// An entity tag as a client sent it, without quotes (RFC 9110 §8.8.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EntityTag {
    /// Whether it was marked `W/`. We send no weak tags, but proxies may weaken ours.
    pub weak: bool,
    /// The opaque text.
    pub tag: String,
}

impl EntityTag {
    /// Reads one tag: `"x"`, `W/"x"`, or `x` without quotes.
    ///
    /// # Errors
    /// If it is empty, has one quote only, or text behind the closing quote.
    pub(super) fn parse(text: &str, field: &'static str) -> Result<Self, HeaderError> {
        let (weak, rest) = match text.strip_prefix("W/").or_else(|| text.strip_prefix("w/")) {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let tag = match rest.strip_prefix('"') {
            // COMPAT(proxies): mod_deflate writes `"x"-gzip` or `"x-gzip"` where we said `"x"`,
            // and clients give back what they got.
            Some(rest) => rest.strip_suffix("-gzip").unwrap_or(rest).strip_suffix('"'),
            // COMPAT(ios): sends tags without quotes, as it stores them.
            None => Some(rest),
        };
        let tag = tag.map(|tag| tag.strip_suffix("-gzip").unwrap_or(tag));
        match tag {
            Some(tag) if !tag.is_empty() && !tag.contains('"') => {
                Ok(Self { weak, tag: tag.to_owned() })
            }
            _ => Err(HeaderError::new(field, "not an entity tag")),
        }
    }

    /// Strong comparison (RFC 9110 §8.8.3.2): equal and not weak.
    pub fn equals_strong(&self, current: &str) -> bool {
        !self.weak && self.tag == current
    }

    /// Weak comparison: equal, weak or not.
    pub fn equals_weak(&self, current: &str) -> bool {
        self.tag == current
    }
}

/// The value of `If-Match` or `If-None-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EtagCondition {
    /// `*`: any current representation.
    Any,
    /// One of these.
    Tags(Vec<EntityTag>),
}

impl EtagCondition {
    /// Reads the field's value.
    ///
    /// # Errors
    /// [`HeaderError`] if there is no tag in it, more than [`MAX_CONDITIONS`], or a broken one.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        const FIELD: &str = "If-Match or If-None-Match";
        let value = value.trim();
        if value == "*" {
            return Ok(Self::Any);
        }
        let mut tags = Vec::new();
        for item in split_outside_quotes(value) {
            let item = item.trim();
            if item.is_empty() {
                continue; // RFC 9110 §5.6.1.2: recipients skip empty list elements
            }
            if item == "*" || tags.len() == MAX_CONDITIONS {
                return Err(HeaderError::new(FIELD, "not `*` or a list of at most 100 tags"));
            }
            tags.push(EntityTag::parse(item, FIELD)?);
        }
        if tags.is_empty() {
            return Err(HeaderError::new(FIELD, "no entity tag"));
        }
        Ok(Self::Tags(tags))
    }

    /// Whether `current` is named, by strong comparison: true lets an `If-Match` pass. `None` is a
    /// resource that does not exist; nothing names it.
    pub fn matches_strong(&self, current: Option<&str>) -> bool {
        match (self, current) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Tags(tags), Some(now)) => tags.iter().any(|tag| tag.equals_strong(now)),
        }
    }

    /// Whether `current` is named, by weak comparison: true makes an `If-None-Match` fail (304 for
    /// GET and HEAD, else 412).
    pub fn matches_weak(&self, current: Option<&str>) -> bool {
        match (self, current) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Tags(tags), Some(now)) => tags.iter().any(|tag| tag.equals_weak(now)),
        }
    }
}

/// Splits at commas that are not inside quotes: an entity tag may contain commas.
fn split_outside_quotes(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

/// WebDAV's `If` field: true if one of its lists is (RFC 4918 §10.4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfHeader {
    /// The lists, each with the resource it is about; never empty.
    pub lists: Vec<IfList>,
}

/// A list: true if all its conditions are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfList {
    /// URL or absolute path of the resource, still percent-encoded; `None` is the request's own.
    pub resource: Option<String>,
    /// The conditions; never empty.
    pub conditions: Vec<IfCondition>,
}

/// One condition on a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfCondition {
    /// Whether `Not` stood before it.
    pub negated: bool,
    /// What the resource must have.
    pub state: IfState,
}

/// What a condition asks of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfState {
    /// It is locked with this token. `DAV:no-lock` is the token that no resource has (§10.4.8).
    Token(String),
    /// It has this entity tag, by strong comparison.
    Etag(EntityTag),
}

impl IfHeader {
    /// Reads the field's value.
    ///
    /// # Errors
    /// [`HeaderError`] if it does not follow RFC 4918 §10.4.2 or has over [`MAX_CONDITIONS`].
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let mut rest = value.trim_start();
        let mut lists = Vec::new();
        let mut resource: Option<String> = None;
        let mut left = MAX_CONDITIONS;
        let mut list_may_end = false; // a resource needs a list behind it
        while !rest.is_empty() {
            if rest.starts_with('<') {
                let untagged_before = resource.is_none() && !lists.is_empty();
                let tag_before = resource.is_some() && !list_may_end;
                if untagged_before || tag_before {
                    return Err(bad("a resource must stand before its list"));
                }
                let (url, after) = angle_brackets(rest)?;
                (resource, rest, list_may_end) = (Some(url.to_owned()), after, false);
            } else if let Some(inside) = rest.strip_prefix('(') {
                let (conditions, after) = parse_list(inside, &mut left)?;
                lists.push(IfList { resource: resource.clone(), conditions });
                (rest, list_may_end) = (after, true);
            } else {
                return Err(bad("neither `<` nor `(` where a list begins"));
            }
            rest = rest.trim_start();
        }
        if !list_may_end {
            return Err(bad("no list"));
        }
        Ok(Self { lists })
    }

    /// The lock tokens that the request submits: each one in the field, whatever its list or a
    /// `Not` before it says (RFC 4918 §10.4.1: its appearance alone submits it).
    pub fn submitted_tokens(&self) -> impl Iterator<Item = &str> {
        self.lists.iter().flat_map(|list| &list.conditions).filter_map(|condition| match &condition
            .state
        {
            IfState::Token(token) => Some(token.as_str()),
            IfState::Etag(_) => None,
        })
    }

    /// Evaluates the field: `is_true` answers for one resource (`None`: the request's) and state.
    /// False is a 412.
    pub fn holds(&self, mut is_true: impl FnMut(Option<&str>, &IfState) -> bool) -> bool {
        self.lists.iter().any(|list| {
            let resource = list.resource.as_deref();
            list.conditions.iter().all(|one| is_true(resource, &one.state) != one.negated)
        })
    }
}

/// Reads conditions up to `)`; gives them and what stands behind it. Takes from `left`.
fn parse_list<'a>(
    mut rest: &'a str,
    left: &mut usize,
) -> Result<(Vec<IfCondition>, &'a str), HeaderError> {
    let mut conditions = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix(')') {
            return if conditions.is_empty() {
                Err(bad("an empty list"))
            } else {
                Ok((conditions, after))
            };
        }
        *left = left.checked_sub(1).ok_or_else(|| bad("more than 100 conditions"))?;
        let negated = rest.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("not"));
        if negated {
            rest = rest[3..].trim_start();
        }
        let (state, after) = parse_state(rest)?;
        conditions.push(IfCondition { negated, state });
        rest = after;
    }
}

/// Reads `<token>` or `["etag"]`.
fn parse_state(rest: &str) -> Result<(IfState, &str), HeaderError> {
    if rest.starts_with('<') {
        let (token, after) = angle_brackets(rest)?;
        return Ok((IfState::Token(token.to_owned()), after));
    }
    let inside = rest.strip_prefix('[').ok_or_else(|| bad("neither token nor entity tag"))?;
    let mut quoted = false;
    let end = inside
        .find(|c| {
            quoted ^= c == '"';
            c == ']' && !quoted
        })
        .ok_or_else(|| bad("`[` without `]`"))?;
    let tag = EntityTag::parse(inside[..end].trim(), "If")?;
    Ok((IfState::Etag(tag), &inside[end + 1..]))
}

/// Reads `<text>` at the start; gives the text and what stands behind.
fn angle_brackets(rest: &str) -> Result<(&str, &str), HeaderError> {
    let (text, after) = rest
        .strip_prefix('<')
        .and_then(|rest| rest.split_once('>'))
        .ok_or_else(|| bad("`<` without `>`"))?;
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c == '<') {
        return Err(bad("no URL between `<` and `>`"));
    }
    Ok((text, after))
}

fn bad(problem: &'static str) -> HeaderError {
    HeaderError::new("If", problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etag_lists_follow_rfc9110() {
        // value, current tag, strong match, weak match
        for (value, current, strong, weak, source) in [
            ("\"a\"", Some("a"), true, true, "RFC 9110 §13.1.1"),
            ("\"a\"", Some("b"), false, false, "RFC 9110 §13.1.1"),
            ("\"a\"", None, false, false, "dav-range-and-conditional [17]: nothing is there"),
            ("*", Some("a"), true, true, "RFC 9110 §13.1.1"),
            ("*", None, false, false, "dav-range-and-conditional [17], [19]"),
            (" \"x\" ,, W/\"a\"", Some("a"), false, true, "RFC 9110 §8.8.3.2, §5.6.1.2"),
            ("\"x,y\", \"a\"", Some("x,y"), true, true, "RFC 9110 §8.8.3: etagc has the comma"),
            ("deadbeef", Some("deadbeef"), true, true, "dav-range-and-conditional [16], iOS"),
            ("\"a-gzip\"", Some("a"), true, true, "clients.md §2.5"),
            ("\"a\"-gzip", Some("a"), true, true, "clients.md §2.5"),
            ("a-gzip", Some("a"), true, true, "clients.md §2.5"),
        ] {
            let parsed = EtagCondition::parse(value).expect(source);
            assert_eq!(parsed.matches_strong(current), strong, "{value} strong ({source})");
            assert_eq!(parsed.matches_weak(current), weak, "{value} weak ({source})");
        }
        let many = "\"a\",".repeat(MAX_CONDITIONS + 1);
        for bad in ["", " , ", "\"a", "\"a\"b", "*, \"a\"", "\"\"", many.as_str()] {
            assert!(EtagCondition::parse(bad).is_err(), "{bad:?}");
        }
        assert!(EtagCondition::parse(&"\"a\",".repeat(MAX_CONDITIONS)).is_ok());
    }

    fn shown(header: &IfHeader) -> String {
        let mut out = String::new();
        for list in &header.lists {
            out.push_str(list.resource.as_deref().unwrap_or("-"));
            for one in &list.conditions {
                let not = if one.negated { "!" } else { "" };
                match &one.state {
                    IfState::Token(token) => out.push_str(&format!(" {not}<{token}>")),
                    IfState::Etag(tag) => {
                        let weak = if tag.weak { "W/" } else { "" };
                        out.push_str(&format!(" {not}[{weak}{}]", tag.tag));
                    }
                }
            }
            out.push(';');
        }
        out
    }

    #[test]
    fn if_follows_rfc4918() {
        for (value, expected, source) in [
            ("([\"nope\"])", "- [nope];", "dav-range-and-conditional [21]"),
            (
                "</remote.php/dav/files/a/b%20c> ([\"e\"])",
                "/remote.php/dav/files/a/b%20c [e];",
                "clients.md §13: the desktop's closing MOVE",
            ),
            (
                "<http://h/a> (<opaquelocktoken:T>)",
                "http://h/a <opaquelocktoken:T>;",
                "clients.md §12: the desktop with a token lock",
            ),
            (
                "(<urn:uuid:1> [\"I am an ETag\"]) ([\"another\"])",
                "- <urn:uuid:1> [I am an ETag];- [another];",
                "RFC 4918 §10.4.6",
            ),
            ("(Not <urn:uuid:1> <urn:uuid:2>)", "- !<urn:uuid:1> <urn:uuid:2>;", "§10.4.7"),
            ("(<urn:uuid:1>)(nOt<DAV:no-lock>)", "- <urn:uuid:1>;- !<DAV:no-lock>;", "§10.4.8"),
            (
                "</a> (<urn:1> [W/\"A\"]) ([\"B]\"]) <http://h/b> (<urn:2>)",
                "/a <urn:1> [W/A];/a [B]];http://h/b <urn:2>;",
                "§10.4.9",
            ),
            ("([etag])", "- [etag];", "unquoted, as iOS"),
        ] {
            let parsed = IfHeader::parse(value).unwrap_or_else(|e| panic!("{value}: {e}"));
            assert_eq!(shown(&parsed), expected, "{value} ({source})");
        }
        let many = format!("({})", "<a:b>".repeat(MAX_CONDITIONS + 1));
        for bad in [
            "",
            "()",
            "garbage",
            "(<a:b>",
            "<a:b>",
            "</a> </b> (<a:b>)",
            "(<a:b>) </a> (<a:b>)",
            "([\"a)",
            "(Not)",
            "(Not Not <a:b>)",
            "(<>)",
            "(<a b>)",
            "([])",
            "(ü)",
            "(<a:b>) x",
            many.as_str(),
        ] {
            assert!(IfHeader::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_token_is_submitted_wherever_it_appears() {
        let header = IfHeader::parse("</a> (Not <urn:1> [\"x\"]) </b> (<urn:2>)").expect("good");
        assert_eq!(header.submitted_tokens().collect::<Vec<_>>(), ["urn:1", "urn:2"]);
    }

    #[test]
    fn if_holds_when_one_list_does() {
        let truth = |_: Option<&str>, state: &IfState| *state == IfState::Token("t:1".into());
        for (value, expected) in [
            ("(<t:1>)", true),
            ("(Not <t:1>)", false),
            ("(<t:1> <t:2>)", false),
            ("(<t:2>) (Not <t:2>)", true),
        ] {
            assert_eq!(IfHeader::parse(value).expect("good").holds(truth), expected, "{value}");
        }
    }
}
