//! A directory of a test's own: OpenLDAP's slapd with its certificate, its people and groups.
//!
//! It also has the password policy overlay, so accounts can be locked and passwords can expire.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::tools;

/// Everything is below this entry: people in `ou=people`, groups in `ou=groups`, and an empty
/// `ou=elsewhere` to move things to.
pub const BASE: &str = "dc=example,dc=test";
/// An entry that may read everything but passwords, at most 500 entries without paging.
pub const READER: &str = "cn=reader,dc=example,dc=test";
/// Its password.
pub const READER_PASSWORD: &str = "reads everything";
/// An entry that may do anything.
pub const ADMIN: &str = "cn=admin,dc=example,dc=test";
/// Its password.
pub const ADMIN_PASSWORD: &str = "changes everything";
/// The password of everybody whom [`person`] makes.
pub const PASSWORD: &str = "correct horse battery";

/// The password policy that holds for everybody; it allows everything.
pub const POLICY: &str = "cn=policy,dc=example,dc=test";

/// How long slapd and its tools may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Ports are free when we look, and may be taken before slapd has them.
const TRIES: usize = 5;

/// A running slapd. Dropping it ends it and removes its files.
pub struct Slapd {
    folder: TempDir,
    child: Option<Child>,
    port: u16,
    tls_port: u16,
}

/// Why there is none here; `None` if it can be started.
pub fn impossible() -> Option<String> {
    let missing = ["slapd", "slapadd", "ldapmodify", "openssl"]
        .into_iter()
        .filter(|name| program(name).is_none())
        .collect::<Vec<_>>();
    match missing.is_empty() {
        true => None,
        false => Some(format!("{} is missing (packages slapd, ldap-utils)", missing.join(", "))),
    }
}

/// Whether a test has to do without: loudly, and where `CI` is set not at all.
///
/// # Panics
/// Where `CI` is set and there is no slapd.
#[expect(clippy::print_stderr, reason = "what is skipped has to be seen")]
pub fn must_skip() -> bool {
    let Some(reason) = impossible() else { return false };
    assert!(std::env::var_os("CI").is_none(), "{reason}");
    eprintln!("SKIPPED, and that is no success: {reason}");
    true
}

/// The LDIF of somebody in `ou=people` with more `lines` (each ended). Lines of one attribute have to
/// stand together, so further `uid`s come first.
pub fn person(uid: &str, name: &str, lines: &str) -> String {
    format!(
        "dn: uid={uid},ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: {uid}\n{lines}\
         cn: {name}\nsn: {name}\nuserPassword: {PASSWORD}\n\n"
    )
}

/// The LDIF of a group in `ou=groups` with members by DN.
pub fn group(name: &str, members: &[&str]) -> String {
    let members: String = members.iter().map(|dn| format!("member: {dn}\n")).collect();
    format!("dn: cn={name},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: {name}\n{members}\n")
}

/// The DN that [`person`] has.
pub fn person_dn(uid: &str) -> String {
    format!("uid={uid},ou=people,{BASE}")
}

/// The DN that [`group`] has.
pub fn group_dn(name: &str) -> String {
    format!("cn={name},ou=groups,{BASE}")
}

impl Slapd {
    /// Starts one with the given people and groups.
    ///
    /// # Errors
    /// When it is missing or does not become ready; with what it said.
    pub fn start(people_and_groups: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("moonsail-slapd-").tempdir()?;
        let at = folder.path();
        std::fs::create_dir(at.join("db"))?;
        authority(at, "ca")?;
        authority(at, "other-ca")?;
        certificate(at, "DNS:localhost,IP:127.0.0.1")?;
        std::fs::write(at.join("slapd.conf"), configuration(at))?;
        let ldif = at.join("base.ldif");
        std::fs::write(&ldif, format!("{}{people_and_groups}", base_ldif()))?;
        tools::require(
            slap("slapadd").args(["-q", "-f"]).arg(at.join("slapd.conf")).arg("-l").arg(&ldif),
            LIMIT,
        )?;
        let mut slapd = Self { folder, child: None, port: 0, tls_port: 0 };
        slapd.launch_on_free_ports()?;
        Ok(slapd)
    }

