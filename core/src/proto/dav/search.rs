//! The body of `SEARCH`: `d:basicsearch` (RFC 5323 §5) as the Android and iOS apps use it.
//!
//! Operators may be nested [`XmlLimits::operators`] deep and be [`MAX_OPERATORS`] in number, or as
//! many as may be nested if that is more.
//! COMPAT(android): some properties come in the wrong namespace (`oc:has-preview`,
//! `http://nextcloud.com/ns`, none at all); known local names are put right, see [`repaired`].

use std::collections::HashSet;

use super::names::{DAV, NC, OC, PropName};
use super::xml::{Element, XmlError, XmlLimits, prop_names};

/// Most operators in `d:where`.
const MAX_OPERATORS: usize = 100;
/// Most keys in `d:orderby`.
const MAX_ORDERS: usize = 16;

/// A search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchRequest {
    /// Properties wanted of each hit.
    pub select: Vec<PropName>,
    /// Where to look.
    pub scope: Scope,
    /// What must hold; `None` for all (a missing and an empty `d:where`).
    pub filter: Option<Where>,
    /// Most significant key first.
    pub order: Vec<Order>,
    /// `d:nresults`: at most so many.
    pub limit: Option<u32>,
    /// `d:firstresult`: skip so many.
    pub offset: Option<u32>,
}

/// `d:scope`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// As the client wrote it, trimmed: `/files/<user>/…`, percent-encoded.
    pub href: String,
    /// How deep.
    pub depth: SearchDepth,
}

/// `d:depth` of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchDepth {
    /// The resource alone.
    Zero,
    /// It and its members.
    One,
    /// All below; also if none is given.
    Infinity,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// All hold; at least one.
    And(Vec<Where>),
    /// One holds; at least one.
    Or(Vec<Where>),
    /// It does not hold.
    Not(Box<Where>),
    /// A property compared with a literal.
    Compare {
        /// How.
        op: Op,
        /// What.
        prop: PropName,
        /// With what, as text: numbers, dates in ISO 8601 and in Unix seconds, `yes`, patterns.
        literal: String,
    },
    /// It is a collection.
    IsCollection,
    /// It has the property.
    IsDefined(PropName),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `d:eq`
    Eq,
    /// `d:lt`
    Lt,
    /// `d:lte`
    Lte,
    /// `d:gt`
    Gt,
    /// `d:gte`
    Gte,
    /// `d:like`: `%` is any text, `_` any character, `\` takes away their meaning.
    Like,
}

/// One key of `d:orderby`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub prop: PropName,
    /// Which end first.
    pub direction: Direction,
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first; the default.
    Ascending,
    /// Largest first.
    Descending,
}

impl SearchRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// [`XmlError`], all 400.
    pub fn parse(body: &[u8], limits: &XmlLimits) -> Result<Self, XmlError> {
        let root = Element::parse_root(body, "searchrequest", limits)?;
        let query =
            root.child(DAV, "basicsearch").ok_or(XmlError::Invalid("only basicsearch is known"))?;
        let select = query.child(DAV, "select").and_then(|select| select.child(DAV, "prop"));
        let select = select.map(|prop| prop_names(prop, limits)).transpose()?.unwrap_or_default();
        let limit = query.child(DAV, "limit");
        let wanted = query.child(DAV, "where");
        Ok(Self {
            select: repaired_once(select),
            scope: scope(query)?,
            filter: wanted.map(|wanted| filter(wanted, limits)).transpose()?.flatten(),
            order: query.child(DAV, "orderby").map(orders).transpose()?.unwrap_or_default(),
            limit: number(limit, "nresults")?,
            offset: number(limit, "firstresult")?,
        })
    }
}

/// The wrong and the right name may both be asked for.
fn repaired_once(names: Vec<PropName>) -> Vec<PropName> {
    let mut seen = HashSet::new();
    names.into_iter().map(repaired).filter(|name| seen.insert(name.clone())).collect()
}

fn scope(query: &Element) -> Result<Scope, XmlError> {
    let from = query.child(DAV, "from").into_iter().flat_map(Element::elements);
    let mut scopes = from.filter(|element| element.is(DAV, "scope"));
    let (Some(scope), None) = (scopes.next(), scopes.next()) else {
        return Err(XmlError::Invalid("a search has one scope"));
    };
    let href = scope.child(DAV, "href").ok_or(XmlError::Invalid("a scope has an href"))?;
    let depth = match scope.child(DAV, "depth").map(Element::text).as_deref().map(str::trim) {
        Some("0") => SearchDepth::Zero,
        Some("1") => SearchDepth::One,
        None => SearchDepth::Infinity,
        Some(text) if text.eq_ignore_ascii_case("infinity") => SearchDepth::Infinity,
        Some(_) => return Err(XmlError::Invalid("depth is 0, 1 or infinity")),
    };
    Ok(Scope { href: href.text().trim().to_owned(), depth })
}

/// `firstresult` is Nextcloud's, in either namespace.
fn number(limit: Option<&Element>, name: &str) -> Result<Option<u32>, XmlError> {
    let found = limit.and_then(|limit| limit.child(DAV, name).or_else(|| limit.child(NC, name)));
    let number = found.map(|element| element.text().trim().parse());
    number.transpose().map_err(|_| XmlError::Invalid("limits are numbers"))
}

