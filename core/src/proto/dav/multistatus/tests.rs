//! Tests of the file above.

use super::super::names::{DAV, NC, OC, OCM, OCS};
use super::*;
use crate::proto::dav::xml::{Element, XmlLimits};

const HEAD: &str = "<?xml version=\"1.0\"?>\n<d:multistatus xmlns:d=\"DAV:\" xmlns:s=\"http://sabredav.org/ns\" xmlns:oc=\"http://owncloud.org/ns\" xmlns:nc=\"http://nextcloud.org/ns\"";

fn d(local: &str) -> Tag {
    Tag::new(DAV, local)
}

/// What the recorder re-indented, as it was on the wire.
fn on_the_wire(recorded: &str) -> String {
    recorded.lines().map(str::trim).collect()
}

#[track_caller]
fn check(write: impl FnOnce(&mut Multistatus), recorded: &str) {
    let mut multistatus = Multistatus::begin();
    write(&mut multistatus);
    let expected = format!("{HEAD}>{}</d:multistatus>", on_the_wire(recorded));
    let found = multistatus.finish();
    assert_eq!(std::str::from_utf8(&found).unwrap(), expected);
    Element::parse(&found, &XmlLimits::default()).unwrap();
}

#[test]
fn a_folder_as_recorded_for_android() {
    check(
        |multistatus| {
            let mut r = multistatus.response("/remote.php/dav/files/carol/");
            r.text(&d("getlastmodified"), "Tue, 24 Nov 2026 06:01:05 GMT");
            r.quoted(&d("getetag"), "6b05282124803");
            r.missing(&d("getcontenttype")); // asked for here, listed behind
            r.raw(&d("resourcetype"), "<d:collection/>");
            r.number(&d("quota-available-bytes"), -3);
            r.number(&Tag::new(OC, "size"), 138_115);
            r.text(&Tag::new(NC, "mount-type"), "");
            r.raw(&Tag::new(NC, "sharees"), "");
            r.missing(&Tag::new(NC, "note"));
            r.close();
        },
        "<d:response>
           <d:href>/remote.php/dav/files/carol/</d:href>
           <d:propstat>
             <d:prop>
               <d:getlastmodified>Tue, 24 Nov 2026 06:01:05 GMT</d:getlastmodified>
               <d:getetag>&quot;6b05282124803&quot;</d:getetag>
               <d:resourcetype>
                 <d:collection/>
               </d:resourcetype>
               <d:quota-available-bytes>-3</d:quota-available-bytes>
               <oc:size>138115</oc:size>
               <nc:mount-type></nc:mount-type>
               <nc:sharees/>
             </d:prop>
             <d:status>HTTP/1.1 200 OK</d:status>
           </d:propstat>
           <d:propstat>
             <d:prop>
               <d:getcontenttype/>
               <nc:note/>
             </d:prop>
             <d:status>HTTP/1.1 404 Not Found</d:status>
           </d:propstat>
         </d:response>",
    );
}

