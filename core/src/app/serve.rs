//! `serve`: from the house to an open door, and back to the street at SIGTERM.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::control::ControlSocket;
use super::reload::{Live, Reloaded};
use super::signals::Signals;
use super::{House, StartError, service, settings};
use crate::auth::NewUser;
use crate::config::Settings;
use crate::content::Content;
use crate::feed::{Feed, FeedMetrics};
use crate::http::{Admin, Health, Logs, Metrics};
use crate::ids::random_token;
use crate::net::{CertStore, Inherited, NetMetrics, Server};
use crate::store;
use moonsail_sdk::secret::Secret;

/// How often times of last use are written and old logins removed.
const TIDY: Duration = Duration::from_secs(60);
/// How often rows of deleted folders are swept, and how many at once.
const SWEEP: Duration = Duration::from_secs(1);
const SWEEP_ROWS: usize = 500;
/// How often abandoned uploads are looked for.
const STALE_UPLOADS: Duration = Duration::from_secs(600);
/// How often a store of objects is swept.
const ORPHANS: Duration = Duration::from_secs(6 * 3600);
/// How long after the start it is swept first: also for a server that never runs for six hours.
const FIRST_ORPHANS: Duration = Duration::from_secs(30);
/// How often certificates are looked at.
const CERTIFICATES: Duration = Duration::from_secs(5);

/// What the operator is told on standard output.
pub struct Announcer<'a> {
    /// Prints one line at once.
    pub line: &'a (dyn Fn(&str) + Send + Sync),
    /// Reads the configuration again, at SIGHUP.
    pub reload: &'a (dyn Fn() -> Option<Reloaded> + Send + Sync),
}