fn orders(orderby: &Element) -> Result<Vec<Order>, XmlError> {
    let mut orders = Vec::new();
    for order in orderby.elements().filter(|element| element.is(DAV, "order")) {
        if orders.len() == MAX_ORDERS {
            return Err(XmlError::TooMany("keys to order by"));
        }
        let direction = match order.child(DAV, "descending") {
            Some(_) => Direction::Descending,
            None => Direction::Ascending,
        };
        orders.push(Order { prop: one_prop(order)?, direction });
    }
    Ok(orders)
}

/// More than one condition in `d:where` means all of them.
fn filter(filter: &Element, limits: &XmlLimits) -> Result<Option<Where>, XmlError> {
    let mut left = MAX_OPERATORS.max(limits.operators);
    let mut found = operands(filter, limits.operators, &mut left)?;
    Ok(if found.len() > 1 { Some(Where::And(found)) } else { found.pop() })
}

/// The conditions in an element. Calls itself `depth` deep at most, `left` times in all.
fn operands(parent: &Element, depth: usize, left: &mut usize) -> Result<Vec<Where>, XmlError> {
    let mut found = Vec::new();
    for element in parent.elements() {
        if depth == 0 {
            return Err(XmlError::TooMany("operators inside each other"));
        }
        *left = left.checked_sub(1).ok_or(XmlError::TooMany("operators"))?;
        found.push(operator(element, depth, left)?);
    }
    Ok(found)
}

fn operator(element: &Element, depth: usize, left: &mut usize) -> Result<Where, XmlError> {
    let op = match (element.namespace(), element.local()) {
        (DAV, "and") => return Ok(Where::And(some(operands(element, depth - 1, left)?)?)),
        (DAV, "or") => return Ok(Where::Or(some(operands(element, depth - 1, left)?)?)),
        (DAV, "not") => {
            let mut inside = operands(element, depth - 1, left)?;
            return match (inside.pop(), inside.is_empty()) {
                (Some(condition), true) => Ok(Where::Not(Box::new(condition))),
                _ => Err(XmlError::Invalid("not has one operand")),
            };
        }
        (DAV, "is-collection") => return Ok(Where::IsCollection),
        (DAV, "is-defined") => return Ok(Where::IsDefined(one_prop(element)?)),
        (DAV, "eq") => Op::Eq,
        (DAV, "lt") => Op::Lt,
        (DAV, "lte") => Op::Lte,
        (DAV, "gt") => Op::Gt,
        (DAV, "gte") => Op::Gte,
        (DAV, "like") => Op::Like,
        _ => return Err(XmlError::Invalid("an unknown operator")),
    };
    let literal = element.child(DAV, "literal").or_else(|| element.child(DAV, "typed-literal"));
    let literal = literal.ok_or(XmlError::Invalid("a comparison needs a literal"))?;
    Ok(Where::Compare { op, prop: one_prop(element)?, literal: literal.text().into_owned() })
}

fn some(operands: Vec<Where>) -> Result<Vec<Where>, XmlError> {
    match operands.is_empty() {
        true => Err(XmlError::Invalid("and and or need operands")),
        false => Ok(operands),
    }
}

fn one_prop(parent: &Element) -> Result<PropName, XmlError> {
    let mut props = parent.child(DAV, "prop").into_iter().flat_map(Element::elements);
    match (props.next(), props.next()) {
        (Some(prop), None) => Ok(repaired(prop.name())),
        _ => Err(XmlError::Invalid("one property is needed here")),
    }
}

/// COMPAT(android): puts a known property from a namespace that Android takes for the right one
/// into its own. Without it the search for favourites or previews finds no property.
fn repaired(name: PropName) -> PropName {
    const MISTAKEN: [&str; 4] = ["", OC, NC, "http://nextcloud.com/ns"];
    const DAV_NAMES: [&str; 9] = [
        "creationdate",
        "displayname",
        "getcontentlength",
        "getcontenttype",
        "getetag",
        "getlastmodified",
        "quota-available-bytes",
        "quota-used-bytes",
        "resourcetype",
    ];
    const OC_NAMES: [&str; 9] = [
        "comments-unread",
        "favorite",
        "fileid",
        "id",
        "owner-display-name",
        "owner-id",
        "permissions",
        "share-types",
        "size",
    ];
    const NC_NAMES: [&str; 11] = [
        "creation_time",
        "has-preview",
        "hidden",
        "is-encrypted",
        "lock",
        "mount-type",
        "note",
        "rich-workspace",
        "sharees",
        "system-tags",
        "upload_time",
    ];
    if !MISTAKEN.contains(&name.namespace.as_str()) {
        return name;
    }
    for (namespace, names) in [(DAV, &DAV_NAMES[..]), (OC, &OC_NAMES), (NC, &NC_NAMES)] {
        if names.contains(&name.local.as_str()) {
            return PropName { namespace: namespace.to_owned(), local: name.local };
        }
    }
    name
}

#[cfg(test)]
mod tests;
