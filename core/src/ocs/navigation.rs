//! `core/navigation/apps` and `apps/files/api/v1/directEditing`: what the apps offer beside files.

use serde_json::json;

use super::call::Call;
use super::reply::Answer;
use crate::pages::LOGO_PATH;

/// Where the apps open the files in a browser (clients.md §32).
const FILES_PAGE: &str = "/index.php/apps/files/";

/// `GET core/navigation/apps`: the files, for the desktop's menu. `absolute=true` asks for URLs.
pub(super) fn apps(call: &Call) -> Answer {
    let absolute = matches!(call.field("absolute"), "true" | "1");
    let base = if absolute { &*call.request.base_url } else { "" };
    Answer::Tagged(json!([{
        "id": "files",
        "order": 0,
        "href": format!("{base}{FILES_PAGE}"),
        "icon": format!("{base}{}", *LOGO_PATH),
        "type": "link",
        "name": "Files",
        "app": "files",
        "active": false,
        "unread": 0,
        "classes": "",
        "default": true
    }]))
}

/// `GET apps/files/api/v1/directEditing`: there are no editors.
///
/// COMPAT(ios): asked without looking at the capabilities; 404 is shown as an error, and lists in
/// place of the two objects are not understood (clients.md §35).
pub(super) fn direct_editing() -> Answer {
    Answer::Tagged(json!({ "editors": {}, "creators": {} }))
}
