//! `capabilities`: what the server says it can do, and which extension says so.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Map, Value, json};

use super::error::CommandError;
use crate::app::House;
use crate::auth::Caller;
use crate::hooks::Call;
use crate::ocs::base_capabilities;

pub(super) async fn execute(house: &House, user: Option<String>) -> Result<Value, CommandError> {
    let caller = Caller {
        ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        request_id: "-".to_owned(),
        device: None,
        client: "other",
    };
    let view = match &user {
        None => None,
        Some(name) => {
            let uid = house.require_user(name).await?.uid;
            house.auth.view(&caller, uid.as_str()).await?
        }
    };
    let facts = house.ocs.load_full();
    let base = base_capabilities(&facts.ocs, &facts.base_url, view.is_some());
    let call = Call { request_id: caller.request_id, remote_ip: None };
    let made = house.capabilities.make(&call, view.as_ref(), base).await;
    let set_by: Map<String, Value> =
        made.set_by.into_iter().map(|(key, by)| (key, by.into())).collect();
    let refused: Vec<Value> = made
        .refused
        .into_iter()
        .map(|(extension, why)| json!({ "extension": extension, "why": why }))
        .collect();
    Ok(json!({
        "user": view.map(|view| view.id),
        "capabilities": made.capabilities,
        "set_by": set_by,
        "refused": refused,
    }))
}