    /// `ldap://`, for StartTLS or none.
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// The port of [`Slapd::url`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `ldaps://`.
    pub fn tls_url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.tls_port)
    }

    /// The authority that has signed the directory's certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// An authority that has nothing to do with the directory.
    pub fn other_ca(&self) -> PathBuf {
        self.folder.path().join("other-ca.pem")
    }

    /// A folder for the test's own files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Changes the directory as [`ADMIN`], by the LDIF of changes.
    ///
    /// # Errors
    /// What `ldapmodify` says.
    pub fn change(&self, ldif: &str) -> Result<()> {
        let file = self.folder.path().join("change.ldif");
        std::fs::write(&file, ldif)?;
        let mut command = slap("ldapmodify");
        command.args(["-x", "-H", &self.url(), "-D", ADMIN, "-w", ADMIN_PASSWORD, "-f"]).arg(&file);
        tools::require(&mut command, LIMIT)?;
        Ok(())
    }

    /// Replaces one attribute of an entry; without a value it is removed.
    ///
    /// # Errors
    /// As [`Slapd::change`].
    pub fn set(&self, dn: &str, attribute: &str, value: &str) -> Result<()> {
        let value = match value.is_empty() {
            true => String::new(),
            false => format!("{attribute}: {value}\n"),
        };
        self.change(&format!("dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{value}\n"))
    }

    /// Stops it as its service manager would.
    ///
    /// # Errors
    /// When it does not run, or does not end.
    pub fn stop(&mut self) -> Result<()> {
        self.signal("INT")?;
        let mut child = self.child.take().context("slapd does not run")?;
        let begun = Instant::now();
        while child.try_wait()?.is_none() {
            if begun.elapsed() > LIMIT {
                child.kill()?;
                child.wait()?;
                bail!("slapd did not stop");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Starts it again on the ports that it had.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start_again(&mut self) -> Result<()> {
        self.launch()
    }

    /// Stops its clock (SIGSTOP): it takes connections and answers nothing.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self) -> Result<()> {
        self.signal("STOP")
    }

    /// Ends [`Slapd::freeze`].
    ///
    /// # Errors
    /// When it does not run.
    pub fn thaw(&self) -> Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> Result<()> {
        let pid = self.child.as_ref().context("slapd does not run")?.id().to_string();
        tools::require(Command::new("kill").args(["-s", name, &pid]), LIMIT)?;
        Ok(())
    }

    fn launch_on_free_ports(&mut self) -> Result<()> {
        let mut last = None;
        for _ in 0..TRIES {
            let (one, two) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
            (self.port, self.tls_port) = (one.local_addr()?.port(), two.local_addr()?.port());
            drop((one, two));
            match self.launch() {
                Ok(()) => return Ok(()),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("slapd was never tried")?)
    }

    fn launch(&mut self) -> Result<()> {
        let said = self.folder.path().join("said");
        let child = slap("slapd")
            .arg("-f")
            .arg(self.folder.path().join("slapd.conf"))
            .args(["-h", &format!("{} {}", self.url(), self.tls_url()), "-d", "0"])
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&said)?)
            .spawn()
            .context("starting slapd")?;
        let child = self.child.insert(child);
        let begun = Instant::now();
        while begun.elapsed() < LIMIT {
            if let Some(status) = child.try_wait()? {
                self.child = None;
                bail!("slapd ended with {status}: {}", std::fs::read_to_string(&said)?);
            }
            let open = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
            if open(self.port) && open(self.tls_port) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("slapd does not answer: {}", std::fs::read_to_string(&said)?)
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Also ends one that is frozen.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Debian keeps some of them where only root looks.
fn program(name: &str) -> Option<PathBuf> {
    tools::find(name).or_else(|| Some(Path::new("/usr/sbin").join(name)).filter(|at| at.is_file()))
}

fn slap(name: &str) -> Command {
    Command::new(program(name).unwrap_or_else(|| name.into()))
}

/// A new elliptic key, without a pass phrase.
const NEW_KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

fn authority(at: &Path, name: &str) -> Result<()> {
    let (key, cert) = (at.join(format!("{name}.key")), at.join(format!("{name}.pem")));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-days", "30", "-subj", "/CN=An authority"]).args(NEW_KEY);
    tools::require(command.arg("-keyout").arg(key).arg("-out").arg(cert), LIMIT)?;
    Ok(())
}

/// `cert.pem` with `key.pem`, signed by `ca.pem`.
fn certificate(at: &Path, names: &str) -> Result<()> {
    let (request, extensions) = (at.join("cert.csr"), at.join("cert.ext"));
    std::fs::write(&extensions, format!("subjectAltName={names}\n"))?;
    let mut command = Command::new("openssl");
    command.args(["req", "-new", "-subj", "/CN=directory"]).args(NEW_KEY);
    command.arg("-keyout").arg(at.join("key.pem")).arg("-out").arg(&request);
    tools::require(&mut command, LIMIT)?;
    let mut command = Command::new("openssl");
    command.args(["x509", "-req", "-days", "30", "-CAcreateserial", "-in"]).arg(&request);
    command.arg("-CA").arg(at.join("ca.pem")).arg("-CAkey").arg(at.join("ca.key"));
    command.arg("-extfile").arg(&extensions).arg("-out").arg(at.join("cert.pem"));
    tools::require(&mut command, LIMIT)?;
    Ok(())
}

fn configuration(at: &Path) -> String {
    let at = at.display();
    format!(
        "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {at}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
TLSCertificateFile {at}/cert.pem
TLSCertificateKeyFile {at}/key.pem
database mdb
maxsize 67108864
suffix \"{BASE}\"
rootdn \"{ADMIN}\"
rootpw \"{ADMIN_PASSWORD}\"
directory {at}/db
index objectClass,member,entryUUID eq
index uid,cn,mail eq,sub
limits dn.exact=\"{READER}\" size.soft=500 size.hard=500 size.prtotal=unlimited
overlay ppolicy
ppolicy_default \"{POLICY}\"
access to attrs=userPassword by self write by anonymous auth by * none
access to * by users read by * none
"
    )
}

fn base_ldif() -> String {
    let mut text = format!(
        "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n\
         dn: {READER}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n\
         cn: reader\nuserPassword: {READER_PASSWORD}\n\n\
         dn: {POLICY}\nobjectClass: organizationalRole\nobjectClass: pwdPolicy\n\
         cn: policy\npwdAttribute: userPassword\n\n"
    );
    for unit in ["people", "groups", "elsewhere"] {
        text.push_str(&format!(
            "dn: ou={unit},{BASE}\nobjectClass: organizationalUnit\nou: {unit}\n\n"
        ));
    }
    text
}
