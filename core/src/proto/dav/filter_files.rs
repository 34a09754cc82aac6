//! `REPORT` with `oc:filter-files`: all files below a folder that match rules (Nextcloud
//! `apps/dav/lib/Connector/Sabre/FilesReportPlugin.php`). iOS lists favourites with it.

use super::names::{DAV, OC, PropName};
use super::xml::{Element, XmlError, XmlLimits, is_blank, prop_names};

/// One rule; a file must match all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterRule {
    /// Marked by the user, or not.
    Favorite(bool),
    /// Has the system tag of this id.
    SystemTag(String),
    /// A rule that is not known.
    Other {
        /// Its name.
        name: PropName,
        /// Its text.
        value: String,
    },
}

/// The report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterFiles {
    /// Properties wanted of each file.
    pub props: Vec<PropName>,
    /// All must match. The real server answers 412 without any.
    pub rules: Vec<FilterRule>,
    /// At most so many.
    pub limit: Option<u32>,
    /// Skip so many.
    pub offset: Option<u32>,
}

impl FilterFiles {
    /// Reads a body.
    ///
    /// # Errors
    /// [`XmlError::UnknownReport`] for another report (415), others are 400.
    pub fn parse(body: &[u8], limits: &XmlLimits) -> Result<Self, XmlError> {
        if is_blank(body) {
            return Err(XmlError::Empty);
        }
        let root = Element::parse(body, limits)?;
        if !root.is(OC, "filter-files") {
            return Err(XmlError::UnknownReport(root.name()));
        }
        let props = root.child(DAV, "prop").map(|prop| prop_names(prop, limits)).transpose()?;
        let props = props.unwrap_or_default();
        let rules = root.child(OC, "filter-rules").into_iter().flat_map(Element::elements);
        let rules: Vec<_> = rules.map(rule).take(MAX_RULES + 1).collect();
        if rules.len() > MAX_RULES {
            return Err(XmlError::TooMany("rules"));
        }
        let paging = root.child(OC, "search");
        let number = |name| match paging.and_then(|paging| paging.child(OC, name)) {
            Some(element) => element.text().trim().parse().map(Some).map_err(|_| NOT_A_NUMBER),
            None => Ok(None),
        };
        Ok(Self { props, rules, limit: number("limit")?, offset: number("offset")? })
    }
}

const MAX_RULES: usize = 100;
const NOT_A_NUMBER: XmlError = XmlError::Invalid("limit and offset are numbers");

fn rule(element: &Element) -> FilterRule {
    let value = element.text().trim().to_owned();
    match (element.namespace(), element.local()) {
        (OC, "favorite") => FilterRule::Favorite(matches!(value.as_str(), "1" | "true" | "yes")),
        (OC, "systemtag") => FilterRule::SystemTag(value),
        _ => FilterRule::Other { name: element.name(), value },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_of_ios_is_understood() {
        let body = r#"<?xml version="1.0"?>
<oc:filter-files xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:nc="http://nextcloud.org/ns">
  <d:prop>
    <d:getetag/>
    <oc:favorite/>
  </d:prop>
  <oc:filter-rules>
    <oc:favorite>1</oc:favorite>
  </oc:filter-rules>
</oc:filter-files>
"#;
        let expected = FilterFiles {
            props: vec![PropName::new(DAV, "getetag"), PropName::new(OC, "favorite")],
            rules: vec![FilterRule::Favorite(true)],
            limit: None,
            offset: None,
        };
        assert_eq!(FilterFiles::parse(body.as_bytes(), &XmlLimits::default()), Ok(expected));
    }

    #[test]
    fn rules_and_pages() {
        let body = |inside: &str| {
            format!(r#"<filter-files xmlns="http://owncloud.org/ns">{inside}</filter-files>"#)
        };
        let parse =
            |inside: &str| FilterFiles::parse(body(inside).as_bytes(), &XmlLimits::default());
        let found = parse(
            "<filter-rules><systemtag>7</systemtag><favorite>0</favorite><circle>c</circle>\
             </filter-rules><search><limit>20</limit><offset>40</offset></search>",
        );
        let found = found.unwrap();
        assert_eq!((found.limit, found.offset), (Some(20), Some(40)));
        let other = FilterRule::Other { name: PropName::new(OC, "circle"), value: "c".into() };
        let tag = FilterRule::SystemTag("7".into());
        assert_eq!(found.rules, [tag, FilterRule::Favorite(false), other]);
        assert_eq!(parse("<search><limit>x</limit></search>"), Err(NOT_A_NUMBER));
    }

    #[test]
    fn another_report_is_named() {
        let body = br#"<?xml version="1.0"?><oc:foo xmlns:oc="http://owncloud.org/ns"/>"#;
        let expected = XmlError::UnknownReport(PropName::new(OC, "foo"));
        assert_eq!(FilterFiles::parse(body, &XmlLimits::default()), Err(expected));
    }
}
