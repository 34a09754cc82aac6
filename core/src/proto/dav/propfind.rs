//! The body of `PROPFIND` (RFC 4918 §9.1, §14.20).
//!
//! | Body                          | Meaning                    | Source |
//! |-------------------------------|----------------------------|--------|
//! | none                          | `allprop`                  | §9.1   |
//! | `d:prop`                      | these                      | §14.18 |
//! | `d:allprop`, `d:include`      | the usual ones, and these  | §14.2  |
//! | `d:propname`                  | names alone                | §14.21 |
//! | none of these, or two of them | 400                        | §14.20 |

use super::names::{DAV, PropName};
use super::xml::{Element, XmlError, XmlLimits, is_blank, prop_names};

/// What a client wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Propfind {
    /// What the server thinks usual.
    AllProp {
        /// Properties wanted besides.
        include: Vec<PropName>,
    },
    /// Names of all properties, without values.
    PropNames,
    /// These, each once, in the client's order.
    Prop(Vec<PropName>),
}

impl Propfind {
    /// Reads a body.
    ///
    /// # Errors
    /// [`XmlError`], all 400.
    pub fn parse(body: &[u8], limits: &XmlLimits) -> Result<Self, XmlError> {
        if is_blank(body) {
            return Ok(Self::AllProp { include: Vec::new() });
        }
        let root = Element::parse_root(body, "propfind", limits)?;
        let mut found = None;
        for element in root.elements().filter(|element| element.namespace() == DAV) {
            let meaning = match element.local() {
                "prop" => Self::Prop(prop_names(element, limits)?),
                "allprop" => {
                    let include = root.child(DAV, "include");
                    let include = include.map(|named| prop_names(named, limits)).transpose()?;
                    Self::AllProp { include: include.unwrap_or_default() }
                }
                "propname" => Self::PropNames,
                _ => continue, // §17: unknown elements are ignored
            };
            if found.replace(meaning).is_some() {
                return Err(XmlError::Invalid("propfind asks for two things"));
            }
        }
        found.ok_or(XmlError::Invalid("propfind asks for nothing"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::names::{NC, OC, OCM, OCS};
    use super::*;

    fn d(local: &str) -> PropName {
        PropName::new(DAV, local)
    }

    #[test]
    fn bodies_mean_what_rfc4918_says() {
        for (body, expected, source) in [
            ("", Some(Propfind::AllProp { include: vec![] }), "§9.1"),
            (" \r\n", Some(Propfind::AllProp { include: vec![] }), "§9.1, as good as none"),
            (
                r#"<?xml version="1.0"?><d:propfind xmlns:d="DAV:"><d:propname/></d:propfind>"#,
                Some(Propfind::PropNames),
                "the trace's",
            ),
            (
                r#"<propfind xmlns="DAV:"><allprop/><include><a xmlns="urn:x"/><getetag/></include></propfind>"#,
                Some(Propfind::AllProp {
                    include: vec![PropName::new("urn:x", "a"), d("getetag")],
                }),
                "§14.8",
            ),
            (
                r#"<d:propfind xmlns:d="DAV:"><d:prop><d:b/><d:a/><d:b>x</d:b></d:prop></d:propfind>"#,
                Some(Propfind::Prop(vec![d("b"), d("a")])),
                "each once, in order",
            ),
            (
                r#"<D:propfind xmlns:D="DAV:"><E:more xmlns:E="urn:e"/><D:prop/></D:propfind>"#,
                Some(Propfind::Prop(vec![])),
                "§17: extensions are ignored",
            ),
            (r#"<d:propfind xmlns:d="DAV:"/>"#, None, "§14.20"),
            (
                r#"<d:propfind xmlns:d="DAV:"><d:prop/><d:propname/></d:propfind>"#,
                None,
                "§14.20: one of them",
            ),
            (r#"<propfind><prop/></propfind>"#, None, "without a namespace it is another element"),
            (r#"<foo>"#, None, "litmus propfind_invalid"),
            (
                r#"<D:propfind xmlns:D="DAV:"><D:prop><bar:foo xmlns:bar=""/></D:prop></D:propfind>"#,
                None,
                "litmus propfind_invalid2",
            ),
        ] {
            assert_eq!(
                Propfind::parse(body.as_bytes(), &XmlLimits::default()).ok(),
                expected,
                "{body} ({source})"
            );
        }
    }

    #[test]
    fn the_wrong_root_is_named_as_the_recorded_server_does() {
        let error = Propfind::parse(
            br#"<?xml version="1.0"?><d:foo xmlns:d="DAV:"/>"#,
            &XmlLimits::default(),
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "Expected {DAV:}propfind but received {DAV:}foo as the root element"
        );
    }

    #[test]
    fn the_apps_are_understood() {
        let desktop = r#"<?xml version="1.0" ?>
<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns">
  <d:prop>
    <d:resourcetype />
    <oc:size />
    <is-encrypted xmlns="http://nextcloud.org/ns" />
    <share-permissions xmlns="http://open-collaboration-services.org/ns"/>
  </d:prop>
</d:propfind>
"#;
        let expected = vec![
            d("resourcetype"),
            PropName::new(OC, "size"),
            PropName::new(NC, "is-encrypted"),
            PropName::new(OCS, "share-permissions"),
        ];
        assert_eq!(
            Propfind::parse(desktop.as_bytes(), &XmlLimits::default()),
            Ok(Propfind::Prop(expected))
        );

        let ios = r#"<?xml version="1.0" encoding="UTF-8"?><d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:nc="http://nextcloud.org/ns" xmlns:ocs="http://open-collaboration-services.org/ns" xmlns:ocm="http://open-cloud-mesh.org/ns"><d:prop><d:displayname /><nc:lock-time/><share-permissions xmlns="http://open-collaboration-services.org/ns"/><ocm:share-permissions/></d:prop></d:propfind>"#;
        let expected = vec![
            d("displayname"),
            PropName::new(NC, "lock-time"),
            PropName::new(OCS, "share-permissions"),
            PropName::new(OCM, "share-permissions"),
        ];
        assert_eq!(
            Propfind::parse(ios.as_bytes(), &XmlLimits::default()),
            Ok(Propfind::Prop(expected))
        );

        // rclone, backend/webdav (vendor nextcloud).
        let rclone = r#"<?xml version="1.0"?>
<d:propfind  xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:nc="http://nextcloud.org/ns">
 <d:prop>
  <d:displayname />
  <d:getlastmodified />
  <d:getcontentlength />
  <d:resourcetype />
  <d:getcontenttype />
  <oc:checksums />
  <oc:permissions />
 </d:prop>
</d:propfind>
"#;
        let Propfind::Prop(props) =
            Propfind::parse(rclone.as_bytes(), &XmlLimits::default()).unwrap()
        else {
            panic!("not a list of properties")
        };
        assert_eq!(props.len(), 7);
        assert_eq!(props[5], PropName::new(OC, "checksums"));
    }

    #[test]
    fn a_thousand_properties_are_enough() {
        let body = |count: usize| {
            let props: String = (0..count).map(|n| format!("<d:p{n}/>")).collect();
            format!(r#"<d:propfind xmlns:d="DAV:"><d:prop>{props}</d:prop></d:propfind>"#)
        };
        assert!(Propfind::parse(body(1000).as_bytes(), &XmlLimits::default()).is_ok());
        assert_eq!(
            Propfind::parse(body(1001).as_bytes(), &XmlLimits::default()),
            Err(XmlError::TooMany("properties"))
        );
    }
}