/// Serves until SIGTERM or SIGINT; a second one cuts the requests that still run. `given` are the
/// service manager's sockets.
///
/// # Errors
/// [`StartError`] if the house cannot be opened; nothing after that.
pub async fn serve(
    settings: &Settings,
    mut given: Inherited,
    announcer: Announcer<'_>,
) -> Result<(), StartError> {
    let logs = Logs::start(&settings::log(settings))?;
    let house = House::open(settings).await?;
    let certs = CertStore::open(
        settings::certificates(settings, house.folder().path()),
        house.clock.clone(),
    )?;
    let certs = Arc::new(certs);
    let metrics = Metrics::default();
    let net_metrics = NetMetrics::default();
    metrics.register(|registry| net_metrics.register(registry));
    metrics.register(|registry| house.outside_metrics.register(registry));
    metrics.register(|registry| house.plugins.register(registry));
    metrics.register(|registry| house.scripts.register(registry));
    let for_admin = Inherited { plain: std::mem::take(&mut given.admin), ..Inherited::default() };
    let server = Server::bind_or_take(settings::net(settings), given, Some(&certs), net_metrics)?;
    let mut admin = start_admin(&house, settings, for_admin, metrics.clone());
    let mut hangup = signal(SignalKind::hangup())?;
    let mut signals = Signals::take()?;
    let control = match ControlSocket::open(house.folder()) {
        Ok(control) => Some(control),
        Err(error) => {
            tracing::error!(%error, "commands are not taken while this server runs: no socket");
            None
        }
    };
    let first_admin = first_admin(&house).await?;
    let https_port = server.tls_addresses().first().map(SocketAddr::port);
    let live = Live::new(&house, settings, Arc::clone(&certs), metrics.clone(), https_port);
    let mut background = start_background(&house, settings, Arc::clone(&certs));
    let feed_metrics = FeedMetrics::default();
    metrics.register(|registry| feed_metrics.register(registry));
    let feed = house.follow(settings, &feed_metrics).await?;
    announce(&announcer, settings, &server, &certs, first_admin);
    service::ready("serving");
    background.spawn(service::watchdog());

    let (stop, stopping) = oneshot::channel();
    let pipeline = live.pipeline();
    let serving = server
        .serve(move |arrival, request| pipeline.load().serve(arrival, request), async {
            drop(stopping.await)
        });
    let watching = async {
        signals.next().await;
        service::stopping("stopping: running requests may finish");
        tracing::info!("stopping: running requests may finish; a second signal cuts them");
        let _serving_ended = stop.send(());
        signals.next().await;
        tracing::warn!("a second signal: running requests are cut");
    };
    let reloading = async {
        loop {
            hangup.recv().await;
            service::reloading();
            logs.reopen();
            if let Some(reloaded) = (announcer.reload)() {
                live.apply(&house, reloaded).await;
                service::ready("serving; the configuration was read again");
            } else {
                service::ready("serving; the new configuration is wrong, and the old one stays");
            }
        }
    };
    let commanded = async {
        match &control {
            Some(control) => control.serve(&house).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = serving => {}
        () = watching => {}
        () = reloading => {}
        () = commanded => {}
    }
    drop(control);
    background.abort_all();
    admin.abort_all();
    drop((background, admin, live));
    tokio::select! {
        () = close(feed, house) => tracing::info!("stopped"),
        () = signals.next() => {
            tracing::warn!("stopped at once; the next start puts in order what is left");
        }
    }
    Ok(())
}

async fn close(feed: Feed, house: House) {
    feed.stop().await;
    house.close().await;
}

type Tasks = tokio::task::JoinSet<()>;

fn start_background(house: &House, settings: &Settings, certs: Arc<CertStore>) -> Tasks {
    let mut tasks = Tasks::new();
    let auth = Arc::clone(&house.auth);
    tasks.spawn(every(TIDY, move || {
        let auth = Arc::clone(&auth);
        async move {
            if let Err(error) = auth.tidy().await {
                tracing::warn!(%error, "old logins stay for now");
            }
        }
    }));
    let index = Arc::clone(&house.store);
    tasks.spawn(every(SWEEP, move || {
        let index = Arc::clone(&index);
        async move {
            while let Ok(swept) = store::write(&index, |tx| tx.sweep(SWEEP_ROWS)).await {
                if swept == 0 {
                    break;
                }
            }
        }
    }));
    let (content, clock) = (house.content.clone(), house.clock.clone());
    let retention = i64::try_from(settings.storage.upload_retention.as_secs()).unwrap_or(i64::MAX);
    let pause = STALE_UPLOADS.min(settings.storage.upload_retention);
    tasks.spawn(every(pause, move || {
        let (content, before) = (content.clone(), clock.seconds().saturating_sub(retention));
        async move {
            match content.remove_stale_transfers(before).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "abandoned uploads were removed"),
                Err(error) => tracing::warn!(%error, "abandoned uploads stay for now"),
            }
        }
    }));
    let (content, mounts) = (house.content.clone(), house.mounts.clone());
    tasks.spawn(async move {
        for rule in mounts {
            // So that its files are known when somebody comes. One that is away waits for that.
            content.take_over(&rule.mount.tree).await;
        }
    });
    tasks.spawn(Arc::clone(&house.auth).keep_refreshed());
    let (content, grace) = (house.content.clone(), settings.storage.orphan_retention);
    tasks.spawn(async move {
        tokio::time::sleep(FIRST_ORPHANS).await;
        sweep_objects(&content, grace).await;
        every(ORPHANS.min(grace), || sweep_objects(&content, grace)).await;
    });
    tasks.spawn(certs.watch(CERTIFICATES));
    tasks.spawn(house.keeper.clone().run());
    house.scripts.start_timers();
    tasks.spawn(house.guests().watch_scripts());
    tasks
}

/// Removes objects that belong to no file.
async fn sweep_objects(content: &Content, grace: Duration) {
    match content.sweep_objects(grace).await {
        Ok(swept) if swept.removed == 0 => {}
        Ok(swept) => tracing::info!(
            objects = swept.removed,
            bytes = swept.removed_bytes,
            "objects of no file were removed"
        ),
        Err(error) => tracing::warn!(%error, "objects of no file stay for now"),
    }
}

async fn every<F, Fut>(pause: Duration, mut work: F)
where
    F: FnMut() -> Fut + Send,
    Fut: Future<Output = ()> + Send,
{
    loop {
        tokio::time::sleep(pause).await;
        work().await;
    }
}