#[test]
fn share_permissions_as_recorded_for_ios() {
    check(
        |multistatus| {
            let mut r = multistatus.response("/remote.php/dav/files/carol/b.txt");
            r.number(&Tag::new(OCS, "share-permissions"), 19);
            r.text(&Tag::new(OCM, "share-permissions"), r#"["share","read","write"]"#);
            r.empty(&d("resourcetype"));
            drop(r);
            let mut r = multistatus.response("/remote.php/dav/files/carol/b.txt");
            r.text(&Tag::new("http://example.com/ns", "colour"), "blue");
            r.missing(&Tag::new("http://example.com/ns", "nothing"));
        },
        r#"<d:response>
             <d:href>/remote.php/dav/files/carol/b.txt</d:href>
             <d:propstat>
               <d:prop>
                 <x1:share-permissions xmlns:x1="http://open-collaboration-services.org/ns">19</x1:share-permissions>
                 <x2:share-permissions xmlns:x2="http://open-cloud-mesh.org/ns">[&quot;share&quot;,&quot;read&quot;,&quot;write&quot;]</x2:share-permissions>
                 <d:resourcetype/>
               </d:prop>
               <d:status>HTTP/1.1 200 OK</d:status>
             </d:propstat>
           </d:response>
           <d:response>
             <d:href>/remote.php/dav/files/carol/b.txt</d:href>
             <d:propstat>
               <d:prop>
                 <x1:colour xmlns:x1="http://example.com/ns">blue</x1:colour>
               </d:prop>
               <d:status>HTTP/1.1 200 OK</d:status>
             </d:propstat>
             <d:propstat>
               <d:prop>
                 <x1:nothing xmlns:x1="http://example.com/ns"/>
               </d:prop>
               <d:status>HTTP/1.1 404 Not Found</d:status>
             </d:propstat>
           </d:response>"#,
    );
}

#[test]
fn proppatch_as_recorded() {
    let group = |status, namespace, local, condition| PropstatGroup {
        status,
        names: vec![PropName::new(namespace, local)],
        condition,
    };
    check(
        |multistatus| {
            multistatus.propstats(
                "/remote.php/dav/files/carol/b.txt",
                &[
                    group(StatusCode::FORBIDDEN, DAV, "getcontentlength", None),
                    group(StatusCode::FAILED_DEPENDENCY, "http://example.com/ns", "colour", None),
                ],
            );
        },
        r#"<d:response>
             <d:href>/remote.php/dav/files/carol/b.txt</d:href>
             <d:propstat>
               <d:prop>
                 <d:getcontentlength/>
               </d:prop>
               <d:status>HTTP/1.1 403 Forbidden</d:status>
             </d:propstat>
             <d:propstat>
               <d:prop>
                 <x1:colour xmlns:x1="http://example.com/ns"/>
               </d:prop>
               <d:status>HTTP/1.1 424 Failed Dependency</d:status>
             </d:propstat>
           </d:response>"#,
    );
    check(
        |multistatus| {
            let why = Some(Condition::CannotModifyProtectedProperty);
            multistatus.propstats("/x", &[group(StatusCode::FORBIDDEN, DAV, "getetag", why)]);
        },
        "<d:response><d:href>/x</d:href><d:propstat><d:prop><d:getetag/></d:prop>\
         <d:status>HTTP/1.1 403 Forbidden</d:status>\
         <d:error><d:cannot-modify-protected-property/></d:error></d:propstat></d:response>",
    );
}

#[test]
fn failed_members_have_a_bare_status() {
    check(
        |multistatus| {
            multistatus.member("/a/b", StatusCode::FORBIDDEN, None);
            let locked = Condition::LockTokenSubmitted(vec!["/a".into()]);
            multistatus.member("/a/c&d", StatusCode::LOCKED, Some(&locked));
            multistatus.member("/a/e", StatusCode::INSUFFICIENT_STORAGE, None);
        },
        "<d:response><d:href>/a/b</d:href><d:status>HTTP/1.1 403 Forbidden</d:status></d:response>\
         <d:response><d:href>/a/c&amp;d</d:href><d:status>HTTP/1.1 423 Locked</d:status>\
         <d:error><d:lock-token-submitted><d:href>/a</d:href></d:lock-token-submitted></d:error>\
         </d:response>\
         <d:response><d:href>/a/e</d:href>\
         <d:status>HTTP/1.1 507 Insufficient Storage</d:status></d:response>",
    );
}

#[test]
fn no_responses_are_an_empty_element_as_recorded() {
    assert_eq!(Multistatus::begin().finish(), format!("{HEAD}/>"));
    let mut taken = Multistatus::begin();
    let first = taken.take();
    assert!(taken.is_empty());
    assert_eq!([first, taken.finish()].concat(), format!("{HEAD}/>").into_bytes());
}

#[test]
fn a_response_without_properties_still_has_a_propstat() {
    check(
        |multistatus| multistatus.response("/x").close(),
        "<d:response><d:href>/x</d:href><d:propstat><d:prop/>\
         <d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>",
    );
    check(
        |multistatus| multistatus.response("/x").missing(&d("a")),
        "<d:response><d:href>/x</d:href><d:propstat><d:prop><d:a/></d:prop>\
         <d:status>HTTP/1.1 404 Not Found</d:status></d:propstat></d:response>",
    );
}

#[test]
fn what_is_missing_stays_with_its_own_resource() {
    check(
        |multistatus| {
            multistatus.response("/x").missing(&d("a"));
            multistatus.response("/y").empty(&d("a"));
        },
        "<d:response><d:href>/x</d:href><d:propstat><d:prop><d:a/></d:prop>\
         <d:status>HTTP/1.1 404 Not Found</d:status></d:propstat></d:response>\
         <d:response><d:href>/y</d:href><d:propstat><d:prop><d:a/></d:prop>\
         <d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>",
    );
}

#[test]
fn pieces_make_the_whole() {
    let etag = d("getetag");
    let write = |multistatus: &mut Multistatus, n: i64| {
        let mut r = multistatus.response(&format!("/{n}"));
        r.number(&etag, n);
        r.missing(&etag);
    };
    let (mut whole, mut pieces) = (Multistatus::begin(), Multistatus::begin());
    let mut joined = Vec::new();
    for n in 0..50 {
        write(&mut whole, n);
        write(&mut pieces, n);
        if pieces.len() > 500 {
            joined.extend_from_slice(&pieces.take());
            assert_eq!(pieces.len(), 0);
        }
    }
    joined.extend_from_slice(&pieces.finish());
    assert_eq!(whole.finish(), joined);
}

proptest::proptest! {
    #[test]
    fn any_text_comes_back(href in ".*", text in "\\PC*|[\\x00-\\x{1f}\\x{fffe}a\"&<>]*") {
        let mut multistatus = Multistatus::begin();
        multistatus.response(&href).text(&d("displayname"), &text);
        let root = Element::parse(&multistatus.finish(), &XmlLimits::default()).unwrap();
        let response = root.child(DAV, "response").unwrap();
        let legal = |text: &str| -> String {
            let kept = |c: char| if crate::proto::dav::chars::is_xml_char(c) { c } else { '\u{fffd}' };
            text.chars().map(kept).collect()
        };
        proptest::prop_assert_eq!(response.child(DAV, "href").unwrap().text(), legal(&href));
        let prop = response.child(DAV, "propstat").unwrap().child(DAV, "prop").unwrap();
        proptest::prop_assert_eq!(prop.child(DAV, "displayname").unwrap().text(), legal(&text));
    }
}
