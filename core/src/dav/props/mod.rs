//! Properties: which there are, and what they say of a resource.
//!
//! [`live`] is the table of live properties, [`value`] writes them, [`rights`] says what may be done. What is not in the table is a
//! dead property, or missing. Each answer has the found ones first, in one propstat, then the
//! missing ones (clients.md trap 2).

mod live;
mod rights;
mod value;

pub(super) use live::{Live, live};

use crate::proto::dav::{Multistatus, PropName, Propfind, Tag};
use crate::tree::{Listed, Mount, Wants};

/// Who looks, and what of the answer does not depend on the resource.
#[derive(Debug, Clone)]
pub(super) struct Viewer {
    /// Encoded href of the root, without trailing slash.
    pub(super) base: String,
    /// User id, owner of what is seen.
    pub(super) uid: String,
    /// Shown name of the same.
    pub(super) display_name: String,
    /// Suffix of file ids.
    pub(super) instance: crate::ids::InstanceId,
    /// `oc:data-fingerprint`.
    pub(super) fingerprint: String,
    /// Bytes that the quota leaves, -3 for unlimited.
    pub(super) available: i64,
    /// Whether the viewer may change anything.
    pub(super) may_write: bool,
    /// The mount whose tree is seen.
    pub(super) mount: Option<Within>,
    /// Who makes previews.
    pub(super) previews: crate::previews::Previews,
    /// Base of absolute URLs.
    pub(super) base_url: String,
    /// Unix seconds, for what is left of a lock.
    pub(super) now: i64,
}

/// A mount, from inside.
#[derive(Debug, Clone)]
pub(super) struct Within {
    /// What its root is called.
    name: String,
    /// Whether nobody may change it.
    read_only: bool,
}

impl Within {
    pub(super) fn of(mount: &Mount) -> Self {
        Self { name: mount.name().to_owned(), read_only: mount.read_only }
    }
}

/// A wanted property, with its tags made once for all resources.
struct Wanted {
    tag: Tag,
    name: PropName,
    live: Option<Live>,
}

/// What is wanted of each resource.
pub(super) struct PropSet {
    wanted: Vec<Wanted>,
    /// All dead properties too (`allprop`).
    all_dead: bool,
    /// Names alone (`propname`).
    names_only: bool,
    /// Missing ones are not told (`Prefer: return=minimal`, `Brief: t`).
    minimal: bool,
}

impl PropSet {
    /// From the body of a PROPFIND.
    pub(super) fn of(request: Propfind, minimal: bool) -> Self {
        let (names, all) = match request {
            Propfind::Prop(names) => (names, false),
            Propfind::AllProp { include } => {
                let mut names = live::usual();
                names.extend(
                    include.into_iter().filter(|name| live(name).is_none_or(|l| !l.is_usual())),
                );
                (names, true)
            }
            Propfind::PropNames => {
                let mut set = Self::of(Propfind::Prop(live::all()), true);
                (set.all_dead, set.names_only) = (true, true);
                return set;
            }
        };
        // `allprop` has no missing ones: it asks for what there is.
        Self { all_dead: all, minimal: minimal || all, ..Self::exactly(names) }
    }

    /// Exactly these.
    pub(super) fn exactly(names: Vec<PropName>) -> Self {
        let wanted =
            names.into_iter().map(|name| Wanted { tag: Tag::from(&name), live: live(&name), name });
        Self { wanted: wanted.collect(), all_dead: false, names_only: false, minimal: false }
    }

    /// What beside the rows has to be read for it.
    pub(super) fn wants(&self) -> Wants {
        let any = |test: fn(Live) -> bool| self.wanted.iter().filter_map(|w| w.live).any(test);
        Wants {
            favorites: any(|live| live == Live::Favorite),
            locks: any(Live::is_about_locks),
            dead: self.all_dead || self.wanted.iter().any(|wanted| wanted.live.is_none()),
        }
    }

    /// Writes the response of a resource.
    pub(super) fn write(
        &self,
        out: &mut Multistatus,
        viewer: &Viewer,
        listed: &Listed,
        href: &str,
    ) {
        let mut response = out.response(href);
        for wanted in &self.wanted {
            let found = match wanted.live {
                Some(live) if self.names_only => {
                    let found = value::is_there(live, listed);
                    if found {
                        response.empty(&wanted.tag);
                    }
                    found
                }
                Some(live) => value::write(live, &mut response, &wanted.tag, viewer, listed),
                None => {
                    let dead =
                        listed.dead.iter().find(|prop| wanted.name.is(&prop.namespace, &prop.name));
                    if let Some(prop) = dead {
                        response.raw(&wanted.tag, &prop.value);
                    }
                    dead.is_some()
                }
            };
            if !found && !self.minimal {
                response.missing(&wanted.tag);
            }
        }
        if self.all_dead {
            let asked = |namespace: &str, name: &str| {
                self.wanted
                    .iter()
                    .any(|wanted| wanted.live.is_none() && wanted.name.is(namespace, name))
            };
            for prop in listed.dead.iter().filter(|prop| !asked(&prop.namespace, &prop.name)) {
                let tag = Tag::new(&prop.namespace, &prop.name);
                match self.names_only {
                    true => response.empty(&tag),
                    false => response.raw(&tag, &prop.value),
                }
            }
        }
    }
}
