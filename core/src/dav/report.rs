//! `REPORT` (RFC 3253 §3.6): `oc:filter-files`, by which iOS lists favourites (clients.md §23).
//!
//! | Situation                     | Answer | Source                                        |
//! |-------------------------------|--------|-----------------------------------------------|
//! | matches, at any depth         | 207    | recorded server                               |
//! | none                          | 207, empty | clients.md §23: an error makes iOS ask again |
//! | another report                | 415 with `d:supported-report` | recorded server        |

use super::DavError;
use super::context::Context;
use super::propfind::multistatus;
use super::props::PropSet;
use super::search::{limit, run};
use crate::proto::dav::{FilterFiles, FilterRule, XmlError};
use crate::store::search::{Filter, Question};
use crate::wire::{Reply, ReplyBody, Request};

pub(super) async fn report(
    context: &Context<'_>,
    request: &mut Request,
) -> Result<Reply, DavError> {
    let body = context.read_xml(request).await?;
    let report =
        FilterFiles::parse(&body, &context.dav.settings.xml).map_err(|error| match error {
            XmlError::UnknownReport(_) => DavError::UnknownReport,
            error => error.into(),
        })?;
    let (node, _) = context.find().await?;
    let rules = report.rules.iter().map(filter).collect();
    let question = Question {
        below: node.id,
        user: context.principal.uid.clone(),
        filter: Filter::And(rules),
        sort: Vec::new(),
        offset: report.offset.map_or(0, |offset| offset as usize),
        limit: limit(context, report.limit),
        time: context.dav.settings.search_timeout,
        members_only: false,
    };
    let set = PropSet::exactly(report.props);
    let viewer = context.viewer(request).await?;
    let found = run(context, question, set, viewer).await?;
    Ok(multistatus(ReplyBody::Full(found)))
}

fn filter(rule: &FilterRule) -> Filter {
    match rule {
        FilterRule::Favorite(on) => Filter::Favorite(*on),
        // There are no tags, and nothing has what is not known: no match, which is an answer.
        FilterRule::SystemTag(_) | FilterRule::Other { .. } => Filter::Or(Vec::new()),
    }
}
