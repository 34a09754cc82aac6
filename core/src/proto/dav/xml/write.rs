//! [`Element`] to XML that stands alone: for dead properties and owners of locks.

use super::{Attribute, Element, Node};
use crate::proto::dav::escape::{push_attribute, push_text};
use crate::proto::dav::names;

/// What is left to write, last first.
enum Step<'a> {
    Node(&'a Node, Top),
    Element(&'a Element, Top),
    /// The end tag, and how many declarations are in scope behind it.
    End(&'a Element, usize),
}

/// Whether an element is the outermost that is written, so that what it inherits must be said.
#[derive(Clone, Copy, PartialEq)]
enum Top {
    Yes,
    No,
}

/// The children of an element.
pub(super) fn inner(element: &Element) -> String {
    run(element.children.iter().rev().map(|child| Step::Node(child, Top::Yes)).collect())
}

/// A whole element.
pub(super) fn outer(element: &Element) -> String {
    run(vec![Step::Element(element, Top::Yes)])
}

fn run(mut steps: Vec<Step<'_>>) -> String {
    let mut out = String::new();
    let mut scope: Vec<(&str, &str)> = Vec::new();
    while let Some(step) = steps.pop() {
        let (element, top) = match step {
            Step::Node(Node::Text(text), _) => {
                push_text(&mut out, text);
                continue;
            }
            Step::End(element, outside) => {
                out.push_str("</");
                push_name(&mut out, &element.prefix, &element.local);
                out.push('>');
                scope.truncate(outside);
                continue;
            }
            Step::Node(Node::Element(element), top) | Step::Element(element, top) => (element, top),
        };
        let outside = scope.len();
        push_start(&mut out, element, top, &mut scope);
        if element.children.is_empty() {
            out.push_str("/>");
            scope.truncate(outside);
            continue;
        }
        out.push('>');
        steps.push(Step::End(element, outside));
        steps.extend(element.children.iter().rev().map(|child| Step::Node(child, Top::No)));
    }
    out
}

/// The start tag up to its `>`.
fn push_start<'a>(
    out: &mut String,
    element: &'a Element,
    top: Top,
    scope: &mut Vec<(&'a str, &'a str)>,
) {
    out.push('<');
    push_name(out, &element.prefix, &element.local);
    declare(out, &element.prefix, &element.namespace, scope);
    for Attribute { namespace, prefix, .. } in &element.attributes {
        // An attribute without a prefix has no namespace, whatever the default one is.
        if !prefix.is_empty() {
            declare(out, prefix, namespace, scope);
        }
    }
    let own_lang = element.attribute(names::XML, "lang").is_some();
    if let Some(lang) = element.lang().filter(|_| top == Top::Yes && !own_lang) {
        push_pair(out, "xml", "lang", lang);
    }
    for Attribute { prefix, local, value, .. } in &element.attributes {
        push_pair(out, prefix, local, value);
    }
}

/// Declares a prefix, if it does not already mean this namespace here.
fn declare<'a>(
    out: &mut String,
    prefix: &'a str,
    namespace: &'a str,
    scope: &mut Vec<(&'a str, &'a str)>,
) {
    let found = scope.iter().rev().find(|(known, _)| *known == prefix).map(|(_, meaning)| *meaning);
    if prefix == "xml" || found.unwrap_or_default() == namespace {
        return;
    }
    match prefix.is_empty() {
        true => push_pair(out, "", "xmlns", namespace),
        false => push_pair(out, "xmlns", prefix, namespace),
    }
    scope.push((prefix, namespace));
}

fn push_pair(out: &mut String, prefix: &str, local: &str, value: &str) {
    out.push(' ');
    push_name(out, prefix, local);
    out.push_str("=\"");
    push_attribute(out, value);
    out.push('"');
}

fn push_name(out: &mut String, prefix: &str, local: &str) {
    if !prefix.is_empty() {
        out.push_str(prefix);
        out.push(':');
    }
    out.push_str(local);
}
