//! Bytes to [`Element`]: one loop, one stack, over quick-xml's events.

use std::collections::HashSet;
use std::sync::Arc;

use quick_xml::XmlVersion;
use quick_xml::escape::{EscapeError, resolve_predefined_entity, unescape};
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::name::{NamespaceError, NamespaceResolver, Prefix, QName, ResolveResult};
use quick_xml::reader::NsReader;

use super::{Attribute, Element, MAX_ATTRIBUTES, MAX_NAME_BYTES, Node, XmlError, XmlLimits};
use crate::proto::dav::chars::{is_ncname, is_xml_char};
use crate::proto::dav::names;

/// Reads a whole document.
pub(super) fn document(body: &[u8], limits: &XmlLimits) -> Result<Element, XmlError> {
    if body.len() > limits.bytes {
        return Err(XmlError::TooLarge(limits.bytes));
    }
    let text = std::str::from_utf8(body).map_err(|_| XmlError::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    legal(text)?;
    let mut reader = NsReader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut tree = Tree::new(limits);
    let mut first = true;
    loop {
        match reader.read_event().map_err(refused)? {
            Event::Start(start) => {
                let element = tree.element(reader.resolver(), &start)?;
                tree.open.push(element);
            }
            Event::Empty(start) => {
                let element = tree.element(reader.resolver(), &start)?;
                tree.close(element);
            }
            Event::End(_) => {
                let element = tree.open.pop().ok_or_else(|| malformed("a stray end tag"))?;
                tree.close(element);
            }
            Event::Text(text) => tree.text(&text.xml10_content())?,
            Event::CData(data) => {
                tree.inside()?;
                tree.text(&data.xml10_content())?;
            }
            Event::GeneralRef(reference) => {
                tree.inside()?;
                tree.reference(&reference)?;
            }
            Event::Decl(declaration) => check_declaration(&declaration, first)?,
            Event::DocType(_) => return Err(XmlError::Doctype),
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => return tree.finish(),
        }
        first = false;
    }
}

/// The tree so far.
struct Tree {
    depth: usize,
    elements_left: usize,
    /// Elements whose end tag is to come, outermost first.
    open: Vec<Element>,
    root: Option<Element>,
    /// Each namespace, prefix and language once: a document may name a long one on every element.
    shared: HashSet<Arc<str>>,
}

/// A name, resolved.
struct Name {
    namespace: Arc<str>,
    prefix: Arc<str>,
    local: Box<str>,
}

impl Tree {
    fn new(limits: &XmlLimits) -> Self {
        Self {
            depth: limits.depth,
            elements_left: limits.elements(),
            open: Vec::new(),
            root: None,
            shared: HashSet::new(),
        }
    }

    /// The element of a start tag, still without children.
    fn element(
        &mut self,
        resolver: &NamespaceResolver,
        start: &BytesStart<'_>,
    ) -> Result<Element, XmlError> {
        if self.root.is_some() {
            return Err(malformed("more than one root element"));
        }
        if self.open.len() >= self.depth {
            return Err(XmlError::TooDeep(self.depth));
        }
        let left = self.elements_left.checked_sub(1);
        self.elements_left = left.ok_or(XmlError::TooMany("elements"))?;
        let attributes = self.attributes(resolver, start)?;
        let own_lang =
            attributes.iter().find(|a| &*a.local == "lang" && &*a.namespace == names::XML);
        let lang = match own_lang {
            Some(attribute) => Some(self.share(&attribute.value.clone())),
            None => self.open.last().and_then(|parent| parent.lang.clone()),
        };
        let Name { namespace, prefix, local } = self.name(resolver, start.name(), true)?;
        Ok(Element { namespace, prefix, local, lang, attributes, children: Vec::new() })
    }

    fn attributes(
        &mut self,
        resolver: &NamespaceResolver,
        start: &BytesStart<'_>,
    ) -> Result<Vec<Attribute>, XmlError> {
        let mut attributes: Vec<Attribute> = Vec::new();
        let mut declared: Vec<&str> = Vec::new();
        // quick-xml's own search for duplicates is quadratic, so it comes after the count.
        for (count, attribute) in start.attributes().with_checks(false).enumerate() {
            if count >= MAX_ATTRIBUTES {
                return Err(XmlError::TooMany("attributes"));
            }
            let attribute = attribute.map_err(|error| malformed(&error.to_string()))?;
            if attribute.value.contains('<') {
                return Err(malformed("`<` in the value of an attribute"));
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(refused)?;
            legal(&value)?;
            let key = attribute.key.into_inner();
            if attribute.key.as_namespace_binding().is_some() {
                check_binding(key, &value)?;
                if declared.contains(&key) {
                    return Err(malformed("an attribute stands there twice"));
                }
                declared.push(key);
                continue;
            }
            let Name { namespace, prefix, local } = self.name(resolver, attribute.key, false)?;
            if attributes.iter().any(|a| a.local == local && a.namespace == namespace) {
                return Err(malformed("an attribute stands there twice"));
            }
            attributes.push(Attribute { namespace, prefix, local, value: value.into() });
        }
        Ok(attributes)
    }

    /// Namespace, prefix and local name of an element or attribute.
    fn name(
        &mut self,
        resolver: &NamespaceResolver,
        name: QName<'_>,
        element: bool,
    ) -> Result<Name, XmlError> {
        let (local, prefix) = name.decompose();
        let prefix = prefix.as_ref().map_or("", Prefix::as_ref);
        let local = local.into_inner();
        let good = |name: &str| name.len() <= MAX_NAME_BYTES && is_ncname(name);
        let empty_prefix = name.into_inner().starts_with(':');
        if !good(local) || !(prefix.is_empty() || good(prefix)) || empty_prefix || prefix == "xmlns"
        {
            return Err(malformed("a name that is none"));
        }
        let namespace = match resolver.resolve(name, element).0 {
            ResolveResult::Unbound => "".into(),
            // As in the document, so `&amp;` may stand in it.
            ResolveResult::Bound(namespace) => {
                unescape(namespace.into_inner()).map_err(|error| malformed(&error.to_string()))?
            }
            ResolveResult::Unknown(prefix) => return Err(XmlError::UndeclaredPrefix(prefix)),
        };
        if namespace.len() > MAX_NAME_BYTES {
            return Err(malformed("a namespace that is too long"));
        }
        Ok(Name {
            namespace: self.share(&namespace),
            prefix: self.share(prefix),
            local: local.into(),
        })
    }

    fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.shared.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.shared.insert(Arc::clone(&new));
        new
    }

    /// Hands a complete element to its parent.
    fn close(&mut self, element: Element) {
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Node::Element(element)),
            None => self.root = Some(element),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        let Some(parent) = self.open.last_mut() else {
            let blank = text.bytes().all(|byte| byte.is_ascii_whitespace());
            return if blank { Ok(()) } else { Err(malformed("text outside of the root element")) };
        };
        match parent.children.last_mut() {
            _ if text.is_empty() => {}
            Some(Node::Text(before)) => before.push_str(text),
            _ => parent.children.push(Node::Text(text.to_owned())),
        }
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), XmlError> {
        if let Some(c) = reference.resolve_char_ref().map_err(refused)? {
            let mut buffer = [0; 4];
            let text = c.encode_utf8(&mut buffer);
            legal(text)?;
            return self.text(text);
        }
        match resolve_predefined_entity(reference) {
            Some(text) => self.text(text),
            None => Err(XmlError::UnknownEntity(reference.to_string())),
        }
    }

    /// Only blanks may stand outside of the root.
    fn inside(&self) -> Result<(), XmlError> {
        match self.open.is_empty() {
            true => Err(malformed("text outside of the root element")),
            false => Ok(()),
        }
    }

    fn finish(self) -> Result<Element, XmlError> {
        if let Some(open) = self.open.last() {
            return Err(malformed(&format!("the document ends inside {}", open.local)));
        }
        self.root.ok_or_else(|| malformed("there is no element"))
    }
}

