//! A large tree of another user, made quickly.

use anyhow::{Result, ensure};
use e2e::Server;
use e2e::http::{Connection, Request};

/// Files in the folder that is copied again and again.
const FOLDER: usize = 500;

/// Makes about so many files, and stops the server's hurry again.
pub(crate) fn make(server: &mut Server, files: usize) -> Result<()> {
    server.configure("[storage]\ndurability = \"none\"\n")?;
    server.restart()?;
    server.add_user("bulk", "the long password of bulk")?;
    let token = server.token("bulk")?;
    let mut connection = Connection::open(&server.http())?;
    let target = |path: &str| format!("/remote.php/dav/files/bulk/{path}");
    let mut ask = |method: &str, path: &str, fields: &[(&str, &str)], body: &str| -> Result<()> {
        let mut request = Request::new(method, &target(path)).basic("bulk", &token).body(body);
        for (name, value) in fields {
            request = request.field(name, value);
        }
        let answer = connection.send(&request)?;
        ensure!(answer.status == 201, "{method} {path}: {}", answer.status);
        Ok(())
    };
    ask("MKCOL", "f0", &[], "")?;
    for number in 0..FOLDER.min(files) {
        ask("PUT", &format!("f0/{number}.txt"), &[], &format!("file {number}"))?;
    }
    for number in 1..files.div_ceil(FOLDER) {
        let to = target(&format!("f{number}"));
        ask("COPY", "f0", &[("Destination", &to)], "")?;
    }
    server.configure("")?;
    server.restart()
}
