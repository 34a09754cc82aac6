//! What never changes about an entry: the subject by which its account is kept.

use ldap3::SearchEntry;

use crate::entry;

/// Attributes that directories keep for this, in the order in which they are looked for.
const KNOWN: [&str; 4] = ["entryUUID", "objectGUID", "nsUniqueId", "ipaUniqueID"];

/// The attributes that `id_attribute` means.
pub(crate) fn attributes(id_attribute: &str) -> Vec<String> {
    match id_attribute {
        "auto" => KNOWN.map(str::to_owned).into(),
        name => vec![name.to_owned()],
    }
}

/// The subject of an entry, from the first of the attributes that it has.
pub(crate) fn of(entry: &SearchEntry, attributes: &[String]) -> Option<String> {
    attributes.iter().find_map(|name| {
        let value = entry::bytes(entry, name)?;
        if is_guid(name) {
            return guid_text(&value);
        }
        String::from_utf8(value).ok().filter(|text| !text.is_empty())
    })
}

/// The filter that finds an entry by its subject; `None` if the attribute cannot have this value.
pub(crate) fn filter(attribute: &str, subject: &str) -> Option<String> {
    if !is_guid(attribute) {
        return Some(format!("({attribute}={})", ldap3::ldap_escape(subject)));
    }
    let value: String = guid_bytes(subject)?.iter().map(|byte| format!("\\{byte:02x}")).collect();
    Some(format!("({attribute}={value})"))
}

/// Active Directory's is sixteen bytes, not text.
fn is_guid(attribute: &str) -> bool {
    attribute.eq_ignore_ascii_case("objectGUID")
}

/// The usual text of a GUID: its first three numbers are stored with the least byte first.
const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

fn guid_text(bytes: &[u8]) -> Option<String> {
    let bytes: &[u8; 16] = bytes.try_into().ok()?;
    let hex: Vec<String> = ORDER.iter().map(|at| format!("{:02x}", bytes[*at])).collect();
    Some(
        [&hex[..4], &hex[4..6], &hex[6..8], &hex[8..10], &hex[10..]]
            .map(|part| part.concat())
            .join("-"),
    )
}

fn guid_bytes(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.split('-').collect();
    if digits.len() != 32 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 16];
    for (at, place) in ORDER.into_iter().enumerate() {
        bytes[place] = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_guid_is_written_as_windows_writes_it() {
        let bytes: Vec<u8> = (1..=16).collect();
        let text = "04030201-0605-0807-090a-0b0c0d0e0f10";
        assert_eq!(guid_text(&bytes).as_deref(), Some(text));
        assert_eq!(guid_bytes(text).map(Vec::from), Some(bytes));
        for wrong in
            ["", "x", "0403020106050807090a0b0c0d0e0f1", "04030201-0605-0807-090a-0b0c0d0e0fäö"]
        {
            assert_eq!(guid_bytes(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_first_attribute_that_is_there_counts() {
        let entry = |text: &[(&str, &str)], binary: &[(&str, &[u8])]| SearchEntry {
            dn: "uid=x".to_owned(),
            attrs: text
                .iter()
                .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]))
                .collect::<HashMap<_, _>>(),
            bin_attrs: binary
                .iter()
                .map(|(name, value)| ((*name).to_owned(), vec![value.to_vec()]))
                .collect::<HashMap<_, _>>(),
        };
        let auto = attributes("auto");
        let guid = [0xff; 16];
        for (entry, expected) in [
            (entry(&[("entryuuid", "u-1"), ("nsUniqueId", "n-1")], &[]), Some("u-1")),
            (entry(&[], &[("objectGUID", &guid)]), Some("ffffffff-ffff-ffff-ffff-ffffffffffff")),
            // Sixteen bytes that happen to be text.
            (
                entry(&[("objectGUID", "aaaaaaaaaaaaaaaa")], &[]),
                Some("61616161-6161-6161-6161-616161616161"),
            ),
            (entry(&[("objectGUID", "short")], &[]), None),
            (entry(&[("entryUUID", "")], &[]), None),
            (entry(&[("uid", "x")], &[]), None),
        ] {
            assert_eq!(of(&entry, &auto).as_deref(), expected, "{entry:?}");
        }
    }
}