/// `xmlns:p=""` is an error in XML 1.0 (Namespaces in XML §2.2), even if `p` is never used.
fn check_binding(key: &str, namespace: &str) -> Result<(), XmlError> {
    let Some(prefix) = key.strip_prefix("xmlns:") else { return Ok(()) };
    if !is_ncname(prefix) || prefix.len() > MAX_NAME_BYTES {
        return Err(malformed("a prefix that is none"));
    }
    match namespace.is_empty() {
        true => Err(XmlError::UndeclaredPrefix(prefix.to_owned())),
        false => Ok(()),
    }
}

/// `<?xml …?>` stands at the very start or not at all.
fn check_declaration(declaration: &BytesDecl<'_>, first: bool) -> Result<(), XmlError> {
    if !first {
        return Err(malformed("the XML declaration is not at the start"));
    }
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(name)) => {
            let known = ["utf-8", "utf8", "us-ascii"].iter().any(|n| name.eq_ignore_ascii_case(n));
            if known { Ok(()) } else { Err(XmlError::NotUtf8) }
        }
        Some(Err(error)) => Err(malformed(&error.to_string())),
    }
}

fn legal(text: &str) -> Result<(), XmlError> {
    match text.chars().all(is_xml_char) {
        true => Ok(()),
        false => Err(malformed("a character that XML does not allow")),
    }
}

fn malformed(why: &str) -> XmlError {
    XmlError::Malformed(why.to_owned())
}

fn refused(error: quick_xml::Error) -> XmlError {
    match error {
        quick_xml::Error::Escape(EscapeError::UnrecognizedEntity(_, name)) => {
            XmlError::UnknownEntity(name)
        }
        quick_xml::Error::Namespace(NamespaceError::TooManyBindings(_)) => {
            XmlError::TooMany("namespace declarations")
        }
        other => XmlError::Malformed(other.to_string()),
    }
}
