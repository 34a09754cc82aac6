//! Which characters XML 1.0 allows, in a document (§2.2) and in a name (Namespaces in XML §3).

/// `Char` of XML 1.0 §2.2.
pub(crate) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// `NCName`: a name without a colon. quick-xml takes anything up to a blank for a name, and names
/// of properties go into answers as they are.
pub(crate) fn is_ncname(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(starts_name) && chars.all(continues_name)
}

fn starts_name(c: char) -> bool {
    matches!(c, 'A'..='Z' | '_' | 'a'..='z'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
        | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}'
        | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

fn continues_name(c: char) -> bool {
    starts_name(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}'
            | '\u{203f}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_namespaces_in_xml() {
        for (name, expected) in [
            ("getetag", true),
            ("creation_time", true),
            ("metadata-photos-size", true),
            ("größe", true),
            ("", false),
            ("1st", false),
            ("-a", false),
            ("a:b", false),
            ("a<b", false),
            ("a\"b", false),
            ("a>b", false),
        ] {
            assert_eq!(is_ncname(name), expected, "{name:?}");
        }
    }

    #[test]
    fn characters_follow_xml_1_0() {
        for (c, expected) in [
            ('\0', false),
            ('\u{8}', false),
            ('\t', true),
            ('\n', true),
            ('\r', true),
            ('\u{1f}', false),
            ('\u{7f}', true),
            ('\u{fffd}', true),
            ('\u{fffe}', false),
            ('\u{ffff}', false),
            ('😀', true),
        ] {
            assert_eq!(is_xml_char(c), expected, "{c:?}");
        }
    }
}
