//! XML documents (`threats` §6): bounded, and the same again when they are written and read.

use moonsail::proto::dav::xml::{Element, Node, XmlLimits};

/// Limits that hold what an answer may hold.
const WIDE: XmlLimits =
    XmlLimits { bytes: 1 << 30, depth: 100, properties: 1 << 20, operators: 100 };

pub(super) fn target(input: &[u8]) {
    let limits = XmlLimits::default();
    let Ok(root) = Element::parse(input, &limits) else { return };
    assert!(depth(&root) <= limits.depth);
    let written = root.outer_xml();
    let again = Element::parse(written.as_bytes(), &WIDE);
    let again = again.unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(again, root, "{written}");
    inside(&root);
}

/// What is inside stands alone in an element of ours.
pub(super) fn inside(element: &Element) {
    let inner = element.inner_xml();
    let wrapped = format!("<d:x xmlns:d=\"DAV:\">{inner}</d:x>");
    let again = Element::parse(wrapped.as_bytes(), &WIDE);
    let again = again.unwrap_or_else(|error| panic!("{error}: {wrapped}"));
    assert!(again.is("DAV:", "x"), "{wrapped}");
    let names = |of: &Element| of.elements().map(Element::name).collect::<Vec<_>>();
    assert_eq!(names(&again), names(element), "{wrapped}");
    assert_eq!(again.text(), element.text(), "{wrapped}");
}

fn depth(root: &Element) -> usize {
    let (mut deepest, mut waiting) = (0, vec![(root, 1)]);
    while let Some((element, depth)) = waiting.pop() {
        deepest = deepest.max(depth);
        let inside = element.children().iter().filter_map(|child| match child {
            Node::Element(element) => Some((element, depth + 1)),
            Node::Text(_) => None,
        });
        waiting.extend(inside);
    }
    deepest
}

/// An answer of ours is well-formed.
pub(super) fn well_formed(answer: &[u8]) -> Element {
    let read = Element::parse(answer, &WIDE);
    read.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(answer)))
}
