//! `MKCOL`: create a collection (RFC 4918 §9.3), with properties (RFC 5689).
//!
//! | Situation           | Answer | Source     |
//! |---------------------|--------|------------|
//! | created             | 201    | §9.3.1     |
//! | URL already mapped  | 405    | §9.3.1     |
//! | parent missing      | 409    | §9.3.1     |
//! | body not understood | 415    | §9.3.1     |
//! | disk nearly full    | 507    | §9.3.1     |

use http::StatusCode;

use super::context::Context;
use super::{DavError, proppatch};
use crate::proto::dav::{MkcolBody, PropOp, XmlError};
use crate::tree::TreeError;
use crate::wire::{Reply, Request};

pub(super) async fn mkcol(context: &Context<'_>, request: &mut Request) -> Result<Reply, DavError> {
    context.require_new(&context.spot())?;
    let body = context.read_xml(request).await?;
    let props = match MkcolBody::parse(&body, &context.dav.settings.xml) {
        Ok(body) => body,
        Err(XmlError::UnsupportedBody) => return Err(DavError::UnsupportedMediaType),
        // A body that is no XML is one that is not understood, too (§9.3.1).
        Err(_) if !context.says_xml(request) => return Err(DavError::UnsupportedMediaType),
        Err(error) => return Err(error.into()),
    };
    context.before_mkdir(request, &context.path).await?;
    if !props.set.is_empty() {
        let set = props.set.iter().map(PropOp::name);
        context.before_proppatch(request, set, [].into_iter()).await?;
    }
    context.require_space(0).await?;
    let changes = proppatch::changes_for_new(context, &props)?;
    let most = context.dav.settings.dead_properties;
    if changes.len() > most {
        return Err(context.refused(TreeError::TooManyProperties));
    }
    let conditions = context.conditions.clone();
    let made = context.committer().mkcol(context.path.clone(), conditions, changes, most);
    let node = made.await.map_err(|error| context.refused(error))?;
    let id = context.dav.installation.instance.file_id(node.id);
    Ok(Reply::empty(StatusCode::CREATED).header("oc-fileid", id))
}
