//! What a viewer may do with a resource: the letters of `oc:permissions` and their kin.
//!
//! | What                             | Letters               | Source                             |
//! |----------------------------------|-----------------------|------------------------------------|
//! | own folder, file                 | `RGDNVCK`, `RGDNVW`   | recorded server                    |
//! | own folder with mounts below     | `RGCK`                | it can neither go nor be renamed; a home's root as ever |
//! | a mount's root                   | `MGCK`                | Nextcloud `View`: not movable      |
//! | folder, file in a mount          | `MGDNVCK`, `MGDNVW`   | Nextcloud `DavUtil`, no resharing  |
//! | anything in a read-only mount    | `MG`                  | same, by its mask of permissions   |
//! | with an app password that reads  | no letter of a change | threats §3                         |

use super::Viewer;
use crate::tree::{Graft, Listed};

/// What somebody may do with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rights {
    /// One's own.
    Own { writes: bool, folder: bool },
    /// One's own folder, with mounts below.
    AboveMounts { writes: bool },
    /// Where a mount is seen.
    MountRoot { writes: bool },
    /// In a mount.
    InMount { writes: bool, folder: bool },
}

impl Rights {
    pub(super) fn of(viewer: &Viewer, listed: &Listed) -> Self {
        let (writes, folder) = (viewer.may_write, listed.node.is_folder());
        match (&viewer.mount, &listed.graft) {
            (None, None) => Self::Own { writes, folder },
            (_, Some(Graft::Above(_))) if listed.path.is_root() => Self::Own { writes, folder },
            (_, Some(Graft::Above(_))) => Self::AboveMounts { writes },
            (_, Some(Graft::Root { read_only })) => {
                Self::MountRoot { writes: writes && !read_only }
            }
            (Some(mount), None) => {
                let writes = writes && !mount.read_only;
                match listed.path.is_root() {
                    true => Self::MountRoot { writes },
                    false => Self::InMount { writes, folder },
                }
            }
        }
    }

    /// In the recorded order `S R M G D NV W CK`.
    pub(super) fn letters(self) -> &'static str {
        match self {
            Self::Own { writes: true, folder: true } => "RGDNVCK",
            Self::Own { writes: true, folder: false } => "RGDNVW",
            Self::Own { writes: false, .. } | Self::AboveMounts { writes: false } => "RG",
            Self::AboveMounts { writes: true } => "RGCK",
            Self::MountRoot { writes: true } => "MGCK",
            Self::InMount { writes: true, folder: true } => "MGDNVCK",
            Self::InMount { writes: true, folder: false } => "MGDNVW",
            Self::MountRoot { writes: false } | Self::InMount { writes: false, .. } => "MG",
        }
    }

    /// `ocs:share-permissions`: 1 read, 2 update, 4 create, 8 delete, 16 share. Of one's own what a
    /// share could give, whatever the app password may.
    pub(super) fn share_bits(self) -> i64 {
        match self {
            Self::Own { folder: true, .. } | Self::AboveMounts { .. } => 31,
            Self::Own { folder: false, .. } => 19,
            Self::MountRoot { writes: true } => 5,
            Self::InMount { writes: true, folder: true } => 15,
            Self::InMount { writes: true, folder: false } => 3,
            Self::MountRoot { writes: false } | Self::InMount { writes: false, .. } => 1,
        }
    }
}
