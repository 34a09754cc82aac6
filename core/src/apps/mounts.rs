//! Which instance answers which routes, now.

use std::sync::Arc;

use arc_swap::ArcSwap;
use moonsail_sdk::http::{Access, HttpApp};

use super::call::Target;
use super::pattern::Pattern;
use super::refusal::Refusal;

/// Names that are apps of the core, or of the reference server and so known to clients: an instance
/// under one of them would be taken for it.
const TAKEN: [&str; 28] = [
    "activity",
    "admin_audit",
    "bruteforcesettings",
    "cloud_federation_api",
    "comments",
    "core",
    "dashboard",
    "dav",
    "end_to_end_encryption",
    "federation",
    "files",
    "files_external",
    "files_lock",
    "files_reminders",
    "files_sharing",
    "files_trashbin",
    "files_versions",
    "logreader",
    "notifications",
    "notify_push",
    "oauth2",
    "provisioning_api",
    "settings",
    "systemtags",
    "terms_of_service",
    "theming",
    "user_status",
    "weather_status",
];

/// An extension's routes cannot be mounted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{instance}: {what}")]
pub struct BadRoute {
    /// The instance.
    pub instance: String,
    /// What is wrong, and with which route.
    pub what: String,
}

/// All instances that answer requests. Replaced as a whole; a request that runs keeps its own.
#[derive(Default)]
pub struct Mounts(ArcSwap<Vec<Mounted>>);

struct Mounted {
    instance: String,
    app: Arc<dyn HttpApp>,
    routes: Vec<Mount>,
}

struct Mount {
    /// Its number among the extension's routes.
    number: u32,
    method: String,
    pattern: Pattern,
    access: Access,
    max_body: u64,
}

/// A route that fits a request.
pub(super) struct Found {
    pub(super) app: Arc<dyn HttpApp>,
    pub(super) number: u32,
    pub(super) params: Vec<(String, String)>,
    pub(super) access: Access,
    pub(super) max_body: u64,
}

impl Mounts {
    /// Mounts these instances, under their names, and nothing else any more.
    ///
    /// # Errors
    /// [`BadRoute`], and all stays as it was.
    pub fn set(&self, apps: Vec<(String, Arc<dyn HttpApp>)>) -> Result<(), BadRoute> {
        let mut all: Vec<Mounted> = Vec::with_capacity(apps.len());
        for (instance, app) in apps {
            let bad = |what: String| BadRoute { instance: instance.clone(), what };
            let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            if instance.is_empty() || !instance.bytes().all(word) {
                let what = "its name goes into URLs: letters, digits, - and _ only";
                return Err(bad(what.to_owned()));
            }
            if TAKEN.contains(&instance.to_ascii_lowercase().as_str()) {
                let what = "clients know another app by this name: choose another one";
                return Err(bad(what.to_owned()));
            }
            if all.iter().any(|other| other.instance == instance) {
                return Err(bad("two instances have this name".to_owned()));
            }
            let routes = mounts_of(&instance, &*app).map_err(bad)?;
            all.push(Mounted { instance, app, routes });
        }
        self.0.store(Arc::new(all));
        Ok(())
    }

    pub(super) fn has(&self, instance: &str) -> bool {
        self.0.load().iter().any(|mounted| mounted.instance == instance)
    }

    /// The route for a method and the decoded segments behind the instance's name.
    pub(super) fn find(
        &self,
        target: &Target<'_>,
        segments: &[String],
        method: &str,
    ) -> Result<Found, Refusal> {
        let all = self.0.load();
        let mounted = all.iter().find(|mounted| mounted.instance == target.instance);
        let mounted = mounted.ok_or(Refusal::Missing)?;
        let ours = mounted.routes.iter().filter(|route| route.pattern.ocs == target.is_ocs());
        let mut others = Vec::new();
        for route in ours {
            let Some(params) = route.pattern.fit(segments) else { continue };
            if route.method == method || (route.method == "GET" && method == "HEAD") {
                let (app, number) = (Arc::clone(&mounted.app), route.number);
                let (access, max_body) = (route.access, route.max_body);
                return Ok(Found { app, number, params, access, max_body });
            }
            others.push(route.method.as_str());
            others.extend((route.method == "GET").then_some("HEAD"));
        }
        match others.is_empty() {
            true => Err(Refusal::Missing),
            false => Err(Refusal::WrongMethod(others.join(", "))),
        }
    }
}

fn mounts_of(instance: &str, app: &dyn HttpApp) -> Result<Vec<Mount>, String> {
    let mut mounts = Vec::new();
    for (number, route) in (0..).zip(app.routes()) {
        let bad = |why: &str| format!("the route {} {}: {why}", route.method, route.pattern);
        let upper = |b: u8| b.is_ascii_uppercase() || b == b'-';
        if route.method.is_empty() || !route.method.bytes().all(upper) || route.method == "HEAD" {
            return Err(bad("its method must be one in capitals, and GET stands for HEAD, too"));
        }
        let pattern = Pattern::parse(&route.pattern, instance).map_err(|why| bad(&why))?;
        let (method, access, max_body) = (route.method, route.access, route.max_body);
        mounts.push(Mount { number, method, pattern, access, max_body });
    }
    Ok(mounts)
}
