//! A database of its own on the PostgreSQL server that the tests were given. `.ci/postgres run` starts one.

use std::{
    env,
    sync::atomic::{AtomicU32, Ordering},
};

use patchrelay_process::Command;

use crate::world::PATIENCE;

/// The variable with the URL of a database on the server.
const SERVER: &str = "PATCHRELAY_TEST_POSTGRES";

/// A database on the server.
pub(crate) struct Server {
    name: String,
    /// The URL of the database.
    pub(crate) url: String,
}

impl Server {
    /// Makes a new database there.
    pub(crate) async fn with_database() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("life_{}_{number}", std::process::id());
        let server = variable(SERVER);
        let (address, _) = server.rsplit_once('/').expect("it names a database");
        let made = Self { url: format!("{address}/{name}"), name };
        made.client("createdb", &[]).await;
        made
    }

    /// Removes the database, whoever still uses it.
    pub(crate) async fn drop_database(&self) {
        self.client("dropdb", &["--force"]).await;
    }

    async fn client(&self, program: &str, args: &[&str]) {
        let command = Command::new(program, env::temp_dir())
            .args(args)
            .args([format!("--maintenance-db={}", variable(SERVER)), self.name.clone()])
            .env("PATH", variable("PATH"));
        let output = command.run(PATIENCE).await.unwrap();
        assert!(output.status.success(), "{program}: {}", output.stderr);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server and its programs are the developer's choice"
)]
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: use .ci/postgres run"))
}