/// Health and metrics, on an address of their own.
fn start_admin(house: &House, settings: &Settings, given: Inherited, metrics: Metrics) -> Tasks {
    let mut tasks = Tasks::new();
    if settings.server.admin_listen.is_none() && given.plain.is_empty() {
        return tasks;
    }
    let index = Arc::clone(&house.store);
    let content = house.content.clone();
    let min_free = Arc::clone(&house.min_free);
    let scripts = Arc::clone(&house.scripts);
    let admin = Admin::new(metrics, move || {
        let (index, content) = (Arc::clone(&index), content.clone());
        let min_free = Arc::clone(&min_free);
        let degraded = scripts.degraded();
        Box::pin(async move {
            let answers = store::read(&index, |tx| {
                tx.homes().map(|homes| homes.iter().filter(|it| it.owner.is_person()).count())
            })
            .await;
            let free = content.free_space().await;
            let mut health = Health { ok: answers.is_ok() && free.is_ok(), ..Health::default() };
            health.details.insert("homes".into(), answers.unwrap_or(0).into());
            let free = free.ok().flatten();
            health.details.insert("free_bytes".into(), free.into());
            let min_free = min_free.load(Relaxed);
            let uploads = free.is_none_or(|free| free > min_free);
            health.details.insert("uploads_taken".into(), uploads.into());
            health.details.insert("degraded_scripts".into(), degraded.into());
            health
        })
    });
    let net = settings::admin_net(settings);
    let bound = Server::bind_or_take(net, given, None, NetMetrics::default());
    let listener = match bound {
        Ok(listener) => listener,
        // Files are served all the same: a second server on one machine must not fail over it.
        Err(error) => {
            tracing::warn!(%error, "no health and metrics; set server.admin_listen to a free address");
            return tasks;
        }
    };
    tasks.spawn(
        listener
            .serve(move |arrival, request| admin.serve(arrival, request), std::future::pending()),
    );
    tasks
}

/// Makes an administrator where there is no user at all; gives the password, which the server
/// keeps only as a hash.
async fn first_admin(house: &House) -> Result<Option<Secret>, StartError> {
    if !house.auth.list_users("", 1, 0).await?.is_empty() {
        return Ok(None);
    }
    let password = Secret::new(random_token(20));
    let admin = NewUser {
        uid: "admin".to_owned(),
        password: Some(password.clone()),
        admin: true,
        ..NewUser::default()
    };
    house.auth.create_user(admin).await?;
    Ok(Some(password))
}

fn announce(
    announcer: &Announcer<'_>,
    settings: &Settings,
    server: &Server,
    certs: &CertStore,
    first_admin: Option<Secret>,
) {
    let say = |text: &str| (announcer.line)(text);
    let fingerprints = certs.fingerprints();
    if let Some(password) = first_admin {
        say("The first user was made. The password is shown only this once:");
        say(&format!("  user      admin\n  password  {}", password.reveal()));
    }
    if let (Some(ca), Some(path)) = (&fingerprints.ca, certs.ca_path()) {
        say("The certificate is from an authority of this server's own. Let devices trust");
        say(&format!("  {}\n  SHA-256 {ca}", path.display()));
    }
    say(&format!("Certificate SHA-256 {}", fingerprints.leaf));
    if let Some(url) = app_url(settings, server) {
        say(&format!("Type this into the app: {url}"));
    }
    for address in server.tls_addresses() {
        say(&format!("ready https://{address}"));
    }
    for address in server.plain_addresses() {
        say(&format!("ready http://{address}"));
    }
    for path in server.unix_paths() {
        say(&format!("ready unix:{}", path.display()));
    }
}

/// The URL that a person types into the app.
fn app_url(settings: &Settings, server: &Server) -> Option<String> {
    if let Some(url) = &settings.server.public_url {
        return Some(url.clone());
    }
    let address = server.tls_addresses().into_iter().next()?;
    let host = match address.ip() {
        ip if !ip.is_unspecified() => SocketAddr::new(ip, address.port()).to_string(),
        _ => {
            let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
            format!("{name}:{}", address.port())
        }
    };
    Some(format!("https://{host}"))
}
